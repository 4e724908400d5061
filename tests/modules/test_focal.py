"""FOCAL: sequences reach the loss, halves of the features have their parts, and clips have no temporal term."""

from __future__ import annotations

import pytest
import torch
from pytorch_lightning.loggers import CSVLogger

from cosmo_pl.bundle import Bundle
from cosmo_pl.data import USCDataModule
from cosmo_pl.encoders import TemporalEncoder
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.losses import FOCALLoss
from cosmo_pl.modules import CMCModule, FOCALModule

SHAPES = {"left": (30, 3), "right": (20, 2)}


def focal(shapes=SHAPES, kind=FOCALModule, **arguments):
    torch.manual_seed(0)
    encoders = {
        name: TemporalEncoder(shape[-1] if len(shape) == 2 else 60, channels=(4, 4), strides=(1, 2))
        for name, shape in shapes.items()
    }
    return kind(shapes, 27, encoders, projection_hidden=8, **{"projection_dim": 6, **arguments})


@pytest.fixture
def windows(usc_root):
    return USCDataModule(
        root=str(usc_root), window_size=60, stride=30, labels_per_class=1, pretrain_batch_size=32, num_augmentations=2
    )


def test_loss_of_a_batch():
    """Rows 2n and 2n + 1 are the views of sample n; features are those before the normalisation."""
    torch.manual_seed(1)
    inputs = {name: torch.randn(12, *shape) for name, shape in SHAPES.items()}
    module, sequence = focal(temperature=0.3), torch.tensor([0, 0, 1, 1, 2, 2])
    x = torch.stack([h.layers(module.encoders[n](inputs[n]).flatten(1)) for n, h in module.heads.items()], dim=1)
    expected = FOCALLoss(0.3)(torch.stack([x[::2], x[1::2]], dim=1), sequence)
    assert module.pretraining_loss(inputs, 2, sequence).item() == pytest.approx(expected.item(), rel=1e-5)


def test_batches_hold_sequences_which_reach_the_loss(windows, make_trainer, monkeypatch):
    module, seen = focal(windows.modality_shapes), []
    terms = module.loss.terms
    monkeypatch.setattr(module.loss, "terms", lambda x, sequence: (seen.append(sequence), terms(x, sequence))[1])
    make_trainer(1, limit_val_batches=0).fit(module, datamodule=windows)
    assert all(len(sequence) == 32 and (sequence >= 0).all() for sequence in seen)
    sizes = torch.cat([sequence.unique(return_counts=True)[1] for sequence in seen])
    assert (sizes == 4).float().mean() > 0.5 and sizes.max() == 4
    assert float(module.trainer.callback_metrics["train/temporal"]) > 0


def test_clips_have_no_temporal_term_and_a_bundle_is_written(make_data, make_trainer, tmp_path):
    data = make_data(num_augmentations=2)
    module = focal(data.modality_shapes)
    make_trainer(1, logger=CSVLogger(str(tmp_path), name="focal")).fit(module, datamodule=data)
    assert float(module.trainer.callback_metrics["train/temporal"]) == 0
    assert Bundle.load(tmp_path / "focal").training["method"] == "FOCALModule"


def test_has_as_many_parameters_as_cmc():
    one, other = (dict(each.named_parameters()) for each in (focal(), focal(kind=CMCModule)))
    assert {n: p.shape for n, p in one.items()} == {n: p.shape for n, p in other.items()}


def test_views_are_the_shared_halves():
    module = focal()
    projected = {name: torch.randn(3, 6) for name in SHAPES}
    views = module.views(projected)
    torch.testing.assert_close(views.norm(dim=2), torch.ones(3, 2))
    torch.testing.assert_close(views[0, 1], projected["right"][0, :3] / projected["right"][0, :3].norm())


@pytest.mark.parametrize(
    ("argument", "value"),
    [("projection_dim", 5), ("sequence_length", 0), ("margin", -1.0), ("private_weight", -1.0), ("temperature", 0)],
)
def test_bad_arguments_are_named(argument, value):
    with pytest.raises(ConfigurationError, match=argument):
        focal(**{argument: value})


def test_one_view_is_refused(make_data, make_trainer):
    data = make_data()
    with pytest.raises(ConfigurationError, match=r"data\.init_args\.num_augmentations: is 1"):
        make_trainer(1).fit(focal(data.modality_shapes), datamodule=data)


def test_the_sequence_of_a_sample_is_that_of_its_first_view():
    module = focal()
    module._sequence = torch.tensor([7, 7, 8, 9, 9, 9])
    given = module.loss_arguments({"index": torch.tensor([0, 5, 2, 2]), "num_augmentations": 2})
    assert given["sequence"].tolist() == [7, 8]
