"""The parts that the methods share."""

from cosmo_pl.modules.base.alternation import (
    PARTS,
    Part,
    active_parts,
    allow_unused_parameters,
    step_each,
    step_schedule,
    toggle,
)
from cosmo_pl.modules.base.classifier import ClassifierModule, FusedClassifier, TreeHead, evaluated
from cosmo_pl.modules.base.context import average_in_context
from cosmo_pl.modules.base.encoding import (
    VARIED,
    FeatureMemory,
    Present,
    Streams,
    Variant,
    availability,
    joined,
    load_encoders,
    unit_features,
    variant_encoders,
)
from cosmo_pl.modules.base.examples import ExampleModule
from cosmo_pl.modules.base.forest_columns import JoinedColumns, StreamColumns, VoteLogits, channel_statistics
from cosmo_pl.modules.base.fusion import Fusion, FusionClassifier, Head, SequenceAxis
from cosmo_pl.modules.base.gravity import check_vectors, gravity_columns, gravity_parts
from cosmo_pl.modules.base.module import BaseModule, BestEpoch, Shapes, TrainingRecord
from cosmo_pl.modules.base.optimization import OptimizerSettings, optimization
from cosmo_pl.modules.base.person_columns import OwnColumns, PersonColumns
from cosmo_pl.modules.base.pretraining import CrossModalModule, PretrainingModule, projection_heads
from cosmo_pl.modules.base.quality import data_quality
from cosmo_pl.modules.base.same_subject import SubjectWeightingModule
from cosmo_pl.modules.base.self_training import SelfTrainingModule, finite_logits
from cosmo_pl.modules.base.without_gradients import WithoutGradientsModule

__all__ = [
    "PARTS",
    "VARIED",
    "BaseModule",
    "BestEpoch",
    "ClassifierModule",
    "CrossModalModule",
    "ExampleModule",
    "FeatureMemory",
    "FusedClassifier",
    "Fusion",
    "FusionClassifier",
    "Head",
    "JoinedColumns",
    "OptimizerSettings",
    "OwnColumns",
    "Part",
    "PersonColumns",
    "Present",
    "PretrainingModule",
    "SelfTrainingModule",
    "SequenceAxis",
    "Shapes",
    "StreamColumns",
    "Streams",
    "SubjectWeightingModule",
    "TrainingRecord",
    "TreeHead",
    "Variant",
    "VoteLogits",
    "WithoutGradientsModule",
    "active_parts",
    "allow_unused_parameters",
    "availability",
    "average_in_context",
    "channel_statistics",
    "check_vectors",
    "data_quality",
    "evaluated",
    "finite_logits",
    "gravity_columns",
    "gravity_parts",
    "joined",
    "load_encoders",
    "optimization",
    "projection_heads",
    "step_each",
    "step_schedule",
    "toggle",
    "unit_features",
    "variant_encoders",
]
