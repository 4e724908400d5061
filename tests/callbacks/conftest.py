"""The small models of the modules' tests."""

from modules.conftest import make_data, make_trainer, quality, small_encoders, stage1, stage2

__all__ = ["make_data", "make_trainer", "quality", "small_encoders", "stage1", "stage2"]
