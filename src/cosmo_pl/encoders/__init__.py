"""Encoders, one per kind of sensor, and the heads on top of them."""

from cosmo_pl.encoders.base import Encoder
from cosmo_pl.encoders.cpc import CPCEncoder
from cosmo_pl.encoders.depth import DepthEncoder
from cosmo_pl.encoders.heads import ProjectionHead, RecurrentClassifier
from cosmo_pl.encoders.image_statistics import ImageStatisticsEncoder
from cosmo_pl.encoders.inertial import InertialEncoder
from cosmo_pl.encoders.radar import RadarEncoder
from cosmo_pl.encoders.skeleton import SkeletonEncoder
from cosmo_pl.encoders.spectral import SpectralEncoder, spectral_encoders
from cosmo_pl.encoders.statistics import StatisticsEncoder
from cosmo_pl.encoders.temporal import TemporalEncoder

__all__ = [
    "CPCEncoder",
    "DepthEncoder",
    "Encoder",
    "ImageStatisticsEncoder",
    "InertialEncoder",
    "ProjectionHead",
    "RadarEncoder",
    "RecurrentClassifier",
    "SkeletonEncoder",
    "SpectralEncoder",
    "StatisticsEncoder",
    "TemporalEncoder",
    "spectral_encoders",
]
