"""What recognition costs in PyTorch, exported, and exported in 8-bit integers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.flop_counter import FlopCounterMode

from cosmo_pl.data import MultimodalDataModule
from cosmo_pl.edge.export import described, loaded, total_size
from cosmo_pl.edge.export_recordings import training_samples
from cosmo_pl.edge.quantization import SAMPLES, quantized_encoders
from cosmo_pl.edge.timing import one_thread, prediction_seconds
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.recogniser import AnyRecogniser, Recogniser


def overheads(recogniser: Recogniser, data: MultimodalDataModule) -> dict[str, Any]:
    """Size, operations and time of the recognition of one sample, in the sensors' units, at one thread.

    Args:
        recogniser: A trained classifier.
        data: Its data, set up, for the sample and the calibration.

    Returns:
        ``parameters``; ``flops`` of one sample, see `count_flops`; ``bytes`` of the graphs and ``seconds`` of the
        processor for one sample, see `percentiles`, by "torch" (seconds only), "onnx" and "int8"; and ``refused``, why
        "onnx" or "int8" are not there, or None.
    """
    sample = training_samples(data, 1)
    graphs, refused = _graphs(recogniser, data)
    with one_thread():
        recognisers: dict[str, AnyRecogniser] = {"torch": recogniser}
        recognisers |= {name: loaded(*each) for name, each in graphs.items()}
        seconds = prediction_seconds(recognisers, sample)
    return {
        "parameters": sum(each.numel() for each in recogniser.module.parameters()),
        "flops": count_flops(recogniser, sample),
        "bytes": {name: total_size(content) for name, (_, content) in graphs.items()},
        "seconds": seconds,
        "refused": refused,
    }


def count_flops(recogniser: Recogniser, sample: Mapping[str, NDArray[Any]]) -> int:
    """Floating-point operations of convolutions and products of matrices, where a product and its sum count as two.

    Preprocessing, activations, and the comparisons of trees do not count.

    Args:
        recogniser: A trained classifier.
        sample: Modality to a sample (1, *shape).
    """
    inputs = {name: torch.from_numpy(np.asarray(values, np.float32)) for name, values in sample.items()}
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        recogniser.module.classify(inputs)
    return int(counter.get_total_flops())


Graphs = dict[str, tuple[dict[str, Any], dict[str, bytes]]]


def _graphs(recogniser: Recogniser, data: MultimodalDataModule) -> tuple[Graphs, str | None]:
    """Content of ``model.json`` and the graphs in float and in 8-bit integers, as far as there are any."""
    found: Graphs = {}
    try:
        description, graphs = described(recogniser)
        found["onnx"] = (description, graphs)
        quantised = quantized_encoders(description, graphs, training_samples(data, SAMPLES))
        found["int8"] = (description, graphs | quantised)
    except ConfigurationError as error:
        return found, str(error)
    return found, None
