"""Stage 1: the loss is what the equations say, the logged measures too, and the bundle holds what was trained."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from pytorch_lightning.loggers import CSVLogger

from cosmo_pl.bundle import Bundle
from cosmo_pl.data.transforms import CenterOnHip
from cosmo_pl.errors import BundleError, ConfigurationError
from cosmo_pl.modules import ContrastiveFusionModule

from .conftest import small_encoders, stage1, stage2


@pytest.fixture
def trained(make_data, make_trainer, tmp_path):
    data = make_data(phase="pretrain")
    module = stage1(data)
    trainer = make_trainer(2, logger=CSVLogger(str(tmp_path), name="stage1"))
    trainer.fit(module, datamodule=data)
    return module, data, trainer, tmp_path / "stage1" / "version_0"


def test_training_step_is_equations_1_to_4(make_data):
    data = make_data(phase="pretrain")
    data.setup()
    module = stage1(data, encoders=small_encoders(dropout=0.0)).double()
    batch = next(iter(data.train_dataloader()))
    batch["inputs"] = {name: x[:5].double() for name, x in batch["inputs"].items()}
    module.log = lambda *_args, **_kwargs: None
    told = module.training_step(batch, 0)
    features = {name: encoder(batch["inputs"][name]).flatten(1) for name, encoder in module.encoders.items()}
    r = {name: F.normalize(module.heads[name].layers(z), dim=1) for name, z in features.items()}
    flat = [
        (n, F.normalize(a * r["inertial"][n] + (1 - a) * r["skeleton"][n], dim=0))
        for n in range(5)
        for a in np.linspace(0.1, 0.9, 9)
    ]
    total = 0.0
    for s, (n, anchor) in enumerate(flat):
        others = torch.stack([anchor @ v / 0.07 for a, (_, v) in enumerate(flat) if a != s])
        positives = torch.stack([anchor @ v / 0.07 for a, (m, v) in enumerate(flat) if a != s and m == n])
        total = total - (positives - others.logsumexp(0)).mean()
    assert told.item() == pytest.approx((total / len(flat)).item(), rel=1e-6)


def test_loss_falls_towards_its_floor(make_data, make_trainer):
    data = make_data(phase="pretrain")
    module = stage1(data, encoders=small_encoders(dropout=0.0))
    first = make_trainer(1)
    first.fit(module, datamodule=data)
    more = make_trainer(8)
    more.fit(module, datamodule=data)
    floor = float(more.callback_metrics["train/loss_floor"])
    assert floor == pytest.approx(math.log(8), rel=1e-5)
    assert floor < more.callback_metrics["train/loss"] < first.callback_metrics["train/loss"]


def test_labels_do_not_reach_the_loss(make_data, make_trainer):
    def weights(shift):
        data = make_data(phase="pretrain")
        data.setup()
        data.samples.label[:] = (data.samples.label + shift) % data.num_classes
        module = stage1(data)
        torch.manual_seed(1)
        make_trainer(1).fit(module, datamodule=data)
        return torch.cat([p.flatten() for p in module.parameters()])

    assert torch.equal(weights(0), weights(5))


def test_probe_is_a_nearest_neighbour_and_leaves_no_trace(make_data, make_trainer):
    data = make_data(phase="pretrain", val_subjects=[6])
    module = stage1(data)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    trainer = make_trainer(1)
    told = trainer.validate(module, datamodule=data, verbose=False)
    told = {k: v for row in told for k, v in row.items()}
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    module.eval()

    def features(rows):
        with torch.no_grad():
            z = module({n: x[torch.from_numpy(rows)] for n, x in data.inputs.items()})
        return torch.cat([F.normalize(v, dim=1) for v in z.values()], dim=1), data.samples.label[rows]

    known, labels = features(data.split.labeled)
    asked, truth = features(data.split.val)
    nearest = [int((known - row).square().sum(dim=1).argmin()) for row in asked]
    assert told["probe/acc"] == pytest.approx((labels[nearest] == truth).mean())
    r = module.project(module({n: x[torch.from_numpy(data.split.val)] for n, x in data.inputs.items()}))
    assert told["val/cosine_distance"] == pytest.approx(
        1 - float((r["inertial"] * r["skeleton"]).sum(1).mean()), abs=0.02
    )


def test_alignment_and_uniformity_in_closed_form(make_data):
    module = stage1(make_data(phase="pretrain"))
    logged = {}
    module.log_dict = lambda values, **_: logged.update(values)
    same = F.normalize(torch.tensor([[1.0, 0.0], [-1.0, 0.0]]), dim=1)
    module._log_geometry({"inertial": same, "skeleton": same})
    assert logged["val/alignment"] == pytest.approx(0, abs=1e-6)
    assert logged["val/uniformity"] == pytest.approx(-8)  # log exp(-2 · 2²)
    assert logged["val/cosine_distance"] == pytest.approx(0, abs=1e-6)
    across = torch.tensor([[0.0, 1.0], [0.0, -1.0]])
    module._log_geometry({"inertial": same, "skeleton": across})
    assert logged["val/cosine_distance"] == pytest.approx(1)
    angle = [math.atan2(1 - a, a) for a in np.linspace(0.1, 0.9, 9)]
    mean = np.mean(
        [(math.cos(a) - math.cos(b)) ** 2 + (math.sin(a) - math.sin(b)) ** 2 for a in angle for b in angle if a != b]
    )
    assert logged["val/alignment"] == pytest.approx(mean, rel=1e-5)


def test_bundle_holds_what_was_trained(trained):
    module, data, _, folder = trained
    bundle = Bundle.load(folder.parent)
    assert bundle.modality_shapes == {"inertial": (120, 6), "skeleton": (40, 20, 3)}
    for name, encoder in bundle.encoders.items():
        assert encoder is not module.encoders[name]
        mine = module.encoders[name].state_dict()
        assert all(torch.equal(value, mine[key]) for key, value in encoder.state_dict().items())
    assert bundle.normalization == data.normalization
    assert bundle.data_fingerprint == data.data_fingerprint
    assert sum(quality.weight for quality in bundle.quality.values()) == pytest.approx(1)
    assert all(0 < quality.hopkins < 1 for quality in bundle.quality.values())
    assert bundle.training["epochs"] == 2
    assert bundle.training["num_fused"] is None and bundle.training["temperature"] == 0.07


def test_bundle_is_never_overwritten(trained, make_trainer):
    module, data, _, folder = trained
    before = (folder / "bundle" / "bundle.json").read_bytes()
    with pytest.raises(BundleError, match="exists"):
        Bundle.load(folder).save(folder / "bundle")
    trainer = make_trainer(1, logger=CSVLogger(str(folder.parent.parent), name="stage1", version=0))
    trainer.fit(module, datamodule=data)
    assert Bundle.load(folder / "bundle_1").data_fingerprint == data.data_fingerprint
    assert (folder / "bundle" / "bundle.json").read_bytes() == before
    assert not list(folder.glob(".bundle-*"))


def test_stage_2_starts_from_the_bundle(trained, make_data, make_trainer):
    module, _, _, folder = trained
    data = make_data(phase="finetune")
    second = stage2(data, bundle=str(folder.parent))
    for name, encoder in second.encoders.items():
        mine = module.encoders[name].state_dict()
        assert all(torch.equal(value, mine[key]) for key, value in encoder.state_dict().items())
    weights = [quality.weight for quality in Bundle.load(folder).quality.values()]
    assert second.classifier.attention.quality.tolist() == pytest.approx(weights)
    make_trainer(1).fit(second, datamodule=data)
    assert second.record.bundle == str(folder / "bundle")


def test_newest_bundle_is_found_by_number(trained):
    import shutil

    folder = trained[3]
    for version in (2, 10):
        shutil.copytree(folder / "bundle", folder.parent / f"version_{version}" / "bundle")
    (folder.parent / "version_11").mkdir()  # a run that was killed before its end
    assert Bundle.find(folder.parent) == folder.parent / "version_10" / "bundle"


def test_unfit_bundles_are_refused(trained, make_data, make_trainer, tmp_path):
    _, _, _, folder = trained
    alone = Bundle.load(folder).restrict({"inertial": (120, 6)})
    with pytest.raises(BundleError, match="skeleton"):
        alone.restrict({"inertial": (120, 6), "skeleton": (40, 20, 3)})
    with pytest.raises(BundleError, match="120"):
        stage2(make_data(inertial_steps=60), bundle=str(folder))
    other = make_data(train_subjects=[1, 2, 3], label_rate=0.5, phase="finetune")
    with pytest.warns(UserWarning, match="inertial, skeleton standardised with other statistics"):
        make_trainer(1).fit(stage2(other, bundle=str(folder)), datamodule=other)
    moved = make_data(transforms={"skeleton": [CenterOnHip()]}, phase="finetune")
    with pytest.raises(BundleError, match=r"'skeleton' of UTD-MHAD: transforms CenterOnHip.*, not none"):
        make_trainer(1).fit(stage2(moved, bundle=str(folder)), datamodule=moved)
    with pytest.raises(BundleError, match="does not exist"):
        stage2(make_data(), bundle=str(tmp_path / "nowhere"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(BundleError, match="stage 1"):
        stage2(make_data(), bundle=str(tmp_path / "empty"))


@pytest.mark.parametrize("damage", ["weights", "json", "class"])
def test_damaged_bundles_are_refused(trained, make_data, damage):
    _, _, _, folder = trained
    bundle = folder / "bundle"
    if damage == "weights":
        content = (bundle / "encoders.safetensors").read_bytes()
        (bundle / "encoders.safetensors").write_bytes(content[: len(content) // 2])
    elif damage == "json":
        (bundle / "bundle.json").write_text(
            (bundle / "bundle.json").read_text(encoding="utf-8")[:-200], encoding="utf-8"
        )
    else:
        text = (
            (bundle / "bundle.json")
            .read_text(encoding="utf-8")
            .replace("cosmo_pl.encoders.inertial.InertialEncoder", "os.getcwd")
        )
        (bundle / "bundle.json").write_text(text, encoding="utf-8")
    with pytest.raises(BundleError, match="damaged"):
        stage2(make_data(), bundle=str(folder))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"encoders": {"inertial": None}}, "encoders"),
        ({"weight_range": (0.6, 0.9)}, "weight_range"),
        ({"temperature": 0.0}, "temperature"),
        ({"num_fused": 1}, "num_fused"),
    ],
)
def test_bad_arguments_are_named(make_data, arguments, named):
    with pytest.raises(ConfigurationError, match=named):
        stage1(make_data(phase="pretrain"), **arguments)


def test_three_modalities_have_random_weights_and_no_grid():
    from cosmo_pl.encoders import InertialEncoder

    shapes = dict.fromkeys(("left", "right", "hip"), (30, 3))
    encoders = {name: InertialEncoder(channels=(4, 4), kernels=(2, 2)) for name in shapes}
    with pytest.raises(ConfigurationError, match="sampling"):
        ContrastiveFusionModule(shapes, 4, encoders, sampling="grid")
    module = ContrastiveFusionModule(shapes, 4, encoders, projection_hidden=8)
    r = module.project(module({name: torch.randn(6, *shape) for name, shape in shapes.items()}))
    assert module.augment(r).shape == (6, 9, 128)


def test_the_floor_of_a_sum_counts_all_views(make_data, make_trainer):
    data, floors = make_data(phase="pretrain", pretrain_batch_size=16), []
    for reduction in ("mean", "sum"):
        trainer = make_trainer(1, limit_train_batches=1, limit_val_batches=0)
        trainer.fit(stage1(data, num_fused=4, reduction=reduction), datamodule=data)
        floors.append(float(trainer.callback_metrics["train/loss_floor"]))
        assert floors[-1] < float(trainer.callback_metrics["train/loss"])
    assert floors == pytest.approx([math.log(3), 16 * 4 * math.log(3)])


def test_all_processes_fuse_with_the_weights_of_the_first(make_data, monkeypatch):
    data = make_data(phase="pretrain")
    data.setup()
    module = stage1(data, encoders=small_encoders(dropout=0.0), num_fused=2, sampling="random").eval()
    module.log = lambda *_args, **_kwargs: None
    of_first = torch.tensor([[0.2, 0.8], [0.7, 0.3]])
    monkeypatch.setattr(module, "shared", lambda sampled: of_first)
    x = {name: values[:6] for name, values in data.inputs.items()}
    r = module.project(module(x))
    fused = torch.stack([a * r["inertial"] + b * r["skeleton"] for a, b in of_first.tolist()], dim=1)
    expected = module.loss(torch.nn.functional.normalize(fused, dim=2))
    assert module.pretraining_loss(x).item() == pytest.approx(expected.item(), rel=1e-6)


def test_augmentations_and_mixes_of_a_sample_are_all_positives(make_data):
    """V augmentations by P mixes: the loss of the naive loop over N samples of V·P views."""
    data = make_data(phase="pretrain")
    data.setup()
    module = stage1(data, encoders=small_encoders(dropout=0.0), num_fused=3, temperature=0.5).double().eval()
    module.log = lambda *_args, **_kwargs: None
    x = {name: values[:12].double() for name, values in data.inputs.items()}  # four samples, three views of each
    told = module.pretraining_loss(x, 3)
    views = module.views(module.project(module(x)))  # (12, 3, D)
    flat = [(row // 3, view) for row in range(12) for view in views[row]]
    total = 0.0
    for s, (n, anchor) in enumerate(flat):
        scores = {a: anchor @ v / 0.5 for a, (_, v) in enumerate(flat) if a != s}
        positives = [scores[a] for a in scores if flat[a][0] == n]
        assert len(positives) == 8
        total = total - (torch.stack(positives) - torch.stack(list(scores.values())).logsumexp(0)).mean()
    assert told.item() == pytest.approx((total / len(flat)).item(), rel=1e-6)
