"""Augmentations are tried on a few samples before any training: other people write augmentations, too."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from pytorch_lightning.utilities.seed import isolate_rng
from torch import Tensor

from cosmo_pl.data.augmentations import Augmentation
from cosmo_pl.data.loading import Inputs
from cosmo_pl.data.samples import Samples
from cosmo_pl.data.selection import Indices
from cosmo_pl.data.views import AugmentedViews
from cosmo_pl.errors import ConfigurationError, CosmoError
from cosmo_pl.own_code import described, is_own

TRIED = 4  # samples of each modality


def check_augmentations(views: AugmentedViews, inputs: Mapping[str, Inputs], samples: Samples, train: Indices) -> None:
    """Applies each augmentation to the first training samples, without any change of the random numbers after it.

    Args:
        views: The augmentations.
        inputs: Modality to all samples, standardised.
        samples: All samples.
        train: Indices of the training samples.

    Raises:
        ConfigurationError: One fails, changes the shape or type, or gives values that are not finite.
    """
    with isolate_rng(include_cuda=False):
        for name in (name for name in inputs if views.augmentations.get(name)):
            rows = train[samples.has(name)[train]][:TRIED]
            if not len(rows):
                continue
            some = torch.from_numpy(rows)
            known = inputs[name]
            values = views.normalization[name].invert(known[some.to(known.device)].cpu())
            for augmentation in views.augmentations[name]:
                values = _changed(augmentation, values, name)


def _changed(augmentation: Augmentation, values: Tensor, modality: str) -> Tensor:
    kind, shape = type(augmentation), values.shape
    name, remedy = f"augmentations ({kind.__name__})", "Correct its random_parameters or apply"
    try:
        found = augmentation(values)
    except CosmoError:
        raise
    except Exception as error:
        if not is_own(kind):
            raise
        raise ConfigurationError(name, f"fails on '{modality}' with {described(error, kind)}", remedy) from error
    if not isinstance(found, Tensor):
        raise ConfigurationError(name, f"returns a {type(found).__name__} for '{modality}', no tensor", remedy)
    if found.shape != shape:
        problem = f"changes the shape of '{modality}' from {tuple(shape)} to {tuple(found.shape)}"
        raise ConfigurationError(name, problem, remedy)
    if found.dtype != values.dtype:
        raise ConfigurationError(name, f"changes '{modality}' from {values.dtype} to {found.dtype}", remedy)
    if not found.isfinite().all():
        raise ConfigurationError(name, f"gives '{modality}' values that are not finite", remedy)
    return found
