"""The base of methods that store the labelled samples instead of training on them."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor, nn

from cosmo_pl.constraints import Size
from cosmo_pl.data.loading import Batch, on_device
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.modules.base.module import Shapes
from cosmo_pl.modules.base.without_gradients import WithoutGradientsModule

PREFIX = "example_input_"


class ExampleModule(WithoutGradientsModule):
    """A classifier that consists of its labelled samples. One epoch stores them, and the checkpoint holds them.

    The samples are its whole state. The result of `learn` is not stored: it is computed again when a checkpoint is
    loaded, so that only tensors are read from a file.

    Args:
        modality_shapes: Modality to shape (time, *axes) of a sample.
        num_classes: Number of activities.
    """

    numerics = "1.0"

    def __init__(self, modality_shapes: Shapes, num_classes: Size) -> None:
        super().__init__(num_classes)
        self.modality_shapes = {name: tuple(shape) for name, shape in modality_shapes.items()}
        for name, shape in self.modality_shapes.items():
            self.register_buffer(PREFIX + name, torch.zeros(0, *shape))
        self.register_buffer("example_label", torch.zeros(0, dtype=torch.long))
        self.register_load_state_dict_pre_hook(_make_room)  # type: ignore[no-untyped-call]
        self._learned: Any = None

    @abstractmethod
    def learn(self, inputs: dict[str, Tensor], label: Tensor) -> Any:
        """Computes the state that `classify` needs from the examples, modality to (n, *shape), and their labels (n,).

        The result may not depend on random numbers.
        """

    @property
    def examples(self) -> tuple[dict[str, Tensor], Tensor]:
        """The labelled samples: modality to (n, *shape), and their labels (n,)."""
        inputs = {name: self.get_buffer(PREFIX + name) for name in self.modality_shapes}
        return inputs, self.get_buffer("example_label")

    @property
    def learned(self) -> Any:
        """Result of `learn`.

        Raises:
            ConfigurationError: There are no examples yet.
        """
        if self._learned is None:
            inputs, label = self.examples
            if not len(label):
                raise ConfigurationError(
                    "ckpt_path", f"this {type(self).__name__} has no examples yet", "Fit it, or load a checkpoint"
                )
            self._learned = self.learn(inputs, label)
        return self._learned

    def remember(self, batch: Batch) -> None:
        """Stores the samples of a batch as the examples, in place of earlier ones."""
        batch = on_device(batch, self.device)
        for name in self.modality_shapes:
            setattr(self, PREFIX + name, batch["inputs"][name])
        self.example_label = batch["label"]
        self._learned = None

    def on_fit_start(self) -> None:
        """Stores all labelled samples.

        Raises:
            ConfigurationError: The trainer has no datamodule of this package.
        """
        super().on_fit_start()
        data = self.required_data
        self.remember(data.plain_batch(data.split.labeled))
        _ = self.learned  # now, so that it counts as training time

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        """Counts a step. There is nothing to train."""
        self.count_step()


def _make_room(module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    """Resizes the buffers for the examples that are about to be loaded."""
    assert isinstance(module, ExampleModule)
    start = prefix + PREFIX
    stored = {key.removeprefix(start): tuple(value.shape[1:]) for key, value in state.items() if key.startswith(start)}
    if stored != module.modality_shapes:
        problem = f"holds examples of {stored}, the data give {module.modality_shapes}"
        raise ConfigurationError("ckpt_path", problem, "Use the data that the run was fitted on")
    for name in (*(PREFIX + modality for modality in stored), "example_label"):
        setattr(module, name, torch.empty_like(state[prefix + name], device=module.get_buffer(name).device))
    module._learned = None
