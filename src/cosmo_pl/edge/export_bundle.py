"""The bundle of stage 1 beside an exported second stage, so that one folder serves recognition and adaptation."""

from __future__ import annotations

from pathlib import Path

from cosmo_pl.bundle import Bundle
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.recogniser import Recogniser
from cosmo_pl.run_folder import BUNDLE


def bundle_of(recogniser: Recogniser) -> Bundle:
    """The bundle that the encoders of a trained classifier come from.

    Raises:
        ConfigurationError: It was trained without a stage 1.
        BundleError: The bundle is missing or damaged.
    """
    used = recogniser.module.record.bundle
    if used is None:
        raise ConfigurationError("bundle", "the run was trained without a stage 1", "Leave out --bundle")
    return Bundle.load(used)


def store(bundle: Bundle, folder: Path) -> None:
    """Writes a bundle into an exported folder, where `Bundle.load` finds it, in half precision.

    Raises:
        BundleError: A weight is too large for half precision.
    """
    bundle.save(folder / BUNDLE, half=True)
