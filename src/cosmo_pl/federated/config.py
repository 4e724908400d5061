"""The configuration of a stage 1, as server and clients build it from the words of a command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cosmo_pl.data import MultimodalDataModule
from cosmo_pl.data.normalization import Normalization
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.modules.base import PretrainingModule
from cosmo_pl.modules.base.module import Shapes
from cosmo_pl.parsing import Given, parse
from cosmo_pl.parsing.trainer_arguments import check_configuration
from cosmo_pl.rounds import FederatedSettings
from cosmo_pl.run_loading import class_phase, instantiated, name_test_subjects
from cosmo_pl.shipped import with_paths
from cosmo_pl.training_parser import command_parser, follow_phase


@dataclass(frozen=True)
class TrainingConfig:
    """A parsed configuration of `cosmo-pl fit` with a section ``federated``.

    Args:
        parsed: The configuration with all defaults.
    """

    parsed: Any

    @classmethod
    def of(cls, words: Sequence[str]) -> TrainingConfig:
        """Parses a command line of `cosmo-pl fit`, without the subcommand.

        Raises:
            ConfigurationError: An argument cannot be used, or the config is not of a stage 1.
        """
        parsed = parse(Given.of(_parser(), with_paths(words)))
        check_configuration(parsed)
        if isinstance(parsed.seed_everything, bool):
            problem = f"is {str(parsed.seed_everything).lower()}, and server and clients need the same number"
            raise ConfigurationError("seed_everything", problem, "Add --seed_everything=0")
        phase = class_phase(parsed.model.class_path)
        if phase != "pretrain":
            problem = f"{parsed.model.class_path} is for {phase}, and the first stage is what clients train together"
            raise ConfigurationError("model", problem, "Use a *_stage1.yaml")
        follow_phase(parsed.data, "pretrain")
        name_test_subjects(parsed.data)
        return cls(parsed)

    @property
    def text(self) -> str:
        """All of it as YAML, for ``config.yaml``."""
        return str(_parser().dump(self.parsed, skip_none=False, skip_check=True))

    @property
    def seed(self) -> int:
        """Seed of the initial weights, and of the clients' randomness together with their names."""
        return int(self.parsed.seed_everything)

    @property
    def settings(self) -> FederatedSettings:
        """The section ``federated``.

        Raises:
            ConfigurationError: There is none, or a setting is out of range.
        """
        if self.parsed.federated is None:
            raise ConfigurationError("federated", "is not given", "Add --federated.rounds=10, or --config with it")
        return FederatedSettings(**vars(self.parsed.federated))

    @property
    def runs(self) -> Path:
        """Folder of the runs."""
        name = self.parsed.run.name or self.parsed.model.class_path.rpartition(".")[2]
        return Path(self.parsed.run.folder, name)

    def data(self, statistics: Mapping[str, Normalization] | None = None) -> MultimodalDataModule:
        """The datamodule, of which nothing has been read.

        Args:
            statistics: Modality to the statistics that standardise it; None for those of its own training samples.
        """
        given = self.parsed.data.clone()
        shared = statistics is not None and given.init_args.normalization != "adapt"
        if shared:
            given.init_args.normalization = "bundle"
        data = instantiated(data=given).data
        assert isinstance(data, MultimodalDataModule)
        if shared:
            data.bundle_statistics = statistics
        return data

    def module(self, modality_shapes: Shapes, num_classes: int) -> PretrainingModule:
        """The module with new weights, for all modalities of the federation.

        Args:
            modality_shapes: Modality to shape of a sample; a client may have fewer.
            num_classes: Number of activities.
        """
        given = self.parsed.model.clone()
        given.init_args.modality_shapes = {name: tuple(shape) for name, shape in modality_shapes.items()}
        given.init_args.num_classes = num_classes
        module = instantiated(model=given).model
        assert isinstance(module, PretrainingModule)
        return module

    def trainer_arguments(self) -> dict[str, Any]:
        """Arguments of the Trainer, with new callbacks."""
        return dict(vars(instantiated(trainer=self.parsed.trainer).trainer))


@cache  # building it takes longer than parsing
def _parser() -> Any:
    return command_parser()
