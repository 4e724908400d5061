"""A dataset of four modalities and two methods from a package outside of this one, through the command line."""

from __future__ import annotations

import csv
import json
import shutil
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from cosmo_pl.cli import main
from cosmo_pl.data import DATASETS, UTDDataModule
from cosmo_pl.encoders import TemporalEncoder
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.study.jobs import Project
from cosmo_pl.testing import check_dataset, check_method

HERE = Path(__file__).parent
OVERLAYS = HERE.parents[1] / "configs" / "model"
CLASSES = ["stir", "cut", "wash up"]
QUIET = ["--trainer.enable_progress_bar=false", "--trainer.enable_model_summary=false"]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project of somebody else's, with recordings, as the working directory; its package can be imported."""
    folder = tmp_path_factory.mktemp("outside")
    shutil.copytree(HERE / "kitchen", folder / "site" / "kitchen")
    shutil.copytree(HERE / "project", folder / "project")
    shutil.copy(OVERLAYS / "finetune.yaml", folder / "project" / "configs" / "model")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder / "site"))
        patch.chdir(folder / "project")
        patch.delenv("COSMO_PL_DATA", raising=False)
        installed(folder / "site", "kitchen", "kitchen = kitchen.data:KitchenDataModule")
        main(["data", "simulate", "kitchen", "--root", "data", "--subjects", "4"])
        yield folder / "project"
    for name in [name for name in sys.modules if name.split(".")[0] == "kitchen"]:
        del sys.modules[name]


def installed(site: Path, distribution: str, *points: str) -> None:
    """Puts entry points into a folder of packages, as pip would."""
    info = site / f"{distribution}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("\n".join(["[cosmo_pl.datasets]", *points, ""]), encoding="utf-8")


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def chain(here: Path) -> SimpleNamespace:
    """Stage 1 with the default sampling, stage 2, test and predict."""
    main(["fit", "--config=configs/kitchen_stage1.yaml", *QUIET])
    second = ["--config=configs/kitchen_stage2.yaml", *QUIET]
    for command in ("fit", "test", "predict"):
        main([command, *second])
    run = here / "runs" / "kitchen" / "cosmo-iterative" / "version_0"
    return SimpleNamespace(
        bundle=json.loads((here / "runs/kitchen/cosmo/version_0/bundle/bundle.json").read_text(encoding="utf-8")),
        metrics=json.loads((run / "test_0" / "metrics.json").read_text(encoding="utf-8")),
        predictions=rows(run / "predict_0" / "predictions.csv"),
    )


def test_the_dataset_and_the_methods_conform(here: Path) -> None:
    from kitchen.data import KitchenDataModule
    from kitchen.methods import AgreementModule, LinearModule

    make = partial(KitchenDataModule, root="data")
    check_dataset(make)
    check_method(lambda data: LinearModule(data.modality_shapes, data.num_classes), make)
    check_method(
        lambda data: AgreementModule(
            data.modality_shapes,
            data.num_classes,
            {n: TemporalEncoder(s[-1], (4, 4, 4, 4)) for n, s in data.modality_shapes.items()},
        ),
        partial(make, pretrain_batch_size=16),
    )


def test_stage_1_fuses_four_modalities_and_measures_their_quality(chain: SimpleNamespace) -> None:
    weights = {name: quality["weight"] for name, quality in chain.bundle["quality"].items()}
    assert list(weights) == ["wrist", "ankle", "audio", "pressure"]
    assert sum(weights.values()) == pytest.approx(1)
    assert chain.bundle["training"]["sampling"] == "auto"


def test_the_test_has_the_classes_and_chance_of_the_outside_dataset(chain: SimpleNamespace) -> None:
    metrics = chain.metrics
    assert metrics["dataset"] == "Kitchen" and list(metrics["per_class_accuracy"]) == CLASSES
    assert metrics["total"] == 24 and metrics["labels"] == 6 and metrics["test_subjects"] == [4]
    assert metrics["chance"] == pytest.approx(1 / 3)
    assert all(set(row) == set(chain.bundle["quality"]) for row in metrics["attention_by_class"].values())


def test_predictions_are_those_of_the_test(chain: SimpleNamespace) -> None:
    found = chain.predictions
    assert len(found) == chain.metrics["total"] and {row["label"] for row in found} == set(CLASSES)
    assert sum(row["label"] == row["predicted"] for row in found) == chain.metrics["correct"]
    assert all(row["recording"].startswith("s4_") for row in found)


@pytest.mark.parametrize(
    "source", ["kitchen", "kitchen.data.KitchenDataModule", "configs/data/kitchen.yaml", "configs/kitchen_stage2.yaml"]
)
def test_describe_takes_key_class_path_and_config(source: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["data", "describe", source, "--root=data"])
    told = capsys.readouterr().out
    assert "# kitchen sensors in data/Kitchen" in told
    assert "| wrist 20×3, ankle 20×3, audio 16×4, pressure 12×2 | 3 | 4 | 96 | 96 |" in told
    assert [line for line in told.splitlines() if line.endswith(" | 32 |")] == [
        f"| {name} | 8 | 8 | 8 | 8 | 32 |" for name in CLASSES
    ]
    assert "- test subjects 4: 24 samples" in told


def test_describe_of_a_config_has_its_arguments(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = {
        "class_path": "kitchen.data.KitchenDataModule",
        "init_args": {"modalities": ["audio"], "test_subjects": [1]},
    }
    (here / "audio.yaml").write_text(yaml.safe_dump({"data": config}), encoding="utf-8")
    main(["data", "describe", "audio.yaml"])
    told = capsys.readouterr().out
    assert "| audio 16×4 | 3 | 4 |" in told and "- test subjects 1: 24 samples" in told


@pytest.fixture(scope="module")
def study(here: Path) -> SimpleNamespace:
    """The outside project's study, run and drawn."""
    main(["study", "run", "kitchen", "--preset=tiny"])
    main(["study", "render", "kitchen", "--preset=tiny"])
    records = [
        json.loads(path.read_text(encoding="utf-8")) for path in sorted((here / "experiments/results").rglob("*.json"))
    ]
    drawn = here / "experiments" / "rendered"
    return SimpleNamespace(
        tests=[record for record in records if record["kind"] == "finetune"],
        bundles=[record for record in records if record["kind"] == "pretrain"],
        table=rows(drawn / "kitchen-tiny.csv"),
        page=(drawn / "kitchen-tiny.md").read_text(encoding="utf-8"),
    )


def test_overlays_are_methods_of_a_study(study: SimpleNamespace) -> None:
    assert sorted(record["method"] for record in study.bundles) == ["agreement", "cosmo"]
    pretrained = {record["method"]: record["result"]["training"].get("pretraining") for record in study.tests}
    assert pretrained == {"agreement": "AgreementModule", "cosmo": "ContrastiveFusionModule", "linear": None}


def test_table_of_the_study_adds_up(study: SimpleNamespace) -> None:
    assert [row["method"] for row in study.table] == ["Cosmo", "linear", "agreement"]
    for row in study.table:
        (result,) = (record["result"] for record in study.tests if record["method"] == row["method"].lower())
        correct, total = result["correct"], result["total"]
        assert row["dataset"].startswith("kitchen") and row["correct"] == f"{correct}/{total}" and total == 24
        assert row["accuracy"].startswith(f"{correct / total:.3f} ")
    assert study.page.startswith("# Accuracy in the kitchen\n")
    assert "6 labels, test subjects 4, chance 0.333" in study.page


def test_status_counts_the_runs(study: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    main(["study", "status", "kitchen", "--preset=tiny"])
    told = [line.split() for line in capsys.readouterr().out.splitlines() if "kitchen" in line]
    runs = [("cosmo", "pretrain"), ("cosmo", "finetune"), ("linear", "finetune"), ("agreement", "pretrain"),
            ("agreement", "finetune")]  # fmt: skip
    done_running_wanted = ["1", "0", "1"]
    assert [line[:6] for line in told] == [["kitchen", *names, *done_running_wanted] for names in runs]


def test_a_project_needs_no_list_of_methods(here: Path, tmp_path: Path) -> None:
    shutil.copytree(here, tmp_path / "project", ignore=shutil.ignore_patterns("runs", "results", "methods.yaml"))
    path = tmp_path / "project" / "experiments" / "kitchen.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("cosmo, ", ""), encoding="utf-8")
    jobs = Project(tmp_path / "project").jobs("kitchen", "tiny")
    assert [(job.method, job.kind) for job in jobs ] == [
        ("linear", "finetune"), ("agreement", "pretrain"), ("agreement", "finetune"),
    ]  # fmt: skip
    assert jobs[1].configs == ("configs/kitchen_stage1.yaml", "configs/model/agreement.yaml")
    assert jobs[2].configs == ("configs/kitchen_stage2.yaml", "configs/model/finetune.yaml")
    path.write_text(path.read_text(encoding="utf-8").replace("linear", "cosmos"), encoding="utf-8")
    with pytest.raises(ConfigurationError, match="no 'cosmos'"):
        Project(tmp_path / "project").jobs("kitchen", "tiny")


def test_shipped_methods_and_overlays_need_no_copy(here: Path, tmp_path: Path) -> None:
    ignored = shutil.ignore_patterns("runs", "results", "methods.yaml", "finetune.yaml")
    shutil.copytree(here, tmp_path / "project", ignore=ignored)
    path = tmp_path / "project" / "experiments" / "kitchen.yaml"
    study = yaml.safe_load(path.read_text(encoding="utf-8"))
    study["runs"][0]["methods"] = ["cosmo", "agreement", "cmkm", "nearest_neighbor", "probe"]
    path.write_text(yaml.safe_dump(study), encoding="utf-8")
    jobs = Project(tmp_path / "project").jobs("kitchen", "tiny")
    assert [(job.method, job.kind, [parent.method for parent in job.parents]) for job in jobs] == [
        ("cosmo", "pretrain", []), ("cosmo", "finetune", ["cosmo"]),
        ("agreement", "pretrain", []), ("agreement", "finetune", ["agreement"]),
        ("simclr", "pretrain", []), ("cmkm", "pretrain", ["simclr"]), ("cmkm", "finetune", ["cmkm"]),
        ("nearest_neighbor", "finetune", []), ("probe", "finetune", ["cosmo"]),
    ]  # fmt: skip


@pytest.mark.parametrize(("given", "kinds"), [({}, ["pretrain", "finetune"]), ({"bundle": "a/b"}, ["finetune"])])
def test_an_overlay_that_takes_a_bundle_has_a_stage_1(
    given: dict[str, str], kinds: list[str], here: Path, tmp_path: Path
) -> None:
    shutil.copytree(here, tmp_path / "project", ignore=shutil.ignore_patterns("runs", "results"))
    path = tmp_path / "project" / "experiments" / "kitchen.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("[cosmo, linear, agreement]", "[mine]"), encoding="utf-8")
    model = {"class_path": "cosmo_pl.modules.IterativeFusionModule", "init_args": {"iterative_epochs": 0, **given}}
    overlay = tmp_path / "project" / "configs" / "model" / "mine.yaml"
    overlay.write_text(yaml.safe_dump({"model": model}), encoding="utf-8")
    assert [job.kind for job in Project(tmp_path / "project").jobs("kitchen", "tiny")] == kinds


def test_claims_and_headline_of_a_project_that_knows_no_paper(
    study: SimpleNamespace, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["study", "claims"])
    assert "Preset `tiny`." in (here / "experiments/rendered/claims.md").read_text(encoding="utf-8")
    assert "preset: there is no 'nano'. Choose from tiny." in refused(capsys, "study", "claims", "--preset=nano")
    assert "project: has no study 'plus', of whose results the table is. Use" in refused(capsys, "study", "headline")
    assert not {"paper", "verdict"} & set(study.table[0]) and "Claims of the paper" not in study.page


def test_an_overlay_whose_class_cannot_be_imported_is_named(here: Path, tmp_path: Path) -> None:
    shutil.copytree(here, tmp_path / "project", ignore=shutil.ignore_patterns("runs", "results"))
    overlay = tmp_path / "project" / "configs" / "model" / "linear.yaml"
    overlay.write_text("model: {class_path: kitchen.methods.Nothing}", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"linear\.yaml.*Nothing"):
        Project(tmp_path / "project").jobs("kitchen", "tiny")


# Names that cannot be used


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    with pytest.raises(SystemExit) as stopped:
        main(list(arguments))
    told = capsys.readouterr().err
    assert stopped.value.code == 2 and told.count("\n") == 1 and told.startswith("cosmo-pl: ")
    return told


@pytest.mark.parametrize("command", ["describe", "simulate", "download"])
def test_an_unknown_key_lists_those_there_are(command: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    known = "utd, usc, self_collected, mex, streams, kitchen"
    assert f"'kitchn'. Choose from {known}" in refused(capsys, "data", command, "kitchn")


def test_what_a_dataset_does_not_offer_is_refused(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "Choose from utd, usc, mex." in refused(capsys, "data", "download", "kitchen")
    assert "resolution" in refused(capsys, "data", "simulate", "kitchen", "--resolution=[2, 2]")
    told = refused(capsys, "data", "describe", "kitchen", "--root=nowhere")
    assert "cosmo-pl data simulate kitchen" in told and "download" not in told


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("kitchen.methods.LinearModule", "no subclass of MultimodalDataModule"),
        ("kitchen.data.Nothing", "AttributeError"),
        ("no_such_package.Data", "ModuleNotFoundError"),
    ],
)
def test_a_class_path_that_is_no_datamodule(
    path: str, named: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = refused(capsys, "data", "describe", path)
    assert f"'{path}'" in told and named in told


def test_fit_refuses_a_class_that_is_no_datamodule(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["fit", "--config=configs/kitchen_stage1.yaml", "--data=kitchen.methods.LinearModule"])
    assert stopped.value.code == 2 and "kitchen.methods.LinearModule" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("point", "named"),
    [
        ("broken = no_such_package:Data", ["cannot be imported", "ModuleNotFoundError"]),
        ("broken = kitchen.methods:LinearModule", ["no subclass of MultimodalDataModule"]),
        ("broken = kitchen.data:KitchenDataModule", ["has the key 'kitchen'"]),
    ],
)
def test_an_entry_point_that_cannot_be_used_names_its_distribution(
    point: str, named: list[str], here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.syspath_prepend(str(tmp_path))
    installed(tmp_path, "broken-sensors", point)
    told = refused(capsys, "data", "describe", "broken")
    assert all(text in told for text in ["broken-sensors", point, *named])
    assert "broken" in list(DATASETS), "it is listed without being imported"
    main(["data", "describe", "kitchen", "--root=data"])  # the others are not affected


def test_two_classes_of_one_key_are_both_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    installed(tmp_path, "another-utd", "utd = another.data:Data")
    with pytest.raises(ConfigurationError, match=r"'utd'.*UTDDataModule.*another-utd"):
        DATASETS["utd"]
    assert DATASETS.named("cosmo_pl.data.UTDDataModule") is UTDDataModule


def test_a_class_that_does_not_name_its_dataset_is_refused(here: Path) -> None:
    from kitchen.data import KitchenDataModule

    class Unnamed(KitchenDataModule):
        @property
        def title(self) -> str:
            raise AttributeError

    with pytest.raises(ConfigurationError, match="Unnamed has no title"):
        Unnamed()
