"""Tables of what can be wrong: damage to a file; arguments, configurations and manifests that cannot work."""

# ruff: noqa: E501  rows of tables

from __future__ import annotations

import os
import pickle
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch


def replaced(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


def truncated(share: float) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])


def put_in_place(make: Callable[[Path], object]) -> Callable[[Path], object]:
    def damage(path: Path) -> None:
        path.unlink()
        make(path)

    return damage


def archive(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("x", "y")


NOISE = np.random.default_rng(0).bytes(3000)
FILES: dict[str, Callable[[Path], object]] = {
    "missing": Path.unlink,
    "empty": replaced(b""),
    **{f"truncated to {share:.0%}": truncated(share) for share in (0.01, 0.3, 0.6, 0.95)},
    "folder": put_in_place(Path.mkdir),
    "dangling link": put_in_place(lambda path: path.symlink_to("nowhere")),
    "looping link": put_in_place(lambda path: path.symlink_to(path.name)),
    "named pipe": put_in_place(os.mkfifo),
    "device": put_in_place(lambda path: path.symlink_to("/dev/zero")),
    "text": replaced(b"hello\n"),
    "no UTF-8": replaced("name: Köper\n".encode("cp1252")),
    "zeros": replaced(bytes(3000)),
    "noise": replaced(NOISE),
    "another archive": archive,
}


class Command:
    """What a malicious pickle runs."""

    def __reduce__(self):
        return os.system, ("touch pickle-was-run",)


def changed(change: Callable[[dict], object]) -> Callable[[Path], object]:
    def damage(path: Path) -> None:
        content = torch.load(path, weights_only=True)
        given = change(content)
        torch.save(content if given is None else given, path)

    return damage


def filled(value: float) -> Callable[[dict], object]:
    return lambda content: [t.fill_(value) for t in content["state_dict"].values() if t.is_floating_point()].clear()


def shrunk(content: dict) -> None:
    name = next(iter(content["state_dict"]))
    content["state_dict"][name] = content["state_dict"][name][:1]


CHECKPOINTS: dict[str, Callable[[Path], object]] = {
    **FILES,
    "a pickle": lambda path: path.write_bytes(pickle.dumps({"state_dict": {}})),
    "a pickle that runs code": lambda path: path.write_bytes(pickle.dumps({"state_dict": Command()})),
    "saved code": lambda path: torch.save({"state_dict": Command()}, path),
    "weights alone": changed(lambda content: content["state_dict"]),
    "a list": changed(lambda content: [1, 2]),
    "no weights": changed(lambda content: content["state_dict"].clear()),
    "no state_dict": changed(lambda content: content.pop("state_dict") and None),
    "state_dict of text": changed(lambda content: content.update(state_dict="x")),
    "a weight less": changed(lambda content: content["state_dict"].popitem() and None),
    "a weight more": changed(lambda content: content["state_dict"].update(more=torch.ones(1))),
    "a weight of another shape": changed(shrunk),
    "a weight of text": changed(lambda content: content["state_dict"].update(more="x")),
    "NaN": changed(filled(float("nan"))),
    "infinity": changed(filled(float("inf"))),
    "no class": changed(lambda content: content.update(class_path="cosmo_pl.modules.None_")),
    "class of null": changed(lambda content: content.update(class_path=None)),
    "class of a number": changed(lambda content: content.update(class_path=3)),
    "a foreign class": changed(lambda content: content.update(class_path="antigravity.x")),
    "a function": changed(lambda content: content.update(class_path="os.getcwd")),
    "arguments of text": changed(lambda content: content.update(hyper_parameters="x")),
    "no trained_on": changed(lambda content: content.update(trained_on={})),
    "trained_on of text": changed(lambda content: content.update(trained_on="x")),
}
ARGUMENTS: list[tuple[str, str]] = [
    *((f"trainer.{name}", value) for name, values in {
        "max_epochs": ("-2", "x", "0.5", "nan", "[]"), "min_epochs": ("-1", "x"), "max_steps": ("-2", "0"),
        "check_val_every_n_epoch": ("0", "-1"), "limit_train_batches": ("0", "-1", "1.5", "nan", "inf"),
        "limit_val_batches": ("-1", "nan"), "log_every_n_steps": ("-1", "x"), "num_sanity_val_steps": ("-2",),
        "accumulate_grad_batches": ("0", "-1"), "gradient_clip_val": ("-1", "nan", "x"), "devices": ("0", "-3", "[]"),
        "accelerator": ("gpu", "tpu", "mps", "abacus"), "precision": ("8", "x"), "strategy": ("x",),
        "max_time": ("x",), "num_nodes": ("0",), "callbacks": ("NoSuchCallback",), "plugins": ("NoSuchPlugin",),
        "nonsense": ("1",), "max_epoch": ("1",), "profiler": ("x",), "logger": ("NoSuchLogger",),
    }.items() for value in values),
    *((f"model.init_args.{name}", value) for name, values in {
        "lr": ("0", "-1", "nan", "inf", "x", "null", "[1]"), "optimizer.momentum": ("-1", "1", "nan"),
        "optimizer.weight_decay": ("-1", "nan"), "optimizer.momentm": ("0.5",), "optimizer": ("adam", "{gama: 1}", "3"),
        "projection_dim": ("0", "-1", "1.5", "10000000"), "projection_hidden": ("0",),
        "temperature": ("0", "-0.1", "nan"), "optimizer.milestones": ("[-1]", "x", "[x]"),
        "optimizer.gamma": ("nan", "-1"), "optimizer.name": ("lion",),
        "num_augmentations": ("0",), "no_such": ("1",), "encoders": ("{}", "3", "null"),
        "encoders.inertial.init_args.channels": ("[]", "[0,1,1,1]", "[x]", "4"), "encoders.inertial.class_path": ("None_",),
    }.items() for value in values),
    *((f"data.init_args.{name}", value) for name, values in {
        "label_rate": ("0", "-1", "1.5", "nan", "x", "0.01"), "label_seed": ("-1", "x", "1.5"),
        "test_subjects": ("[]", "[99]", "x", "[-1]"), "val_subjects": ("[7]", "[99]"),
        "batch_size": ("0", "-1", "x"), "pretrain_batch_size": ("0", "1", "-8"), "num_workers": ("-1", "x", "100000"),
        "modalities": ("[]", "[sonar]", "[inertial,inertial]", "x"), "inertial_steps": ("0", "-1", "10000000"),
        "root": ("/no/such/folder", "/dev/null", "''"), "no_such": ("1",),
        "transforms": ("{sonar: []}", "x"), "folds": ("0", "1", "99", "x"), "fold": ("-1", "7"),
        "labels_per_class": ("0", "-1", "1000"), "cache_dir": ("/dev/null/x",), "phase": ("x",),
    }.items() for value in values),
    ("seed_everything", "-1"), ("seed_everything", "x"), ("seed_everything", "4294967296"), ("ckpt_path", "nowhere"),
    ("run.name", "../../x"), ("run.name", "/x"), ("run.name", "{nothing}"), ("run.name", "{"), ("run.folder", "/dev/null/x"),
    ("phase", "x"), ("phase", "finetune"), ("model", "NoSuchModel"), ("data", "NoSuchData"), ("model", "null"),
    ("config", "nowhere.yaml"), ("config", "/dev/null/x"), ("nonsense", "1"),
]  # fmt: skip
CONFIGS = {
    "a list": "- 1\n", "text": "hello\n", "a number": "3\n", "two keys": "model: {}\nmodel: {}\n", "tab": "a:\n\tb: 1\n",
    "open bracket": "model: [\n", "open quote": "model: 'x\n", "unknown key": "modle: {}\n", "deep": "a: " + "[" * 3000,
    "bomb": "a0: &a0 [1,1,1,1,1,1,1,1,1]\n" + "".join(f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 9)),
    "itself": "a: &a [*a]\n", "no alias": "a: *b\n", "python": "a: !!python/object/apply:os.system ['touch x']\n",
    "null byte": "a: \0\n", "date": "a: 2024-99-99\n", "list as key": "[1]: 2\n", "class of null": "model: {class_path: null}\n",
    "model of text": "model: hello\n", "model of a list": "model: [1]\n", "no class": "model: {class_path: cosmo_pl.modules.X}\n",
    "no package": "model: {class_path: no.such.X}\n", "no model": "model: {class_path: os.getcwd}\n",
    "arguments of text": "model: {init_args: hello}\n", "unknown argument": "model: {init_args: {nothing: 1}}\n",
    "trainer of text": "trainer: hello\n", "data of a number": "data: 3\n", "data of another file": "data: nowhere.yaml\n",
    "run of text": "run: hello\n", "run of null": "run: null\n", "trainer of null": "trainer: null\n", "two documents": "a: 1\n---\nb: 2\n",
}  # fmt: skip
MANIFESTS = {
        "format": (None, 2, "1", [], True), "activities": (None, [], ["a"], ["a", "a"], [1, 2], "ab", {}),
        "modalities": (None, {}, [], {"x y": {}}, {"imu": {}}, {"imu": None}), "clips": (None, [], {}, [None], [{}], [[]]),
        "clips.0.name": (None, "", 3, [], "../x"), "clips.0.subject": (None, "x", -1, 1.5, [], 10**30),
        "clips.0.activity": (None, "no", 1, []), "clips.0.duration": (None, 0, -1, "1", 1e30, 77.0),
        "clips.0.start": (None, -1, "x", 1e300), "clips.0.files": (None, {}, [], {"sonar": "x"}, {"imu": 3}, {"imu": "/etc/passwd"},
                                                                     {"imu": "../x"}, {"imu": ""}, {"imu": "nowhere.npy"}, {"imu": "\0"}),
        "modalities.imu.kind": (None, "x", 1, "depth"), "modalities.imu.dtype": (None, "object", "int8", 3),
        "modalities.imu.rate": (None, 0, -1, "x", 1e17), "modalities.imu.shape": (None, [], [0], [-1], [1.5], "x", [3], [10**12]),
        "modalities.imu.unit": (None, [], "", 3, ["g"]),
}  # fmt: skip


def copied(folder: Path, place: Path) -> Path:
    """A copy to be spoilt."""
    shutil.copytree(folder, place)
    return place
