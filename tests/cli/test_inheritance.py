"""What a method keeps of the config that it is laid over, and the line that says so."""

from __future__ import annotations

import pytest
import yaml

from cosmo_pl.cli import main
from cosmo_pl.cli.inheritance import kept_arguments

from .conftest import CONFIGS


@pytest.fixture
def write(tmp_path):
    """Models, one after the other → the config files that have them."""

    def written(*models):
        paths = [tmp_path / f"{number}.yaml" for number in range(len(models))]
        for path, model in zip(paths, models, strict=True):
            path.write_text(
                yaml.safe_dump({"seed_everything": 0} if model is None else {"model": model}), encoding="utf-8"
            )
        return paths

    return written


def model(name=None, **arguments):
    return {**({"class_path": f"cosmo_pl.modules.{name}"} if name else {}), "init_args": arguments}


def test_arguments_of_a_replaced_class_are_kept_but_for_those_stated_again(write):
    base, between, overlay = write(model("A", lr=1, steps=2, rounds=3), model(steps=4), model("B", lr=5))
    assert kept_arguments([base, between, overlay], "cosmo_pl.modules.B") == {"steps": between, "rounds": base}


def test_fields_of_settings_are_kept_one_by_one(write):
    base = model("A", optimizer={"name": "adam", "gamma": 0.5, "momentum": 0.1}, weights={"imu": 1})
    first, second, third = write(base, model("B", optimizer={"gamma": 0.2}), model(optimizer={"momentum": 0.3}))
    kept = kept_arguments([first, second, third], "B", groups=["optimizer"])
    assert kept == {"optimizer.name": first, "weights": first}


def test_a_later_file_may_state_them_after_all(write):
    base, overlay, more = write(model("A", lr=1, steps=2), {"class_path": "B"}, model(steps=4))
    assert kept_arguments([base, overlay, more], "B") == {"lr": base}


@pytest.mark.parametrize("overlay", [None, model(steps=4), model("A", steps=4), "A"])
def test_nothing_is_kept_where_the_class_stays(overlay, write):
    assert kept_arguments(write(model("A", lr=1, steps=2), overlay), "A") == {}


def test_a_class_may_be_replaced_on_the_command_line(write):
    (base,) = write(model("A", lr=1))
    assert kept_arguments([base], "B") == {"lr": base}
    assert kept_arguments([], "B") == {}


def test_a_model_may_be_a_file_of_its_own(write, tmp_path):
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(model("A", lr=1)), encoding="utf-8")
    base, overlay = write("a.yaml", "B")
    assert kept_arguments([base, overlay], "B") == {"lr": base}


def reported(capsys, *arguments):
    """The lines of a command on what is kept; it finds no recordings."""
    with pytest.raises(SystemExit):
        main([*arguments, "--data.init_args.root=nowhere"])
    return [line for line in capsys.readouterr().out.splitlines() if " keeps " in line]


def given(*names):
    return [word for name in names for word in ("--config", str(CONFIGS / f"{name}.yaml"))]


def test_a_run_says_what_it_inherited(here, capsys):
    base = CONFIGS / "utd_stage2.yaml"
    line = f"DeepSenseModule keeps from {base}: encoders, optimizer.milestones=[350, 400, 450]"
    assert reported(capsys, "fit", *given("utd_stage2", "model/deepsense")) == [line]


def test_files_are_named_apart(here, capsys):
    quick = CONFIGS.parent / "experiments" / "presets" / "quick" / "utd_stage2.yaml"
    configs = [*given("utd_stage2"), "--config", str(quick), *given("model/attnsense")]
    base = CONFIGS / "utd_stage2.yaml"
    line = f"AttnSenseModule keeps from {base}: encoders; from {quick}: optimizer.milestones=[70, 80, 90]"
    assert reported(capsys, "fit", *configs) == [line]


@pytest.mark.parametrize("form", ["--model.init_args.{}={}", "--model.{}={}", "--model.init_args.{} {}"])
def test_what_the_command_line_states_is_not_inherited(form, here, capsys):
    more = [
        word for pair in (("optimizer.milestones", "[5]"), ("encoders", "null")) for word in form.format(*pair).split()
    ]
    assert reported(capsys, "fit", *given("utd_stage2", "model/deepsense"), *more) == []


def test_a_field_on_the_command_line_is_not_inherited(here, capsys):
    more = ["--model.init_args.encoders=null", "--model.optimizer={milestones: [5], momentum: 0.5}"]
    assert reported(capsys, "fit", *given("utd_stage2", "model/deepsense"), *more) == []
    line = f"DeepSenseModule keeps from {CONFIGS / 'utd_stage2.yaml'}: optimizer.milestones=[350, 400, 450]"
    more = ["--model.init_args.encoders=null", "--model.optimizer.momentum=0.5"]
    assert reported(capsys, "fit", *given("utd_stage2", "model/deepsense"), *more) == [line]


def test_nothing_is_said_where_nothing_is_inherited(here, capsys):
    assert reported(capsys, "fit", *given("utd_stage2")) == []
    assert reported(capsys, "fit", *given("utd_stage2", "model/nearest_neighbor")) == []
    assert reported(capsys, "fit", *given("usc_plus_stage2", "model/random_forest")) == []


def test_a_class_on_the_command_line_inherits_too(here, capsys):
    """The forest without stage 1, named by its class instead of its overlay, labels samples itself."""
    more = ["--model=RandomForestModule", "--run.name=forest"]
    line = f"RandomForestModule keeps from {CONFIGS / 'usc_plus_stage2.yaml'}: self_training_rounds=2, context=700"
    assert reported(capsys, "fit", *given("usc_plus_stage2"), *more) == [line]
