"""Suggested labels: the most typical sample of each cluster, whatever the labels are."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch
from pytorch_lightning import Trainer
from pytorch_lightning.loggers import CSVLogger

from cosmo_pl import ConfigurationError, UTDDataModule, suggest, suggestion
from cosmo_pl.cli import main
from cosmo_pl.encoders import TemporalEncoder
from cosmo_pl.modules import ContrastiveFusionModule
from cosmo_pl.suggestion import NEIGHBORS, most_typical, typicality


@pytest.fixture(scope="module")
def data(utd_root):
    data = UTDDataModule(root=str(utd_root), label_rate=0.3, modalities=["inertial", "skeleton"])
    data.setup()
    return data


@pytest.fixture(scope="module")
def bundle(utd_root, tmp_path_factory, quick_quality):
    folder = tmp_path_factory.mktemp("stage1")
    data = UTDDataModule(root=str(utd_root), label_rate=0.3, phase="pretrain", pretrain_batch_size=16)
    encoders = {n: TemporalEncoder(k, channels=(4, 4, 4, 4)) for n, k in (("inertial", 6), ("skeleton", 60))}
    module = ContrastiveFusionModule(data.modality_shapes, data.num_classes, encoders, projection_hidden=16)
    trainer = Trainer(
        accelerator="cpu", max_epochs=1, limit_train_batches=2, logger=CSVLogger(str(folder), name="cosmo"),
        enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0, limit_val_batches=0,
    )  # fmt: skip
    trainer.fit(module, datamodule=data)
    return folder / "cosmo"


def test_typicality_is_the_inverse_mean_distance_to_the_nearest(monkeypatch):
    points = torch.randn(NEIGHBORS + 15, 3, generator=torch.Generator().manual_seed(0)).double()
    naive = []
    for i, point in enumerate(points):
        distances = sorted(float((point - other).norm()) for j, other in enumerate(points) if i != j)
        naive.append(1 / np.mean(distances[:NEIGHBORS]))
    assert typicality(points) == pytest.approx(naive)
    monkeypatch.setattr(suggestion, "DISTANCES", 3 * len(points))
    assert typicality(points) == pytest.approx(naive), "in blocks of three rows"
    assert typicality(points[:2]) == pytest.approx([1 / float((points[0] - points[1]).norm())] * 2)
    assert typicality(points[:1]).tolist() == [0]


def test_the_most_typical_of_each_cluster_is_chosen_the_largest_cluster_first():
    generator = torch.Generator().manual_seed(1)
    sizes, centres = (9, 5, 3), torch.tensor([[0.0, 0.0], [50.0, 0.0], [0.0, 50.0]])
    parts = [torch.randn(n, 2, generator=generator) + centre for n, centre in zip(sizes, centres, strict=True)]
    rows, typical, size = most_typical(torch.cat(parts), 3, seed=0)
    starts = np.cumsum([0, *sizes[:-1]])
    expected = [start + typicality(part).argmax() for start, part in zip(starts, parts, strict=True)]
    assert rows.tolist() == expected
    assert size.tolist() == list(sizes)
    assert typical == pytest.approx([typicality(part).max() for part in parts])


@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
def test_copies_leave_as_many_suggestions():
    rows, _, _ = most_typical(torch.tensor([[0.0, 1.0]] * 5 + [[1.0, 0.0]]), 4, seed=0)
    assert len(set(rows.tolist())) == 4


def test_suggestions_are_of_training_subjects_and_see_no_label(data, bundle):
    found = suggest(data, bundle, 10)
    assert len({each.index for each in found}) == 10
    assert not {each.subject for each in found} & set(data.subjects.test)
    sizes = [each.represents for each in found]
    assert sizes == sorted(sizes, reverse=True)
    for each in found:
        assert each.recording == data.samples.recording[each.index]
    label = data.samples.label
    data.samples = dataclasses.replace(data.samples, label=np.roll(label, 7))
    assert suggest(data, bundle, 10) == found
    data.samples = dataclasses.replace(data.samples, label=label)
    assert suggest(data, bundle, 10, seed=5) != []


def test_samples_of_unknown_activity_are_the_candidates_where_there_are_some(data, bundle):
    split = data.split
    try:
        data.split = dataclasses.replace(split, unknown=split.unlabeled[:12])
        assert {each.index for each in suggest(data, bundle, 12)} == set(split.unlabeled[:12].tolist())
        with pytest.raises(ConfigurationError, match="labels: is 13, and there are 12 training samples"):
            suggest(data, bundle, 13)
    finally:
        data.split = split


def test_samples_that_test_subjects_add_to_the_training_are_no_candidates(data, bundle):
    """As with `person_unlabeled`."""
    split = data.split
    try:
        data.split = dataclasses.replace(split, unlabeled=np.union1d(split.unlabeled, split.test[::2]))
        assert set(suggestion.candidates(data).tolist()) == set(split.pretraining(include_labeled=True).tolist())
    finally:
        data.split = split


@pytest.mark.parametrize("statistics", ["data", "bundle"])
def test_the_command_writes_a_list_that_the_data_read(utd_root, bundle, tmp_path, capsys, monkeypatch, statistics):
    config = tmp_path / "data.yaml"
    config.write_text(
        "class_path: cosmo_pl.data.UTDDataModule\n"
        f"init_args: {{root: {utd_root}, label_rate: 0.3, normalization: {statistics}}}\n",
        encoding="utf-8",
    )
    out = tmp_path / "mine.json"
    main(["data", "suggest", str(config), str(bundle), "--labels=30", f"--out={out}"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["rank", "recording", "subject", "start", "typicality", "represents"]
    listed = json.loads(out.read_text(encoding="utf-8"))["suggested"]
    assert [line.split()[1] for line in lines[1:31]] == listed and len(listed) == 30
    data = UTDDataModule(
        root=str(utd_root), label_rate=0.3, label_split="suggested", label_split_file=str(out),
        allow_missing_classes=True,
    )  # fmt: skip
    data.setup()
    assert sorted(data.samples.recording[data.split.labeled].tolist()) == sorted(listed)
    with pytest.raises(SystemExit):
        main(["data", "suggest", str(config), str(bundle), f"--out={out}"])
    assert "has a split 'suggested' already" in capsys.readouterr().err
