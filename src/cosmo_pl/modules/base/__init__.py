"""What the methods are made of."""

from cosmo_pl.modules.base.alternation import PARTS, Part, active_parts
from cosmo_pl.modules.base.classifier import ClassifierModule
from cosmo_pl.modules.base.context import average_in_context
from cosmo_pl.modules.base.encoding import (
    Streams,
    Variant,
    joined,
    load_encoders,
    unit_features,
    variant_encoders,
)
from cosmo_pl.modules.base.examples import ExampleModule
from cosmo_pl.modules.base.fusion import Fusion, FusionClassifier, Head, SequenceAxis
from cosmo_pl.modules.base.memory import FeatureMemory
from cosmo_pl.modules.base.module import BaseModule, Shapes
from cosmo_pl.modules.base.optimization import (
    OptimizerName,
    Schedule,
    allow_unused_parameters,
    optimization,
    step_each,
    step_schedule,
    toggle,
)
from cosmo_pl.modules.base.presence import Present, presence
from cosmo_pl.modules.base.pretraining import CrossModalModule, PretrainingModule

__all__ = [
    "PARTS",
    "BaseModule",
    "ClassifierModule",
    "CrossModalModule",
    "ExampleModule",
    "FeatureMemory",
    "Fusion",
    "FusionClassifier",
    "Head",
    "OptimizerName",
    "Part",
    "Present",
    "PretrainingModule",
    "Schedule",
    "SequenceAxis",
    "Shapes",
    "Streams",
    "Variant",
    "active_parts",
    "allow_unused_parameters",
    "average_in_context",
    "joined",
    "load_encoders",
    "optimization",
    "presence",
    "step_each",
    "step_schedule",
    "toggle",
    "unit_features",
    "variant_encoders",
]
