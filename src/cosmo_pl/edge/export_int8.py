"""8-bit encoders: static quantisation by onnxruntime, and what it costs and gains."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from cosmo_pl.edge.export_recordings import RunRecordings
from cosmo_pl.exported import ExportedRecogniser

