"""Stage 1 with missing modalities, and on several datasets: equations, batch statistics, and the use of the bundle."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from cosmo_pl.bundle import Bundle
from cosmo_pl.data import JointDataModule, USCDataModule, UTDDataModule
from cosmo_pl.encoders import StatisticsEncoder, TemporalEncoder
from cosmo_pl.errors import BundleError, ConfigurationError
from cosmo_pl.fusion import FusionAugmentation
from cosmo_pl.modules import CMCModule, ContrastiveFusionModule, IterativeFusionModule, PrototypeModule

SHAPES = {"a": (12, 3), "b": (12, 3), "c": (12, 3)}
PRESENT = {"b": torch.tensor([1, 0, 1, 1, 0, 1]).bool(), "c": torch.tensor([1, 1, 0, 1, 1, 0]).bool()}
WINDOWS = {"rate": 50, "window_size": 100, "stride": 50, "labels_per_class": 2}
CLIPS = {"inertial_rate": 50, "inertial_steps": 100, "label_rate": 0.2, "max_train_per_class": None}


def small(features=3):
    return TemporalEncoder(features, channels=(4, 4), strides=(1, 2), segments=3)


def module_of(shapes, num_classes=4, **arguments):
    torch.manual_seed(0)
    encoders = {name: small(math.prod(shape[1:])) for name, shape in shapes.items()}
    return ContrastiveFusionModule(shapes, num_classes, encoders, projection_hidden=8, projection_dim=5, **arguments)


def samples():
    torch.manual_seed(1)
    return {name: torch.randn(6, *shape) for name, shape in SHAPES.items()}


@pytest.mark.parametrize("mode", ["sum", "concat"])
def test_weights_of_missing_modalities_are_zero_and_the_others_renormalised(mode):
    torch.manual_seed(0)
    augment = FusionAugmentation(num_fused=4, weight_range=(0.1, 0.8), mode=mode).double()
    features = [F.normalize(torch.randn(6, 5).double(), dim=1) for _ in SHAPES]
    has = torch.stack([torch.ones(6).bool(), *PRESENT.values()], dim=1)
    torch.manual_seed(3)
    found = augment(features, has)
    torch.manual_seed(3)
    alpha = augment.weights(3).double()
    for n in range(6):
        for k in range(4):
            own = [j for j in range(3) if has[n, j]]
            total = sum(alpha[k, j] for j in own)
            parts = [alpha[k, j] / total * features[j][n] if j in own else torch.zeros(5).double() for j in range(3)]
            view = sum(parts) if mode == "sum" else torch.cat(parts)
            assert torch.allclose(found[n, k], view / view.norm(), atol=1e-6)


def test_nothing_missing_is_the_equation_of_the_paper():
    augment = FusionAugmentation(num_fused=4)
    features = [F.normalize(torch.randn(6, 5), dim=1) for _ in range(2)]
    assert torch.allclose(augment(features, torch.ones(6, 2).bool()), augment(features), atol=1e-6)


def test_the_loss_is_that_of_a_naive_loop_over_views():
    module = module_of(SHAPES, num_fused=3, temperature=0.5, weight_range=(0.2, 0.6)).double().eval()
    module.log = lambda *_args, **_kwargs: None
    inputs = {name: values.double() for name, values in samples().items()}
    torch.manual_seed(5)
    found = module.pretraining_loss(inputs, present=PRESENT)
    torch.manual_seed(5)
    alpha = module.augment.weights(3).double()
    views = []
    for n in range(6):
        own = [name for name in SHAPES if bool(PRESENT.get(name, torch.ones(6))[n])]
        r = {name: module.heads[name](module.encoders[name](inputs[name][n : n + 1]).flatten(1))[0] for name in own}
        for k in range(3):
            view = sum(alpha[k, list(SHAPES).index(name)] * value for name, value in r.items())
            views.append((n, view / view.norm()))
    total = 0.0
    for s, (n, anchor) in enumerate(views):
        scores = torch.stack([anchor @ v / 0.5 for i, (_, v) in enumerate(views) if i != s])
        same = [anchor @ v / 0.5 for i, (m, v) in enumerate(views) if i != s and m == n]
        total = total - (torch.stack(same) - scores.logsumexp(0)).mean()
    assert found.item() == pytest.approx((total / len(views)).item(), rel=1e-5)


def test_values_of_missing_modalities_change_neither_loss_nor_batch_statistics():
    inputs, losses, states = samples(), [], []
    for value in (0.0, 1e3):
        module = module_of(SHAPES)
        module.log = lambda *_args, **_kwargs: None
        changed = {
            n: torch.where(PRESENT.get(n, torch.ones(6).bool()).view(6, 1, 1), x, value) for n, x in inputs.items()
        }
        torch.manual_seed(2)
        loss = module.pretraining_loss(changed, present=PRESENT)
        loss.backward()
        losses.append(loss.item())
        states.append({**module.state_dict(), **{n: p.grad for n, p in module.named_parameters()}})
    assert losses[0] == losses[1]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_a_modality_of_one_sample_alone_has_no_batch_statistics():
    torch.manual_seed(0)
    encoders = {name: StatisticsEncoder(3, 4, (4,)) for name in SHAPES}
    module = ContrastiveFusionModule(SHAPES, 4, encoders, projection_hidden=8)
    module.log = lambda *_args, **_kwargs: None
    state = module.encoders["c"].state_dict()
    before = {name: value.clone() for name, value in state.items() if "running" in name}
    module.pretraining_loss(samples(), present={"c": torch.arange(6) == 2}).backward()
    assert before and all(torch.equal(value, state[name]) for name, value in before.items())
    assert module.training and module.encoders["c"].training and module.heads["c"].training


@pytest.fixture
def joint(utd_root, usc_root):
    def make(**arguments):
        utd = UTDDataModule(root=str(utd_root), modalities=["acc", "gyro", "skeleton"], **CLIPS)
        return JointDataModule([utd, USCDataModule(root=str(usc_root), **WINDOWS)], pretrain_batch_size=32, **arguments)

    return make


@pytest.fixture
def trained(joint, make_trainer, tmp_path):
    data = joint()
    module = module_of(data.modality_shapes, data.num_classes, weight_range=(0.1, 0.8))
    before = {name: value.clone() for name, value in module.state_dict().items()}
    trainer = make_trainer(1, limit_train_batches=3)
    trainer.fit(module, datamodule=data)
    assert all(not torch.equal(value, before[name]) for name, value in module.state_dict().items() if "weight" in name)
    assert 0 <= trainer.callback_metrics["probe/acc"] <= 1 and "val/uniformity" in trainer.callback_metrics
    module.write_bundle(tmp_path / "joint")
    return str(tmp_path / "joint")


def test_the_bundle_serves_both_datasets(trained, utd_root, usc_root, make_trainer):
    loaded = Bundle.load(trained)
    assert loaded.data.joined == {"utd": (1, 2, 3, 4, 5, 6), "usc": tuple(range(1, 11))}
    utd = UTDDataModule(root=str(utd_root), normalization="bundle", modalities=["acc", "skeleton"], **CLIPS)
    usc = USCDataModule(root=str(usc_root), normalization="data", **WINDOWS)
    for data, kind in ((utd, IterativeFusionModule), (usc, PrototypeModule)):
        module = kind(data.modality_shapes, data.num_classes, bundle=trained)
        with pytest.warns(UserWarning, match="another dataset"):
            make_trainer(1, limit_train_batches=2, limit_val_batches=1).fit(module, datamodule=data)
    assert utd.normalization == {name: loaded.normalization[name] for name in ("acc", "skeleton")}


def test_training_subjects_of_each_dataset_are_not_tested(trained, usc_root, make_trainer):
    data = USCDataModule(root=str(usc_root), normalization="data", test_subjects=[10, 11], **WINDOWS)
    module = PrototypeModule(data.modality_shapes, data.num_classes, bundle=trained)
    with pytest.raises(BundleError, match=r"trained on the subjects \[10\]"):
        make_trainer(1).fit(module, datamodule=data)


def test_a_method_that_needs_every_modality_says_so(joint, make_trainer, tmp_path):
    data = joint()
    module = CMCModule(data.modality_shapes, 39, {n: small(math.prod(s[1:])) for n, s in data.modality_shapes.items()})
    trainer = make_trainer(1, enable_checkpointing=True)
    with pytest.raises(ConfigurationError, match=r"some samples lack skeleton, and CMCModule needs every modality"):
        trainer.fit(module, datamodule=data)


def test_a_classifier_of_several_datasets_is_refused(joint, make_trainer):
    data = joint()
    encoders = {n: small(math.prod(s[1:])) for n, s in data.modality_shapes.items()}
    module = IterativeFusionModule(data.modality_shapes, 39, encoders=encoders, quality_lambda=0)
    with pytest.raises(ConfigurationError, match="different activities"):
        make_trainer(1).fit(module, datamodule=data)
