"""A bundle beside an exported second stage."""

from __future__ import annotations

import pytest
import torch

from cosmo_pl import Recogniser
from cosmo_pl.bundle import Bundle
from cosmo_pl.cli import main
from cosmo_pl.edge.export import bundle_of
from cosmo_pl.errors import ConfigurationError

pytestmark = pytest.mark.slow

QUIET = ["--trainer.enable_progress_bar=false", "--trainer.enable_model_summary=false", "--trainer.accelerator=cpu"]
NARROW = [f"--model.init_args.encoders.{name}.init_args.channels=[4,4,4,4]" for name in ("inertial", "skeleton")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, utd_root):
    """Stage 1 and prototypes, and a forest without a stage 1."""
    folder = tmp_path_factory.mktemp("export")
    data = [f"--data.init_args.root={utd_root}", "--data.init_args.label_rate=0.3", *QUIET]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("COSMO_PL_DATA", raising=False)
        main(["fit", "--config=cosmo:utd_stage1", *data, *NARROW, "--trainer.max_epochs=1"])
        main(["fit", "--config=cosmo:utd_stage2", "--config=cosmo:model/prototypes", *data, "--trainer.max_epochs=1"])
        main(["fit", "--config=cosmo:utd_stage2", "--config=cosmo:model/random_forest", *data])
        main(["export", "--run=runs/utd/cosmo-prototypes", "--out=model", "--bundle=true"])
        yield folder


def test_one_folder_recognises_and_has_the_encoders(folder):
    assert type(Recogniser.load(folder / "model")).__name__ == "ExportedRecogniser"
    stored, kept = Bundle.load(folder / "model"), Bundle.load(folder / "runs/utd/cosmo")
    assert stored.normalization == kept.normalization and stored.quality == kept.quality
    for name, encoder in kept.encoders.items():
        for key, value in encoder.state_dict().items():
            torch.testing.assert_close(stored.encoders[name].state_dict()[key], value, rtol=2**-11, atol=1e-7)


def test_a_run_without_stage_1_has_no_bundle(folder):
    with pytest.raises(ConfigurationError, match="without a stage 1"):
        bundle_of(Recogniser.load(folder / "runs/utd/random_forest"))
