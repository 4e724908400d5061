"""Fusion of modalities: augmentation for stage 1, quality-guided attention for stage 2."""

from cosmo_pl.fusion.attention import QualityGuidedAttention
from cosmo_pl.fusion.augmentation import FusionAugmentation, WeightRange
from cosmo_pl.fusion.quality import (
    MIN_POINTS,
    ModalityQuality,
    default_max_clusters,
    hopkins_statistic,
    modality_quality,
    optimal_num_clusters,
    principal_scores,
)

__all__ = [
    "MIN_POINTS",
    "FusionAugmentation",
    "ModalityQuality",
    "QualityGuidedAttention",
    "WeightRange",
    "default_max_clusters",
    "hopkins_statistic",
    "modality_quality",
    "optimal_num_clusters",
    "principal_scores",
]
