"""Optimizers and schedules from their settings, and manual optimization in stage 2 compared with Lightning's own."""

from __future__ import annotations

import copy
import math
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from pytorch_lightning.plugins.precision import MixedPrecision
from torch.amp import GradScaler
from torch.utils.data import DataLoader

from cosmo_pl.encoders import InertialEncoder
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.modules import ClassifierModule, CPCModule, IterativeFusionModule, OptimizerSettings
from cosmo_pl.modules.base import optimization

from . import distributed_training
from .distributed_training import KINDS

PLAIN = OptimizerSettings(weight_decay=0.01, milestones=(2, 4), gamma=0.5)
COSINE = replace(PLAIN, schedule="cosine")


def made_of(settings, epochs):
    return optimization([torch.nn.Parameter(torch.ones(2))], 0.1, settings, epochs)


def rates(settings, epochs, steps):
    made = made_of(settings, epochs)
    found = []
    for _ in range(steps):
        found.append(made["optimizer"].param_groups[0]["lr"])
        made["optimizer"].step()
        made["lr_scheduler"].step()
    return found


def test_rates_by_epoch():
    assert rates(PLAIN, None, 6) == pytest.approx([0.1, 0.1, 0.05, 0.05, 0.025, 0.025])
    cosine = [0.05 * (1 + math.cos(math.pi * epoch / 8)) for epoch in range(9)]
    assert rates(COSINE, 8, 9) == pytest.approx(cosine, abs=1e-9)


def test_a_longer_resumed_training_goes_on_down():
    first = made_of(COSINE, 8)
    for _ in range(6):
        first["optimizer"].step()
        first["lr_scheduler"].step()
    longer = made_of(COSINE, 16)
    longer["optimizer"].load_state_dict(first["optimizer"].state_dict())
    longer["lr_scheduler"].load_state_dict(first["lr_scheduler"].state_dict())
    found = []
    for _ in range(10):
        longer["optimizer"].step()
        longer["lr_scheduler"].step()
        found.append(longer["optimizer"].param_groups[0]["lr"])
    expected = [0.05 * (1 + math.cos(math.pi * epoch / 16)) for epoch in range(7, 17)]
    assert found == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("name", "kind"), [("sgd", torch.optim.SGD), ("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW)]
)
def test_optimizers(name, kind):
    made = made_of(replace(PLAIN, name=name), None)["optimizer"]
    assert type(made) is kind
    assert (made.defaults["lr"], made.defaults["weight_decay"]) == (0.1, 0.01)


@pytest.mark.parametrize("epochs", [None, -1])
def test_a_cosine_needs_the_number_of_epochs(epochs):
    with pytest.raises(ConfigurationError, match="max_epochs"):
        made_of(COSINE, epochs)


def test_a_misspelt_field_is_refused_by_name():
    with pytest.raises(ConfigurationError, match=r"^CPCModule\.optimizer\.momentm: is 0\.5\. Use the fields name, "):
        CPCModule({"acc": (6, 2)}, 3, horizon=2, optimizer={"momentm": 0.5})
    with pytest.raises(ConfigurationError, match=r"^CPCModule\.optimizer: is 'adam' of type str\. Use Opt"):
        CPCModule({"acc": (6, 2)}, 3, horizon=2, optimizer="adam")


def test_settings_are_stored_as_plain_values_and_built_again():
    settings = OptimizerSettings("adamw", schedule="cosine", milestones=(1, 2))
    module = CPCModule({"acc": (6, 2)}, 3, horizon=2, channels=(3,), context_dim=4, optimizer=settings)
    stored = module.whole_arguments()["optimizer"]
    assert stored == module.hparams_initial["optimizer"] == asdict(settings)
    again = CPCModule({"acc": (6, 2)}, 3, horizon=2, channels=(3,), context_dim=4, optimizer=stored)
    assert again.optimizer_settings == module.optimizer_settings == settings


# By hand as automatically


class Automatic(IterativeFusionModule):
    """The same joint training under Lightning's automatic optimization: one optimizer of two groups."""

    manual_optimization = False
    training_step = ClassifierModule.training_step
    on_train_epoch_end = ClassifierModule.on_train_epoch_end

    def configure_optimizers(self):
        rates = {"encoder": self.hparams["encoder_lr"], "classifier": self.hparams["classifier_lr"]}
        parts = zip((self.encoders, self.classifier), rates.values(), strict=True)
        groups = [{"params": list(part.parameters()), "lr": rate} for part, rate in parts]
        return optimization(groups, 1.0, self.optimizer_settings, self.num_epochs)

    def on_before_optimizer_step(self, optimizer):
        if (limit := self.hparams["gradient_clip_val"]) is not None:
            for group in optimizer.param_groups:
                torch.nn.utils.clip_grad_norm_(group["params"], limit)


def joint(kind, make_trainer, scaled, **arguments):
    """Weights after a joint training, and by how much they have moved."""
    torch.manual_seed(0)
    shapes = {"acc": (6, 2), "baro": (5, 2)}
    encoders = {name: InertialEncoder((2, 2), (2, 1), 0.0) for name in shapes}
    module = kind(
        shapes, 3, encoders=encoders, quality_lambda=0.0, iterative_epochs=0, steps=3,
        **{"encoder_lr": 0.01, "classifier_lr": 0.03, **arguments},
    )  # fmt: skip
    before = copy.deepcopy(dict(module.named_parameters()))
    # The factor doubles at every second step, and no gradient is beyond half precision.
    scaler = GradScaler("cpu", init_scale=256.0, growth_interval=2)
    plugins = [MixedPrecision("16-mixed", "cpu", scaler=scaler)] if scaled else []
    loader = DataLoader(distributed_training.samples(), batch_size=4)
    make_trainer(4, plugins=plugins).fit(module, loader)
    moved = math.sqrt(sum(float((p - before[name]).square().sum()) for name, p in module.named_parameters()))
    return module.state_dict(), moved


CASES = {
    "plain": {},
    "clipping": {"gradient_clip_val": 0.01},
    "steps": {"optimizer": OptimizerSettings(milestones=(1, 3), gamma=0.1)},
    "cosine": {"optimizer": OptimizerSettings("adamw", schedule="cosine")},
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("scaled", [False, True])
def test_a_joint_training_by_hand_is_the_automatic_one(make_trainer, name, scaled):
    by_hand, moved = joint(IterativeFusionModule, make_trainer, scaled, **CASES[name])
    automatic, _ = joint(Automatic, make_trainer, scaled, **CASES[name])
    assert moved > 1e-3
    assert by_hand.keys() == automatic.keys()
    assert all(torch.allclose(value, automatic[key], rtol=0, atol=1e-6) for key, value in by_hand.items())


def test_clipping_bounds_the_step_whatever_the_scale(make_trainer):
    """Clipped before they are unscaled, gradients would move the weights hundreds of times less."""
    given = {"gradient_clip_val": 0.01, "optimizer": OptimizerSettings(momentum=0.0, weight_decay=0.0)}
    _, plain = joint(IterativeFusionModule, make_trainer, False, **given)
    _, scaled = joint(IterativeFusionModule, make_trainer, True, **given)
    assert scaled == pytest.approx(plain, rel=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_two_processes_train_as_one(kind, tmp_path):
    """Contrastive losses see the samples of all; in alternating training the frozen part has no gradient."""
    for processes in (1, 2):
        words = [sys.executable, distributed_training.__file__, kind, str(processes), str(tmp_path)]
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=300, check=False, cwd=Path(__file__).parent
        )
        assert done.returncode == 0, done.stderr
    one, *two = (torch.load(tmp_path / name, weights_only=True) for name in ("1-0.pt", "2-0.pt", "2-1.pt"))
    torch.manual_seed(0)
    before = KINDS[kind]().state_dict()
    trained = [name for name in one if name.startswith(("encoders", "classifier", "heads"))]
    assert any(not torch.allclose(one[name], before[name], atol=1e-3) for name in trained)
    for name in ("loss", *trained):
        assert torch.equal(two[0][name], two[1][name]), name
        assert torch.allclose(one[name], two[0][name], rtol=0, atol=1e-5), name
