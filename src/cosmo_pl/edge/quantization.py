"""Encoders of an export in 8-bit integers, calibrated on training samples, beside those in single precision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from numpy.typing import NDArray

from cosmo_pl.edge.export_recordings import RunRecordings, training_samples
from cosmo_pl.edge.timing import prediction_seconds
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.exported import ExportedRecogniser

LAYERS = ("Conv", "Gemm")  # those with learned weights; the matrices of a Fourier transform are in "MatMul"
SAMPLES = 256  # of training subjects


@dataclass
class SamplesInTurn:
    """A `CalibrationDataReader` of onnxruntime.

    Args:
        samples: Input to samples (n, *shape).
    """

    samples: Mapping[str, NDArray[Any]]
    _next: int = field(default=0, init=False)

    def get_next(self) -> dict[str, NDArray[Any]] | None:
        """The next sample of each input (1, *shape); None after the last one of the shortest input."""
        at = self._next
        self._next += 1
        found = {name: values[at : at + 1] for name, values in self.samples.items()}
        return found if all(map(len, found.values())) else None


def quantized(graph: bytes, samples: Mapping[str, NDArray[Any]]) -> bytes:
    """An ONNX graph whose convolutions and linear layers are in 8-bit integers; recurrent layers stay in float.

    Args:
        graph: The graph.
        samples: Input to samples (n, *shape); they set the ranges that the integers stand for.
    """
    from onnxruntime.quantization import QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with TemporaryDirectory() as folder:
        given, prepared, result = (Path(folder, name) for name in ("given.onnx", "prepared.onnx", "int8.onnx"))
        given.write_bytes(graph)
        quant_pre_process(given, prepared, skip_symbolic_shape=True)
        quantize_static(
            prepared,
            result,
            SamplesInTurn(samples),
            op_types_to_quantize=LAYERS,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            reduce_range=True,  # weights of 7 bits: sums of two products saturate on processors without VNNI
        )
        return result.read_bytes()


def quantized_encoders(
    description: Mapping[str, Any], graphs: Mapping[str, bytes], samples: Mapping[str, NDArray[Any]]
) -> dict[str, bytes]:
    """The encoders of an export that have layers to quantise.

    Args:
        description: Content of ``model.json``.
        graphs: Name to graph.
        samples: Modality to training samples (n, *shape), see `quantized`.

    Returns:
        Name of an encoder to its quantised graph.

    Raises:
        ConfigurationError: No encoder has such layers.
    """
    import onnx

    encoders = {each["graph"]: each["modalities"] for each in description["encoders"].values()}
    layers = {name: {node.op_type for node in onnx.load_from_string(graphs[name]).graph.node} for name in encoders}
    found = [name for name, types in layers.items() if types & set(LAYERS)]
    if not found:
        problem = f"the encoders of {description['method']} have no convolution and no linear layer"
        raise ConfigurationError("int8", problem, "Export it without --int8")
    return {name: quantized(graphs[name], {each: samples[each] for each in encoders[name]}) for name in found}


def comparison(
    recognisers: Mapping[str, ExportedRecogniser], sizes: Mapping[str, int], recordings: RunRecordings
) -> dict[str, dict[str, Any]]:
    """Accuracy on the test subjects, size and time of exports of one run.

    Args:
        recognisers: Name to export.
        sizes: Name to the bytes of its graphs.
        recordings: Recordings of the run.

    Returns:
        Name to ``accuracy``, see `RunRecordings.accuracy`, ``bytes``, and ``seconds`` of the processor for the
        recognition of one sample, see `percentiles`.
    """
    seconds = prediction_seconds(recognisers, training_samples(recordings.data, 1))
    return {
        name: {"accuracy": recordings.accuracy(recogniser), "bytes": sizes[name], "seconds": seconds[name]}
        for name, recogniser in recognisers.items()
    }
