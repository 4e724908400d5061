"""Random changes of training samples that preserve the activity."""

from cosmo_pl.data.augmentations.base import Augmentation
from cosmo_pl.data.augmentations.body import RotateBody, ScaleAxes, ScaleLimbs
from cosmo_pl.data.augmentations.dropping import DropChannels, DropJoints, MaskTime
from cosmo_pl.data.augmentations.sensor import Gain, Jitter, RotateAboutGravity, RotateSensor
from cosmo_pl.data.augmentations.space import ShiftDistance, ShiftSpace
from cosmo_pl.data.augmentations.time import WarpTime

__all__ = [
    "Augmentation",
    "DropChannels",
    "DropJoints",
    "Gain",
    "Jitter",
    "MaskTime",
    "RotateAboutGravity",
    "RotateBody",
    "RotateSensor",
    "ScaleAxes",
    "ScaleLimbs",
    "ShiftDistance",
    "ShiftSpace",
    "WarpTime",
]
