"""UTD-MHAD from files to clips."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from cosmo_pl.data import UTDDataModule
from cosmo_pl.data.normalization import Normalization
from cosmo_pl.data.samples import Samples
from cosmo_pl.data.transforms import CenterOnHip, FaceCamera, ScaleByTorso
from cosmo_pl.errors import ConfigurationError

from .raw import write_utd


def inertial(subject: int, action: int, trial: int) -> np.ndarray:
    """A ramp in time from the clip's own value on, another a channel, over a length of the clip's own."""
    length = 11 + 2 * action + trial
    return 100 * subject + action + np.linspace(0, 1, length)[:, None] * np.arange(1, 7)


def skeleton(subject: int, action: int, trial: int) -> np.ndarray:
    """(20, 3, T): joint, axis and time can be told apart."""
    length = 12 + action + trial
    place = 10 * np.arange(20)[:, None] + np.arange(3)
    return subject + action / 100 + place[..., None] + np.linspace(0, 0.5, length)


def module(root: Path, **arguments: object) -> UTDDataModule:
    return UTDDataModule(**{"root": str(root), "test_subjects": [4], **arguments})


def read(root: Path, **arguments: object) -> Samples:
    data = module(root, **arguments)
    return data.read(data.find_recordings(data.folder))


@pytest.mark.parametrize(("inertial_steps", "skeleton_frames"), [(120, 40), (10, 11), (33, 96)])
def test_clips_are_resampled_in_time(tmp_path: Path, inertial_steps: int, skeleton_frames: int) -> None:
    write_utd(tmp_path, subjects=(1, 4), inertial=inertial, skeleton=skeleton)
    samples = read(tmp_path, inertial_steps=inertial_steps, skeleton_frames=skeleton_frames)
    expected = [(s, a, t) for s in (1, 4) for a in range(1, 28) for t in (1, 2)]
    assert samples.recording.tolist() == [f"a{a}_s{s}_t{t}" for s, a, t in expected]
    place = 10 * np.arange(20)[:, None] + np.arange(3)
    for row, (subject, action, _) in enumerate(expected):
        assert (samples.subject[row], samples.label[row], samples.start[row]) == (subject, action - 1, 0)
        ramp = np.linspace(0, 1, inertial_steps)[:, None] * np.arange(1, 7)
        np.testing.assert_allclose(samples.inputs["inertial"][row], 100 * subject + action + ramp, rtol=1e-6)
        frames = np.linspace(0, 0.5, skeleton_frames)[:, None, None]
        np.testing.assert_allclose(samples.inputs["skeleton"][row], subject + action / 100 + place + frames, atol=4e-5)


def test_shapes_follow_the_steps(tmp_path: Path) -> None:
    write_utd(tmp_path)
    for steps, frames in ((15, 30), (16, 30), (15, 31)):  # each of them parsed anew, none from the cache of another
        data = module(tmp_path, inertial_steps=steps, skeleton_frames=frames, label_rate=0.3)
        data.setup()
        assert data.modality_shapes == {"inertial": (steps, 6), "skeleton": (frames, 20, 3)}
        batch = next(iter(data.test_dataloader()))["inputs"]
        assert {name: tuple(x.shape[1:]) for name, x in batch.items()} == data.modality_shapes


def test_transforms_are_applied_in_their_order_and_before_normalisation(tmp_path: Path) -> None:
    write_utd(tmp_path)
    steps = [ScaleByTorso(), CenterOnHip(), FaceCamera()]
    data = module(tmp_path, labels_per_class=1, transforms={"skeleton": steps})
    plain = module(tmp_path, labels_per_class=1)
    data.setup()
    plain.setup()
    skeleton = torch.from_numpy(data.samples.inputs["skeleton"])
    for step in steps:
        skeleton = step(skeleton)
    fitted = Normalization.fit(skeleton[data.split.train], ((0,), (1,), (2,)))
    torch.testing.assert_close(data.inputs["skeleton"], fitted.apply(skeleton))
    assert data.normalization["skeleton"] == fitted
    torch.testing.assert_close(data.inputs["inertial"], plain.inputs["inertial"], rtol=0, atol=0)
    assert not torch.allclose(data.inputs["skeleton"], plain.inputs["skeleton"])


def test_modalities_of_a_clip_stay_together(tmp_path: Path) -> None:
    write_utd(tmp_path, inertial=inertial, skeleton=skeleton)
    samples = read(tmp_path, modalities=["skeleton", "inertial"])
    action = samples.inputs["inertial"][:, 0, 0] - 100 * samples.subject
    np.testing.assert_allclose(action, samples.label + 1, atol=1e-3)
    np.testing.assert_allclose(
        samples.inputs["skeleton"][:, 0, 0, 0], samples.subject + (samples.label + 1) / 100, atol=1e-5
    )


def test_a_clip_that_lacks_a_modality_is_left_out_with_a_warning(tmp_path: Path) -> None:
    folder = write_utd(tmp_path)
    (folder / "Skeleton" / "a3_s2_t1_skeleton.mat").unlink()
    (folder / "Inertial" / "a27_s4_t2_inertial.mat").unlink()
    with pytest.warns(UserWarning, match="2 clips"):
        samples = module(tmp_path).load()
    assert len(samples) == 27 * 4 * 2 - 2
    assert not {"a3_s2_t1", "a27_s4_t2"} & set(samples.recording.tolist())
    assert len(module(tmp_path, modalities=["inertial"]).load()) == 27 * 4 * 2 - 1


def test_other_files_are_ignored(tmp_path: Path) -> None:
    folder = write_utd(tmp_path)
    before = module(tmp_path)
    before.prepare_data()
    strays = (
        "Skeleton/Skeleton_joint_order.txt",
        "Inertial/a1_s1_t1_inertial (1).mat",
        "Inertial/._a1_s1_t9_inertial.mat",
    )
    more = (
        "Inertial/a1_s1_t9_skeleton.mat",
        "Inertial/a1_s1_inertial.mat",
        "Depth/a1_s1_t1_depth.mat",
        "a1_s1_t9_inertial.mat",
    )
    for name in (*strays, *more, "Inertial/xa1_s1_t9_inertial.mat", "Skeleton/a1_s1_t9_skeleton.mat.part"):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"not a clip")
    after = module(tmp_path)
    after.prepare_data()
    assert after.data_fingerprint == before.data_fingerprint
    assert len(read(tmp_path)) == len(read(tmp_path, modalities=["inertial"])) == 27 * 4 * 2


def test_a_released_list_of_labelled_clips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_utd(tmp_path)
    names = [f"a{action}_s{1 + action % 3}_t{1 + action % 2}" for action in range(1, 28)]
    (folder / "released_label_splits.json").write_text(json.dumps({"5": names}), encoding="utf-8")
    data = module(tmp_path, label_split="5")
    data.setup()
    assert set(data.samples.recording[data.split.labeled].tolist()) == set(names)
    elsewhere = tmp_path / "mine.json"
    elsewhere.write_text(json.dumps({"mine": [*names[:26], "a27_s4_t1"]}), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for path in (elsewhere, elsewhere.name):
        with pytest.raises(ConfigurationError, match=r"label_split.*a27_s4_t1"):
            module(tmp_path, label_split="mine", label_split_file=str(path)).setup()
    with pytest.raises(ConfigurationError, match=r"label_split.*no split '40'.*5"):
        module(tmp_path, label_split="40").setup()
