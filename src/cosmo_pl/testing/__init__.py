"""Conformance tests for datasets and methods, of this package and of others."""

from cosmo_pl.testing.datasets import DATASET_CHECKS, check_dataset
from cosmo_pl.testing.methods import METHOD_CHECKS, check_method
from cosmo_pl.testing.refusals import refuses

__all__ = ["DATASET_CHECKS", "METHOD_CHECKS", "check_dataset", "check_method", "refuses"]
