"""What is misspelt or of the wrong type is one line that names it, where it stands, and the nearest valid names."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import pydantic
import pytest
from jsonargparse import ArgumentError, Namespace

from cosmo_pl.cli import main
from cosmo_pl.errors import ConfigurationError, choices
from cosmo_pl.parsing import Given, parse, parse_content, refusal
from cosmo_pl.parsing.commands import CommandParser, at_home
from cosmo_pl.parsing.given import normalised, yaml_files
from cosmo_pl.parsing.refusal import problems
from cosmo_pl.training_parser import command_parser

from .conftest import CONFIGS

DEMO = ["fit", f"--config={CONFIGS / 'demo_stage2.yaml'}"]
ENCODER = "model.init_args.encoders.inertial"


@pytest.fixture
def refused(capsys, here):
    """Arguments to the one line that the command leaves."""

    def line(*arguments):
        with pytest.raises(SystemExit) as stopped:
            main(arguments)
        assert stopped.value.code == 2
        printed = capsys.readouterr()
        (only,) = printed.err.strip().splitlines()
        assert printed.out == "" and only.startswith("cosmo-pl: ") and len(only) < 500
        return only.removeprefix("cosmo-pl: ")

    return line


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("--trainer.max_epoch=3", "--trainer.max_epoch: there is no such option. The nearest: --trainer.max_epochs"),
        ("--modell.init_args.x=3", "--modell.init_args.x: there is no such option. The nearest: --model."),
        ("--encoder_lr=3", "--encoder_lr: there is no such option. Write --model.init_args.encoder_lr."),
        ("--model.init_args.encoder_lrr=3", "IterativeFusionModule has no 'encoder_lrr'. The nearest: encoder_lr"),
        ("--model.optimizer.momentm=3", "has no 'optimizer.momentm'. The nearest: optimizer.momentum"),
        ("--model.optimizer={gama: 3}", "IterativeFusionModule has no 'optimizer.gama'. The nearest: optimizer.gamma"),
        ("--model.init_args.optimizer=adam", "--model.init_args.optimizer: is 'adam'. Give a mapping"),
        ("--data.init_args.roott=3", "--data.init_args.roott: UTDDataModule has no 'roott'. The nearest: root."),
        (f"--{ENCODER}.init_args.chanels=[1]", f"--{ENCODER}.init_args.chanels: InertialEncoder has no 'chanels'. "),
        (f"--{ENCODER}=LSTM", f"--{ENCODER}: there is no class 'LSTM'. Choose from "),
        ("--model=IterativFusionModule", "there is no class 'IterativFusionModule'. The nearest: IterativeFusionMod"),
        ("--model=cosmo_pl.modules.CMC", "there is no class 'cosmo_pl.modules.CMC'. The nearest: CMCModule"),
        ("--model=os.system", "--model: 'os.system' is no BaseModule. Choose from "),
        ("--data=nothing.yaml", "--data: there is no file 'nothing.yaml'"),
        ("--trainer.callbacks=EarlyStoppin", "there is no class 'EarlyStoppin'. The nearest: EarlyStopping."),
        ("--trainer.callbacks=EarlyStopping", "--trainer.callbacks: EarlyStopping needs 'monitor'."),
        ("--trainer.logger={class_path: CSVLogger, init_args: {nam: x}}", "--trainer.logger: CSVLogger has no 'nam'. "),
        ("--model.init_args.encoder_lr=abc", "--model.init_args.encoder_lr: is 'abc'. Give a number."),
        ("--model.init_args.score=dott", "--model.init_args.score: is 'dott'. Give 'dot' or 'concat_mlp'."),
        ("--data.init_args.test_subjects=[a]", "--data.init_args.test_subjects: is 'a'. Give a whole number or null."),
        ("--trainer.max_epochs=abc", "--trainer.max_epochs: is 'abc'. Give a whole number or null."),
        ("--trainer.precision=64-tru", "--trainer.precision: is '64-tru'. The nearest: 64-true"),
        ("--model.class_path=null", "--model.class_path: is null instead of a class."),
        ("--model=null", "model: is missing or null."),
        ("--config=nothing.yaml", "nothing.yaml: does not exist."),
        ("--config=.", ".: is a folder."),
        ("--trainer.max_epochs", "--trainer.max_epochs: has no value."),
        ("stray", "'stray': is an unexpected word."),
    ],
)  # fmt: skip
def test_options(word, line, refused):
    assert line in refused(*DEMO, word)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("trainer: {max_epoch: 3}", "x.yaml: trainer.max_epoch: there is no such argument. The nearest: trainer.max_"),
        ("modell: {init_args: {encoder_lr: 3}}", "x.yaml: modell.init_args.encoder_lr: there is no such argument."),
        ("model: {init_args: {optimizer: {lr: 3}}}", "x.yaml: model.init_args.optimizer.lr: IterativeFusion"),
        ("model: {init_args: {encoder_lrr: 3}}", "x.yaml: model.init_args.encoder_lrr: IterativeFusionModule has no"),
        ("model: {init_args: {encoders: {inertial: {class_path: InertialEncodr}}}}",
         f"x.yaml: {ENCODER}.class_path: there is no class 'InertialEncodr'. The nearest: InertialEncoder"),
        ("data: {init_args: {batch_size: many}}", "x.yaml: data.init_args.batch_size: is 'many'. Give a whole number."),
        ("data: {init_args: null}", "x.yaml: data.init_args: is null."),
        ("data: nothing.yaml", "x.yaml: data: there is no file 'nothing.yaml'."),
        ("data: x.yaml", "x.yaml: data: cannot be used: Config file loop"),
        ("model: {class_path: null}", "x.yaml: model.class_path: is null."),
        ("trainer: {callbacks: [{class_path: null}]}", "x.yaml: trainer.callbacks.0.class_path: is null."),
        ("trainer: null", "x.yaml: trainer: is null. Give a mapping"),
        ("trainer: [1]", "x.yaml: trainer: is [1]. Give a mapping"),
        ("model: 3", "x.yaml: model: '3' is no BaseModule."),
        ("3: 4", "x.yaml: 3: is no text."),
        ("a: &a [*a]", "x.yaml: cannot be used (line 1, column 8: contains itself)."),
        ("- 1", "x.yaml: contains a list instead of a mapping."),
    ],
)  # fmt: skip
def test_files(content, line, refused, here):
    (here / "x.yaml").write_text(content, encoding="utf-8")
    assert line in refused(*DEMO, "--config=x.yaml")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["fitt"], "command: 'fitt' is none. The nearest: fit"),
        (["fit"], "data: is missing or null."),
        (["test", "--ckpt_pth=x"], "--ckpt_pth: there is no such option. The nearest: --ckpt_path"),
        (["data"], "command of `cosmo-pl data`: none is given. Choose from download, "),
        (["data", "describ", "usc"], "command of `cosmo-pl data`: there is no 'describ'. The nearest: describe"),
        (["data", "describe"], "dataset: is missing or null."),
        (["data", "describe", "usb"], "dataset: there is no 'usb'. Choose from utd, usc, "),
        (["data", "describe", "usc", "--roott=x"], "--roott: there is no such option. Choose from --config, --root"),
        (["data", "describe", "usc", "more"], "'more': is an unexpected word."),
        (["data", "simulate", "usc", "--subjects=two"], "--subjects: is 'two'. Give a whole number or null."),
        (["data", "simulate", "usc", "--resolution=[1]"], "--resolution: is '[1]'. Give a list with 2 elements or"),
        (["study", "ru", "table2"], "command of `cosmo-pl study`: there is no 'ru'. Choose from run, "),
        (["study", "run", "table2", "--job=2"], "--job: there is no such option. The nearest: --jobs."),
        (["study", "run", "table2", "--submit=slrum"], "--submit: is 'slrum'. Give 'slurm' or 'local' or null."),
        (["study", "status", "--config=x.yaml"], "x.yaml: does not exist."),
    ],
)
def test_commands(arguments, line, refused):
    assert line in refused(*arguments)


def test_what_is_asked_for_in_vain_is_never_silent(refused):
    """A prefix of a name is another name, in a class as well."""
    assert "there is no such option" in refused(*DEMO, "--trainer.max_ep=3")
    assert "has no 'encoder_l'" in refused(*DEMO, "--model.init_args.encoder_l=3")


TEXT = """Parser key "model":
  Does not validate against any of the Union subtypes
  Subtypes: [<class 'cosmo_pl.modules.base.module.BaseModule'>, <class 'NoneType'>]
  Errors:
    - Problem with given class_path 'a.B':
        Parser key "lr":
          Does not validate against any of the Union subtypes
          Subtypes: [<class 'float'>, <class 'NoneType'>]
          Errors:
            - Expected a <class 'float'>
            - Expected a <class 'NoneType'>
          Given value type: <class 'str'>
          Given value: fast
    - Expected a <class 'NoneType'>
  Given value type: <class 'dict'>
  Given value: {'init_args': {'lr': 'fast'}}"""


def test_the_innermost_of_a_nested_message_counts():
    inner, outer = problems(TEXT)
    assert (inner.keys, inner.kind, inner.value) == (("model", "lr"), "a.B", "fast")
    assert inner.texts == ["Expected a <class 'float'>", "Expected a <class 'NoneType'>"]
    assert (outer.keys, outer.kind, outer.depth < inner.depth) == (("model",), "", True)
    told = refusal(ArgumentError(None, TEXT), Given(command_parser()))
    assert str(told) == "model.init_args.lr: is 'fast'. Give a number or null."


@pytest.mark.parametrize(
    "text",
    ["", "anything\nelse", "- " * 500, 'Parser key "', "Given value: 3", TEXT[:333], "é" * 9000, "Errors:\n  - x"],
)
def test_a_message_that_nobody_foresaw_is_one_short_line(text):
    told = str(refusal(ArgumentError(None, text), Given(command_parser())))
    assert "\n" not in told and len(told) < 500


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("--lr=0", "--lr: is '0'. It should be greater than 0."),
        ("--lr=nan", "--lr: is 'nan'. It should be "),
        ("--lr=fast", "--lr: is 'fast'. It should be a valid number"),
    ],
)
def test_a_constraint_beside_an_argument_is_told(word, line):
    parser = CommandParser()
    parser.add_argument("--lr", type=Annotated[float, pydantic.Field(gt=0, allow_inf_nan=False)])
    with pytest.raises(ConfigurationError) as refused:
        parse(Given(parser, [word]))
    assert str(refused.value).startswith(line)


def test_the_users_error_below_the_parsers_is_kept():
    error = ArgumentError(None, "whatever")
    error.__cause__ = ConfigurationError("lr", "is 0", "Use more")
    assert refusal(error, Given(command_parser())) is error.__cause__


def test_one_batch_is_one():
    """Lightning takes 1 as a batch and 1.0 as all of them; the order of a cached type must not decide."""
    names = [f"limit_{part}_batches" for part in ("train", "val", "test", "predict")]
    names += ["overfit_batches", "val_check_interval"]
    words = [f"--config={CONFIGS / 'demo_stage1.yaml'}"]
    for value, kind in (("1", int), ("1.0", float), ("0.5", float), ("2", int)):
        given = Given.of(command_parser(), [*words, *(f"--trainer.{name}={value}" for name in names)])
        trainer = parse(given).trainer
        assert {name: type(trainer[name]) for name in names} == dict.fromkeys(names, kind)


def test_one_batch_is_one_in_a_file():
    words = [f"--config={CONFIGS / 'demo_stage1.yaml'}", "--config={trainer: {limit_train_batches: 1}}"]
    assert type(parse(Given.of(command_parser(), words)).trainer.limit_train_batches) is int


def test_null_as_an_agent_writes_it():
    words = ["--a=None", "--b", "None", "--c=null", "--d=[None]", "None", "--e=NoneType", "--f=x=None"]
    assert [*normalised(words)] == [
        "--a=null", "--b", "null", "--c=null", "--d=[None]", "None", "--e=NoneType", "--f=x=null",
    ]  # fmt: skip
    options = ["model.init_args.gradient_clip_val", "model.init_args.bundle", "trainer.max_steps"]
    given = [f"--config={CONFIGS / 'demo_stage2.yaml'}", *(f"--{name}=None" for name in options[:2])]
    parsed = parse(Given.of(command_parser(), given))
    assert [parsed[name] for name in options[:2]] == [None, None]


def test_home_is_expanded_in_every_value(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    given = {"root": "~/data", "list": ["~", "a~/b", ("~/c",)], "keep": ["~x", "x/~", 3, None]}
    expanded = {"root": "/home/me/data", "list": ["/home/me", "a~/b", ("/home/me/c",)], "keep": ["~x", "x/~", 3, None]}
    assert at_home(given) == expanded
    assert at_home(Namespace(a=Namespace(b="~/x"))) == Namespace(a=Namespace(b="/home/me/x"))
    words = [f"--config={CONFIGS / 'demo_stage1.yaml'}", "--data.init_args.root=~/d", "--run.folder=~/r"]
    parsed = parse(Given.of(command_parser(), words))
    assert (parsed.data.init_args.root, parsed.run.folder) == ("/home/me/d", "/home/me/r")


def test_files_that_files_name_are_checked(tmp_path):
    (tmp_path / "a.yaml").write_text("data: b.yaml\ntrainer: {logger: c.yaml}", encoding="utf-8")
    (tmp_path / "b.yaml").write_text("init_args: {}", encoding="utf-8")
    (tmp_path / "c.yaml").write_bytes(b"name: K\xf6per")
    with pytest.raises(ConfigurationError, match=r"c\.yaml: is not UTF-8"):
        yaml_files([f"--config={tmp_path / 'a.yaml'}"])
    (tmp_path / "c.yaml").unlink()
    os.mkfifo(tmp_path / "c.yaml")
    with pytest.raises(ConfigurationError, match=r"c\.yaml: is no regular file"):
        yaml_files(["--config", str(tmp_path / "a.yaml")])


def test_a_files_content_names_the_file():
    with pytest.raises(ConfigurationError, match=r"^x\.yaml: data\.init_args\.roott: UTDDataModule has no 'roott'"):
        data = {"class_path": "UTDDataModule", "init_args": {"roott": "x", "label_rate": 0.1}}
        parse_content(command_parser(), {"data": data}, Path("x.yaml"))


@pytest.mark.parametrize(
    ("name", "names", "remedy"),
    [
        ("b", ["a", "b2", "c"], "Choose from a, b2, c"),
        ("table22", [f"table{n}" for n in range(30)], "The nearest: table2"),
        (
            "cosmo",
            [f"cosmo_with_a_very_long_name_{n}" for n in range(30)],
            "The nearest: cosmo_with_a_very_long_name_0",
        ),
        ("x", [f"table{n}" for n in range(300)], "and others"),
        ("x", [], "Leave it out"),
    ],
)
def test_remedies_for_names(name, names, remedy):
    assert remedy in choices(name, names) and len(choices(name, names)) < 250


def test_text_is_utf_8_where_the_locale_has_another_encoding(here):
    """As the command: the interpreter starts again in its UTF-8 mode."""
    forced = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C", "PYTHONPATH": os.pathsep.join(sys.path)}
    script = here / "cosmo-pl"
    script.write_text(
        "import sys\nfrom cosmo_pl.cli import main\nmain()\nprint(sys.flags.utf8_mode, sys.argv[1:])", encoding="utf-8"
    )
    command = [sys.executable, str(script), "--version"]
    done = subprocess.run(command, env={**os.environ, **forced}, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "1 ['--version']"
