"""ONNX graphs of a classifier: one per encoder, from a sensor's raw samples to features, and one head."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from cosmo_pl.data.normalization import Normalization
from cosmo_pl.data.transforms import Transform
from cosmo_pl.edge.neighbors import NeighborDistance
from cosmo_pl.modules import ClassifierModule
from cosmo_pl.modules.base import TreeHead, joined
from cosmo_pl.quiet import quiet
from cosmo_pl.recogniser import Recogniser
from cosmo_pl.stream_names import name_of, parts_of

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestClassifier

OPSET = 18
TREES, TREE_OPSET = "ai.onnx.ml", 3  # domain of trees
SAMPLES = 3  # of the example that a graph is traced with; the graph takes any number


class EncoderGraph(nn.Module):
    """Preprocessing and encoder of one stream, on samples in the sensors' units.

    Args:
        encoder: Network from standardised samples to features.
        transforms: Modality of the stream to its preprocessing steps.
        normalization: Modality to its statistics.
    """

    def __init__(
        self,
        encoder: nn.Module,
        transforms: Mapping[str, Sequence[Transform]],
        normalization: Mapping[str, Normalization],
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.transforms = transforms
        self.normalization = normalization

    def forward(self, *samples: Tensor) -> Tensor:
        """Encodes samples (N, *shape) of each modality of the stream into features (N, *)."""
        prepared = {}
        for (name, steps), values in zip(self.transforms.items(), samples, strict=True):
            for step in steps:
                values = step(values)
            prepared[name] = self.normalization[name].apply(values)
        features: Tensor = self.encoder(joined(prepared, name_of(prepared)))
        return features


class HeadGraph(nn.Module):
    """Second half of a classifier that is a network.

    Args:
        module: The classifier.
        streams: Its streams, in order.
    """

    def __init__(self, module: ClassifierModule, streams: Sequence[str]) -> None:
        super().__init__()
        self.module = module
        self.streams = tuple(streams)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Classifies features (N, *) of each stream, and last the streams' availability (N, M).

        Returns:
            Logits and probabilities (N, num_classes), with attention also the weights (N, M).
        """
        *features, available = inputs
        columns = dict(zip(self.streams, available.unbind(dim=1), strict=True))
        logits, weights = self.module.classify_features(dict(zip(self.streams, features, strict=True)), columns)
        return logits, logits.softmax(dim=1), *([] if weights is None else [weights])


class TreeResult(nn.Module):
    """What is after the trees of a forest.

    Args:
        logits: See `TreeHead`.
    """

    def __init__(self, logits: nn.Module) -> None:
        super().__init__()
        self.logits = logits

    def forward(self, votes: Tensor) -> tuple[Tensor, Tensor]:
        """Logits and probabilities (N, num_classes) from the sums of the trees' probabilities (N, K)."""
        logits: Tensor = self.logits(votes)
        return logits, logits.softmax(dim=1)


def encoder_graphs(recogniser: Recogniser) -> dict[str, Any]:
    """One ONNX graph per stream, with an input (N, *shape) per modality and the output "features" (N, *).

    Args:
        recogniser: The classifier with its preprocessing.

    Raises:
        ConfigurationError: The method cannot be exported.
    """
    graphs = {}
    for stream, encoder in recogniser.module.stream_encoders().items():
        names = parts_of(stream)
        transforms = {name: recogniser.transforms.get(name, ()) for name in names}
        module = EncoderGraph(encoder, transforms, recogniser.trained.normalization)
        samples = [torch.randn(SAMPLES, *recogniser.modality_shapes[name]) for name in names]
        graphs[stream] = traced(module, samples, names, ["features"])
    return graphs


def head_graphs(recogniser: Recogniser) -> dict[tuple[str, ...], Any]:
    """Available streams to the ONNX graph from their features to the result; that of all streams comes first.

    Inputs are "features_STREAM" (N, *) for each stream. Outputs are "logits" and "probability" (N, num_classes), with
    attention also "weights" (N, M). A network has one graph, with a further input "available" (N, M). A forest has one
    for each choice of streams that it can do with.

    Args:
        recogniser: The classifier.

    Raises:
        ConfigurationError: The method cannot be exported.
    """
    module = recogniser.module
    features = example_features(recogniser)
    trees = module.tree_heads()
    if trees:
        return {names: _tree_graph(head, {name: features[name] for name in names}) for names, head in trees.items()}
    outputs = ["logits", "probability", *(["weights"] if module.attends_to else [])]
    return {tuple(features): _of_features(HeadGraph(module, list(features)), features, outputs)}


def example_features(recogniser: Recogniser) -> dict[str, Tensor]:
    """Stream to features (N, *) of an example."""
    shapes = recogniser.modality_shapes
    examples = {name: torch.randn(SAMPLES, *shape) for name, shape in shapes.items()}
    with torch.no_grad():
        return {
            stream: encoder.eval()(joined(examples, stream))
            for stream, encoder in recogniser.module.stream_encoders().items()
        }


def _tree_graph(trees: TreeHead, features: Mapping[str, Tensor]) -> Any:
    """Columns of the forest, its trees, and the result, as one graph."""
    from onnx.compose import add_prefix, merge_models

    names = [f"features_{stream}" for stream in features]
    example = torch.ones(SAMPLES, len(trees.forest.classes_))
    columns = traced(trees.columns, list(features.values()), names, ["columns"])
    result = traced(TreeResult(trees.logits), [example], ["votes"], ["logits", "probability"])
    # Names inside of the three graphs may be the same.
    parts = [add_prefix(part, f"{number}_") for number, part in enumerate((columns, _votes(trees), result))]
    for part in parts:
        part.ir_version = columns.ir_version
    whole = merge_models(parts[0], parts[1], [("0_columns", "1_columns")])
    whole = merge_models(whole, parts[2], [("1_votes", "2_votes")])
    renamed = {f"0_{name}": name for name in names} | {f"2_{name}": name for name in ("logits", "probability")}
    return _renamed(whole, renamed)


def _renamed(model: Any, names: Mapping[str, str]) -> Any:
    """The model with other names of its inputs and outputs."""
    for each in (*model.graph.input, *model.graph.output):
        each.name = names.get(each.name, each.name)
    for node in model.graph.node:
        for values in (node.input, node.output):
            values[:] = [names.get(name, name) for name in values]
    return model


def _votes(trees: TreeHead) -> Any:
    """Trees of a forest, from "columns" (N, F) to the sums "votes" (N, K) of their probabilities.

    skl2onnx makes the trees, with thresholds in single precision that divide as those of scikit-learn do. Its votes are
    1 / number of trees, whose sums depend on the order of the trees. Sums of the leaves' own probabilities, mostly 1,
    are exact, so that classes with equal votes stay equal.
    """
    from onnx import TensorProto, helper
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType

    forest = trees.forest
    columns = [("columns", FloatTensorType([None, forest.n_features_in_]))]
    opsets = {"": OPSET, TREES: TREE_OPSET}
    model = to_onnx(forest, initial_types=columns, options={id(forest): {"zipmap": False}}, target_opset=opsets)
    known = {each.name: helper.get_attribute_value(each) for each in model.graph.node[0].attribute}
    nodes = {name: value for name, value in known.items() if name.startswith("nodes_")}
    count = len(forest.classes_)
    trees_node = helper.make_node(
        "TreeEnsembleRegressor",
        ["columns"],
        ["votes"],
        domain=TREES,
        aggregate_function="SUM",
        n_targets=count,
        **nodes,
        **_leaves(forest),
    )
    inputs = helper.make_tensor_value_info("columns", TensorProto.FLOAT, ["samples", forest.n_features_in_])
    outputs = helper.make_tensor_value_info("votes", TensorProto.FLOAT, ["samples", count])
    graph = helper.make_graph([trees_node], "trees", [inputs], [outputs])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid(*each) for each in opsets.items()])


def _leaves(forest: RandomForestClassifier) -> dict[str, Any]:
    """Probabilities of the leaves of a forest above 0: tree, node, class and value."""
    found = []
    for number, tree in enumerate(each.tree_ for each in forest.estimators_):
        share = tree.value[:, 0] / tree.value[:, 0].sum(axis=1, keepdims=True)
        node, label = np.nonzero(share * (tree.children_left < 0)[:, None])
        found.append((np.full(len(node), number), node, label, share[node, label]))
    trees, nodes, labels, shares = (np.concatenate(parts) for parts in zip(*found, strict=True))
    weights = shares.astype(np.float32)
    return {"target_treeids": trees, "target_nodeids": nodes, "target_ids": labels, "target_weights": weights}


class DistanceGraph(nn.Module):
    """The distance to the training samples.

    Args:
        neighbors: The distance.
        streams: Streams of the classifier, in order.
    """

    def __init__(self, neighbors: NeighborDistance, streams: Sequence[str]) -> None:
        super().__init__()
        self.neighbors = neighbors
        self.streams = tuple(streams)

    def forward(self, *inputs: Tensor) -> Tensor:
        """Distances (N,) of features (N, *) of each stream, and last the streams' availability (N, M)."""
        *features, available = inputs
        columns = dict(zip(self.streams, available.unbind(dim=1), strict=True))
        return self.neighbors(dict(zip(self.streams, features, strict=True)), columns)  # type: ignore[no-any-return]


def distance_graph(recogniser: Recogniser, neighbors: NeighborDistance) -> Any:
    """The ONNX graph of the distance, with the inputs of the head of a network, and the output "distance" (N,).

    Args:
        recogniser: The classifier.
        neighbors: The distance to its training samples.
    """
    features = example_features(recogniser)
    return _of_features(DistanceGraph(neighbors, list(features)), features, ["distance"])


def _of_features(module: nn.Module, features: Mapping[str, Tensor], outputs: Sequence[str]) -> Any:
    """The ONNX graph of a module that takes the features of each stream, and last the streams' availability."""
    example = [*features.values(), torch.ones(SAMPLES, len(features), dtype=torch.bool)]
    return traced(module, example, [*(f"features_{stream}" for stream in features), "available"], outputs)


def traced(module: nn.Module, example: Sequence[Tensor], inputs: Sequence[str], outputs: Sequence[str]) -> Any:
    """The ONNX graph of a module in eval mode, for any number of samples.

    Args:
        module: The module.
        example: Its inputs (N, *).
        inputs: Names of the inputs.
        outputs: Names of the outputs.
    """
    from onnx_ir.passes.common import ClearMetadataAndDocStringPass

    shapes: Any = torch.export.ShapesCollection()  # type: ignore[no-untyped-call]
    for values in example:
        shapes[values] = {0: torch.export.Dim("samples")}
    # without the exporter's remarks on packages that it does not need
    with quiet("torch.onnx"), warnings.catch_warnings(action="ignore"), torch.no_grad():
        program = torch.export.export(module.eval(), tuple(example), dynamic_shapes=shapes, strict=False)
        graph = torch.onnx.export(
            program,
            input_names=list(inputs),
            output_names=list(outputs),
            opset_version=OPSET,
            external_data=False,
            verbose=False,
        )
    assert graph is not None
    ClearMetadataAndDocStringPass()(
        graph.model
    )  # the exporter writes stack traces into it, with the paths of whoever exports
    return graph.model_proto
