"""The bundle of stage 1 beside an exported second stage, so that one folder serves recognition and adaptation."""

from __future__ import annotations

from pathlib import Path

from cosmo_pl.bundle import Bundle
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.io import user_path
from cosmo_pl.recogniser import Recogniser
from cosmo_pl.run_folder import BUNDLE


def bundle_of(run: str | Path) -> Bundle:
    """The bundle that the encoders of a trained run come from.

    Raises:
        ConfigurationError: The run has no stage 1, or is none of a classifier.
        BundleError: The bundle is missing or damaged.
    """
    used = Recogniser.of_run(user_path(run)).module.record.bundle
    if used is None:
        raise ConfigurationError("bundle", f"'{run}' was trained without a stage 1", "Leave out --bundle")
    return Bundle.load(used)


def store(bundle: Bundle, folder: str | Path) -> Path:
    """Writes a bundle into an exported folder, where `Bundle.load` finds it, in half precision.

    Raises:
        BundleError: The folder has one.
    """
    return bundle.save(user_path(folder) / BUNDLE, half=True)
