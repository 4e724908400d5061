"""A bundle, a device with recordings of a person, and adaptations of the one to the other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cosmo_pl.cli.train import main as fit
from cosmo_pl.edge.adaptation import AdaptationReport, adapt
from data.streams.written import write_streams

EPOCHS = "trainer: {max_epochs: 3, accelerator: cpu}\n"
HEADER = "recording,start,end,activity\n"
FEW = HEADER + "s7_0,0,4,walk\ns7_1,0,4,sit\ns7_2,0,4,jump\n"


STAGE1 = """
seed_everything: 0
data:
  class_path: cosmo_pl.data.StreamsDataModule
  init_args: {root: others, test_subjects: [5], labels_per_class: 2, pretrain_batch_size: 16}
model:
  class_path: cosmo_pl.modules.ContrastiveFusionModule
  init_args:
    encoders:
      wrist: {class_path: cosmo_pl.encoders.TemporalEncoder, init_args: {in_features: 3, channels: [8, 8, 8, 8]}}
      mat: {class_path: cosmo_pl.encoders.TemporalEncoder, init_args: {in_features: 8, channels: [8, 8, 8, 8]}}
    lr: 0.001
trainer: {max_epochs: 2, accelerator: cpu, enable_progress_bar: false, enable_model_summary: false}
run: {folder: runs, name: cosmo}
"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory, quick_quality: None) -> Path:
    """A bundle of a short stage 1 on other people."""
    folder = tmp_path_factory.mktemp("cloud")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_streams(Path("others"))
        Path("stage1.yaml").write_text(STAGE1, encoding="utf-8")
        fit(["fit", "--config=stage1.yaml"])
    return folder / "runs/cosmo"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A device with recordings of a person without labels, two of each activity."""
    monkeypatch.chdir(tmp_path)
    store = write_streams(Path("device"), subjects=(7,), per_activity=2)
    replace(store, recordings=tuple(replace(each, labels=()) for each in store.recordings)).write()
    Path("short.yaml").write_text(EPOCHS, encoding="utf-8")
    Path("few.csv").write_text(FEW, encoding="utf-8")
    return tmp_path


def on_device(
    bundle: Path, out: str = "me", labels: str | None = "few.csv", run: Any = fit, **more: Any
) -> AdaptationReport:
    given: dict[str, Any] = {"data": Path("device"), "configs": [Path("short.yaml")], **more}
    return adapt(bundle, out=Path(out), fit=run, labels=None if labels is None else Path(labels), **given)
