"""Every method of `configs/model` on every base, read by the command line's own parser: it computes what it states.

The parser keeps each argument that the class of an overlay shares with the class of the base. That is meant for what
`KEPT` lists and for nothing else: whatever else a base states, an overlay of a class that shares it states as well.
"""

from __future__ import annotations

import importlib
import inspect
import json
import sys
from dataclasses import asdict, is_dataclass
from pathlib import Path

import pytest
import yaml

from cosmo_pl.cli import main
from cosmo_pl.cli.train import CosmoCLI
from cosmo_pl.run_loading import class_phase

from .conftest import CONFIGS

PROTOCOL = "how long and how fast is trained on the dataset: the same for every method"
NETWORK = "the classifier of the profile `released`"
RELEASED = "how the released code alternates; only overlays of the base's own class have these arguments"
KEPT = {  # phase to argument to the reason why an overlay keeps it
    "pretrain": {
        "encoders": "methods are compared with equal encoders",
        "projection_hidden": "methods are compared with equal projection heads",
        "temperature": "chosen with the recipe",
        "max_clusters": "the quality in a bundle of several datasets is measured anew on each of them",
        **dict.fromkeys(("lr", "optimizer.milestones", "optimizer.name", "optimizer.schedule"), PROTOCOL),
    },
    "finetune": {
        "encoders": "methods are compared with equal encoders",
        "bundle": "the stage 1 that the base names, until --model.init_args.bundle names another",
        **dict.fromkeys(("optimizer.milestones", "encoder_lr", "classifier_lr"), PROTOCOL),
        **dict.fromkeys(("score", "sequence_axis"), NETWORK),
        **dict.fromkeys(("freeze", "phase_offset", "quality_weights"), RELEASED),
    },
}
STAGE = {"pretrain": 1, "finetune": 2}
FROM_THE_DATA = ("modality_shapes", "num_classes")
REQUIRED = inspect.Parameter.empty


def read(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def stated(overlay):
    """Arguments of the model that a file states."""
    return flat(read(overlay).get("model", {}).get("init_args", {}))


def flat(arguments):
    """Arguments with the settings of the optimizer as arguments of their own, "optimizer.momentum"."""
    settings = arguments.get("optimizer", {})
    settings = asdict(settings) if is_dataclass(settings) else dict(settings)
    others = {name: value for name, value in arguments.items() if name != "optimizer"}
    return others | {f"optimizer.{name}": value for name, value in settings.items()}


def pairs(datasets):
    """Phase, base and overlay of every combination that is not refused, of the bases of datasets."""
    overlays = {path: class_phase(read(path)["model"]["class_path"]) for path in sorted(CONFIGS.glob("model/*.yaml"))}
    for phase, stage in STAGE.items():
        for dataset in datasets:
            for base in sorted(CONFIGS.glob(f"{dataset}_stage{stage}.yaml")):
                yield from ((phase, base, overlay) for overlay, its in overlays.items() if its == phase)


@pytest.fixture(scope="module")
def parser():
    """The parser of `cosmo-pl fit`."""
    built = []

    def keep(self, parser, args):
        built.append(self._parser("fit"))
        sys.exit()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CosmoCLI, "parse_arguments", keep)
        with pytest.raises(SystemExit):
            main(["fit"])
    return built[0]


def alike(value):
    """A value as YAML has it: a tuple is a list, and a class with its arguments a mapping."""
    return json.loads(json.dumps(value, default=vars))


def parsed(parser, *configs):
    """The configuration that files make up."""
    return parser.parse_args([f"--config={path}" for path in configs])


def arguments(config):
    """Arguments of the model of a configuration."""
    return flat(alike(vars(config.model.init_args)))


def kept(config, overlay):
    """Arguments of the model that have neither the default of its class nor the value that the overlay states."""
    module, _, name = config.model.class_path.rpartition(".")
    parameters = inspect.signature(getattr(importlib.import_module(module), name)).parameters
    expected = flat({key: parameter.default for key, parameter in parameters.items() if key not in FROM_THE_DATA})
    expected |= stated(overlay)
    found = arguments(config)
    return {key for key, value in expected.items() if value is REQUIRED or alike(found[key]) != alike(value)}


EVERY = pytest.param(("*",), marks=pytest.mark.slow, id="all")


@pytest.fixture(scope="module", params=[pytest.param(("utd_released", "usc_plus"), id="two"), EVERY])
def datasets(request):
    """Datasets, or patterns of them, on whose bases the overlays are laid."""
    return request.param


@pytest.fixture(scope="module")
def configs(parser, datasets):
    """Phase, base and overlay to the configuration of both."""
    return {(phase, base, overlay): parsed(parser, base, overlay) for phase, base, overlay in pairs(datasets)}


@pytest.fixture(scope="module")
def bases(parser, configs):
    return {base: parsed(parser, base) for base in {base for _, base, _ in configs}}


@pytest.fixture(scope="module")
def found(configs):
    """The same, by name, to what of the base the model keeps."""
    return {(phase, base.stem, its.stem): kept(config, its) for (phase, base, its), config in configs.items()}


def test_every_overlay_is_laid_on_every_base_of_its_phase(found, datasets):
    bases = {path.stem for dataset in datasets for path in CONFIGS.glob(f"{dataset}_stage?.yaml")}
    assert {base for _, base, _ in found} == bases
    assert {overlay for *_, overlay in found} == {path.stem for path in CONFIGS.glob("model/*.yaml")}
    assert ("finetune", "usc_plus_stage2", "random_forest") in found and ("pretrain", "usc_plus_stage1", "cmc") in found


def test_an_overlay_keeps_what_is_meant_to_be_kept_and_nothing_else(found):
    leaks = {key: arguments - set(KEPT[key[0]]) for key, arguments in found.items()}
    assert not {key: arguments for key, arguments in leaks.items() if arguments}


@pytest.mark.parametrize("datasets", [EVERY], indirect=True)
def test_nothing_is_listed_that_no_overlay_keeps(found):
    for phase, reasons in KEPT.items():
        assert set(reasons) == set().union(*(arguments for key, arguments in found.items() if key[0] == phase))


def test_an_overlay_that_does_not_state_a_shared_argument_is_found(parser, tmp_path):
    """The forest without stage 1, as it once was: laid on the recipe's, it labelled samples itself."""
    base, overlay = CONFIGS / "usc_plus_stage2.yaml", tmp_path / "forest.yaml"
    overlay.write_text(
        yaml.safe_dump({"model": {"class_path": "cosmo_pl.modules.RandomForestModule"}}), encoding="utf-8"
    )
    assert kept(parsed(parser, base, overlay), overlay) == {"self_training_rounds", "context"}


def test_only_the_method_differs(configs, bases):
    """Data, labels and seed are the base's; so are the epochs, where the overlay does not state its own."""
    for (_, base, overlay), config in configs.items():
        plain, trainer = bases[base], read(overlay).get("trainer", {})
        assert config.data == plain.data
        assert config.seed_everything == plain.seed_everything
        assert config.trainer.max_epochs == trainer.get("max_epochs", plain.trainer.max_epochs), (base, overlay)
        assert set(trainer) <= {"max_epochs", "check_val_every_n_epoch"}
        assert set(read(overlay)) <= {"model", "trainer", "run"}
        assert list(read(overlay)["run"]) == ["name"]


def test_what_is_meant_to_be_kept_is_kept(configs, bases):
    for (phase, base, overlay), config in configs.items():
        model, before = arguments(config), arguments(bases[base])
        for argument in (set(KEPT[phase]) & model.keys() & before.keys()) - set(stated(overlay)):
            assert alike(model[argument]) == alike(before[argument]), (base, overlay, argument)


def test_overlays_that_state_their_own_epochs():
    """Methods without training need one; others need what the recipe gives them, whatever the base trains."""
    own = {
        path.stem: trainer["max_epochs"]
        for path in CONFIGS.glob("model/*.yaml")
        if "max_epochs" in (trainer := read(path).get("trainer", {}))
    }
    at_once = ("dtw", "nearest_neighbor", "random_forest", "feature_forest", "mini_rocket", "multi_rocket_hydra")
    assert own == {**dict.fromkeys(at_once, 1), "prototypes": 10, "iterative": 60}


@pytest.mark.parametrize(
    "path", sorted(CONFIGS.parent.glob("experiments/presets/*/*_stage?.yaml")), ids=lambda p: p.stem
)
def test_presets_state_of_a_model_only_what_overlays_may_keep(path: Path):
    """They lie between base and overlay."""
    phase = {f"stage{stage}": phase for phase, stage in STAGE.items()}[path.stem.rpartition("_")[2]]
    assert set(stated(path)) <= set(KEPT[phase])
