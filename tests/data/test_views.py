"""Training batches show augmented views; nothing else is ever changed."""

from __future__ import annotations

import pytest
import torch

from cosmo_pl.data import UTDDataModule
from cosmo_pl.data.augmentations import Augmentation, Gain, RotateSensor
from cosmo_pl.data.loading import SampleBatches
from cosmo_pl.data.normalization import Normalization
from cosmo_pl.data.views import AugmentedViews
from cosmo_pl.errors import ConfigurationError

NORMALIZATION = {"acc": Normalization((1.0, 1.0, 1.0), (2.0, 2.0, 2.0))}


def batches(views: AugmentedViews | None, count: int = 12) -> SampleBatches:
    rows = torch.arange(count)
    acc = torch.randn(count, 5, 3, generator=torch.Generator().manual_seed(0))
    return SampleBatches({"acc": acc}, rows % 3, rows % 2, rows, views)


class Recording(Augmentation):
    """Keeps what it was given."""

    def random_parameters(self, x):
        self.seen = x.clone()
        return torch.zeros(len(x))

    def apply(self, x, parameters):
        return x


def make(root, **arguments):
    defaults = {
        "root": str(root), "labels_per_class": 1, "max_train_per_class": None, "pretrain_batch_size": 8,
        "num_augmentations": 2, "augmentations": {"inertial": [Gain(0.3)]},
    }  # fmt: skip
    data = UTDDataModule(**{**defaults, **arguments})
    data.setup()
    return data


def test_views_of_a_sample_lie_side_by_side_and_differ() -> None:
    data = batches(AugmentedViews({"acc": [RotateSensor(90)]}, NORMALIZATION, 3))
    batch = data.batch([4, 1])
    assert batch["num_augmentations"] == 3
    assert batch["index"].tolist() == [4, 4, 4, 1, 1, 1]
    assert batch["label"].tolist() == [1, 1, 1, 1, 1, 1] and batch["subject"].tolist() == [0, 0, 0, 1, 1, 1]
    assert len(torch.unique(batch["inputs"]["acc"].flatten(1), dim=0)) == 6


def test_augmentations_see_the_sensors_units_and_the_batch_is_standardised_again() -> None:
    recording = Recording()
    data = batches(AugmentedViews({"acc": [recording]}, NORMALIZATION, 1))
    batch = data.batch([3, 7])
    torch.testing.assert_close(recording.seen, data.inputs["acc"][[3, 7]] * 2 + 1)
    torch.testing.assert_close(batch["inputs"]["acc"], data.inputs["acc"][[3, 7]], rtol=1e-5, atol=1e-6)


def test_a_modality_without_augmentations_is_shown_as_it_is() -> None:
    data = batches(AugmentedViews({}, NORMALIZATION, 2))
    assert torch.equal(data.batch([5])["inputs"]["acc"], data.inputs["acc"][[5, 5]])


def test_positives_replace_a_fraction_of_the_views_but_the_first() -> None:
    views = AugmentedViews({}, NORMALIZATION, 3)
    positives = torch.full((12, 2), -1)
    positives[0] = torch.tensor([7, 9])
    positives[1, 1] = 3
    views.set_positives(positives, fraction=0.5)
    torch.manual_seed(0)
    shown = views.choose(torch.tensor([0, 1, 2]).repeat(2000)).view(2000, 3, 3)
    for row in range(3):
        assert (shown[:, row, 0] == row).all()
    assert (shown[:, 2] == 2).all()  # it has none
    others = shown[:, 0, 1:]
    assert set(others.unique().tolist()) == {0, 7, 9}
    assert (others == 0).float().mean() == pytest.approx(0.5, abs=0.03)
    assert (others == 7).float().mean() == pytest.approx(0.25, abs=0.03)
    assert set(shown[:, 1, 1:].unique().tolist()) == {1, 3}


@pytest.mark.parametrize("phase", ["pretrain", "finetune"])
def test_only_training_batches_are_changed(utd_root, phase: str) -> None:
    data, plain = make(utd_root, phase=phase), make(utd_root, phase=phase, augmentations=None, num_augmentations=1)
    batch = next(iter(data.train_dataloader()))
    size = {"pretrain": 8, "finetune": 16}[phase]
    assert batch["num_augmentations"] == 2 and len(batch["index"]) == 2 * size
    stored = data.inputs["inertial"][batch["index"]]
    assert not torch.isclose(batch["inputs"]["inertial"], stored).all(dim=(1, 2)).any()
    assert torch.equal(batch["inputs"]["skeleton"], data.inputs["skeleton"][batch["index"]])
    assert "num_augmentations" not in next(iter(plain.train_dataloader()))
    loaders = [*data.val_dataloader(), data.test_dataloader(), data.plain_loader(data.training_rows)]
    for loader in loaders:
        for evaluated in loader:
            assert "num_augmentations" not in evaluated
            for name, x in evaluated["inputs"].items():
                assert torch.equal(x, plain.inputs[name][evaluated["index"]])
    labeled = data.plain_batch(data.split.labeled)
    assert torch.equal(labeled["inputs"]["inertial"], plain.inputs["inertial"][labeled["index"]])
    for name, x in data.quality_inputs().items():
        assert torch.equal(x, plain.quality_inputs()[name])


def test_training_rows_are_what_the_batches_are_made_of(utd_root) -> None:
    for arguments in ({"phase": "finetune"}, {"phase": "pretrain"}, {"phase": "pretrain", "include_labeled": True}):
        data = make(utd_root, **arguments)
        loader = data.train_dataloader()
        torch.manual_seed(0)
        seen = {int(row) for _ in range(30) for batch in loader for row in batch["index"]}
        assert seen == set(data.training_rows.tolist())
        assert not seen & set(data.split.test.tolist())


@pytest.mark.parametrize(
    ("arguments", "named"),
    [({"augmentations": {"radar": [Gain()]}}, "augmentations"), ({"num_augmentations": 0}, "num_augmentations")],
)
def test_refusals(utd_root, arguments, named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        make(utd_root, **arguments)
