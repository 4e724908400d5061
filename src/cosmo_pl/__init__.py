"""Cosmo (MobiCom 2022) in PyTorch Lightning: contrastive fusion learning with small data."""

__version__ = "0.2.0.dev0"
