"""What every datamodule has to keep. A dataset's test class inherits it and gives one fixture, `make`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, RandomSampler

from cosmo_pl.data import MultimodalDataModule
from cosmo_pl.data.loading import Batch
from cosmo_pl.errors import ConfigurationError

Make = Callable[..., MultimodalDataModule]


def indices(loader: Iterable[Batch]) -> list[list[int]]:
    return [batch["index"].tolist() for batch in loader]


def flat(loader: Iterable[Batch]) -> list[int]:
    return [index for batch in indices(loader) for index in batch]


def ready(data: MultimodalDataModule) -> MultimodalDataModule:
    data.prepare_data()
    data.setup()
    return data


class SingleSamples(Dataset[Batch]):
    """The same part of the data, a sample at a time, as a plain loader would have it."""

    def __init__(self, data: MultimodalDataModule, rows: np.ndarray) -> None:
        self.data, self.rows = data, rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, place: int) -> Batch:
        row, samples = int(self.rows[place]), self.data.samples
        inputs = {name: values[row] for name, values in self.data.inputs.items()}
        return {"inputs": inputs, "label": samples.label[row], "subject": samples.subject[row], "index": row}


class DatamoduleSuite:
    """Inherit, and override `make`: a constructor with a root, labels for every class and unlabelled samples."""

    @pytest.fixture
    def make(self) -> Make:
        raise NotImplementedError

    @pytest.fixture
    def data(self, make: Make) -> MultimodalDataModule:
        return ready(make())

    # Batches

    def test_shapes_and_classes_are_known_before_anything_is_read(self, make: Make) -> None:
        data = make(root="/nowhere")
        shapes, classes = dict(data.modality_shapes), data.num_classes
        data = ready(make())
        loaders = [data.train_dataloader(), data.test_dataloader(), *data.val_dataloader()]
        for batch in (next(iter(loader)) for loader in loaders):
            assert {name: tuple(x.shape[1:]) for name, x in batch["inputs"].items()} == shapes
        assert set(data.samples.label.tolist()) == set(range(classes)) == set(range(len(data.class_names)))

    def test_batches_have_the_documented_keys_types_and_sizes(self, data: MultimodalDataModule) -> None:
        for loader in (data.train_dataloader(), data.test_dataloader()):
            batch = next(iter(loader))
            assert set(batch) == {"inputs", "label", "subject", "index"}
            assert list(batch["inputs"]) == list(data.modalities)
            size = len(batch["index"])
            assert all(x.dtype == torch.float32 and len(x) == size for x in batch["inputs"].values())
            assert all(batch[key].dtype == torch.int64 and batch[key].shape == (size,) for key in ("label", "subject"))

    def test_a_row_keeps_its_sample_label_and_subject_together(self, data: MultimodalDataModule) -> None:
        for batch in (*data.train_dataloader(), *data.test_dataloader()):
            rows = batch["index"]
            assert batch["label"].tolist() == data.samples.label[rows].tolist()
            assert batch["subject"].tolist() == data.samples.subject[rows].tolist()
            for name, values in batch["inputs"].items():
                back = data.normalization[name]
                raw = back.invert(values.double())
                np.testing.assert_allclose(raw, data.samples.inputs[name][rows], atol=2e-4 * max(back.std))

    def test_one_modality_alone_has_the_same_split(self, make: Make, data: MultimodalDataModule) -> None:
        for name in data.modalities:
            alone = ready(make(modalities=[name]))
            assert list(next(iter(alone.train_dataloader()))["inputs"]) == [name]
            for part in ("train", "labeled", "unlabeled", "test"):
                np.testing.assert_array_equal(getattr(alone.split, part), getattr(data.split, part))
            torch.testing.assert_close(alone.inputs[name], data.inputs[name])

    # Parts

    def test_subjects_are_disjoint(self, make: Make) -> None:
        for arguments in ({}, {"val_subjects": [3]}, {"train_subjects": [1, 2], "val_subjects": [4]}):
            data = ready(make(labels_per_class=1, **arguments))
            train, val, test = (
                set(data.samples.subject[rows].tolist()) for rows in (data.split.train, data.split.val, data.split.test)
            )
            assert not train & val and not train & test and not val & test
            assert val == set(arguments.get("val_subjects", ()))
            assert train == set(arguments.get("train_subjects", train))
            used = np.concatenate([data.split.labeled, data.split.unlabeled])
            assert set(used.tolist()) <= set(data.split.train.tolist())

    def test_no_list_of_training_subjects_means_everybody_else(self, make: Make) -> None:
        data = ready(make(val_subjects=[3]))
        everybody = set(data.samples.subject.tolist())
        assert set(data.samples.subject[data.split.train].tolist()) == everybody - {3} - set(data.subjects.test)

    def test_each_test_sample_comes_exactly_once_and_in_order(self, make: Make) -> None:
        for batch_size in (2, 3, 16):
            data = ready(make(batch_size=batch_size))
            everything = np.flatnonzero(np.isin(data.samples.subject, data.subjects.test)).tolist()
            assert flat(data.test_dataloader()) == flat(data.predict_dataloader()) == everything

    def test_finetuning_trains_on_the_labelled_part_and_all_of_it(self, data: MultimodalDataModule) -> None:
        assert sorted(flat(data.train_dataloader())) == data.split.labeled.tolist()
        assert not set(data.split.labeled) & set(data.split.unlabeled)

    def test_pretraining_trains_on_whole_batches_of_the_unlabelled_part(self, make: Make) -> None:
        torch.manual_seed(0)
        for size in (7, 32):
            data = ready(make(phase="pretrain", pretrain_batch_size=size))
            batches = indices(data.train_dataloader())
            assert [len(batch) for batch in batches] == [size] * (len(data.split.unlabeled) // size)
            seen = [index for batch in batches for index in batch]
            assert len(set(seen)) == len(seen) and set(seen) <= set(data.split.unlabeled.tolist())
            # The dropped ones are others in another epoch, or some samples would never be seen.
            assert len(seen) == len(data.split.unlabeled) or set(seen) != set(flat(data.train_dataloader()))

    def test_a_training_batch_never_holds_a_single_sample(self, make: Make) -> None:
        classes = make().num_classes
        size = next(size for size in range(2, 99) if 2 * classes % size == 1)
        data = ready(make(labels_per_class=2, batch_size=size))
        assert min(len(batch) for batch in indices(data.train_dataloader())) >= 2  # batch normalisation needs them

    def test_include_labeled_adds_the_labelled_part_to_pretraining(self, make: Make) -> None:
        data = ready(make(phase="pretrain", include_labeled=True, pretrain_batch_size=2))
        everything = {*data.split.labeled.tolist(), *data.split.unlabeled.tolist()}
        seen = set(flat(data.train_dataloader()))
        assert seen <= everything and len(everything - seen) <= 1

    def test_val_parts_name_the_validation_loaders_in_order(self, make: Make) -> None:
        cases = [
            ({"phase": "pretrain"}, {"reference": "labeled", "query": "unlabeled"}),
            ({"phase": "pretrain", "val_subjects": [2]}, {"reference": "labeled", "query": "val"}),
            ({"phase": "finetune"}, {"test": "test"}),
            ({"phase": "finetune", "val_subjects": [2]}, {"val": "val", "test": "test"}),
            ({"phase": "finetune", "val_subjects": [2], "track_test": False}, {"val": "val"}),
            ({"phase": "finetune", "track_test": False}, {}),
        ]
        for arguments, expected in cases:
            data = ready(make(**arguments))
            assert list(data.val_parts) == list(expected)
            loaders = data.val_dataloader()
            assert len(loaders) == len(expected)
            for loader, part in zip(loaders, expected.values(), strict=True):
                assert flat(loader) == getattr(data.split, part).tolist()

    def test_all_may_be_labelled(self, make: Make) -> None:
        data = ready(make(label_rate=1.0))
        assert data.split.labeled.tolist() == data.split.train.tolist() and not len(data.split.unlabeled)
        assert sorted(flat(data.train_dataloader())) == data.split.train.tolist()
        assert {name: tuple(x.shape) for name, x in data.quality_inputs().items()} == {
            name: (0, *shape) for name, shape in data.modality_shapes.items()
        }

    def test_with_all_labelled_pretraining_sees_them_without_labels(self, make: Make) -> None:
        data = ready(make(label_rate=1.0, include_labeled=True, phase="pretrain", pretrain_batch_size=2))
        assert data.training_rows.tolist() == data.split.train.tolist()
        assert set(flat(data.train_dataloader())) <= set(data.split.train.tolist())
        assert data.val_parts == {} and data.val_dataloader() == []  # nothing to query a probe with
        rows = self.rows_of(data, data.quality_inputs())
        assert len(rows) > 20 and set(rows) <= set(data.split.train.tolist())
        probed = ready(make(label_rate=1.0, include_labeled=True, phase="pretrain", val_subjects=[2]))
        assert list(probed.val_parts) == ["reference", "query"]

    def test_quality_leaves_the_unlabelled_samples_only_where_they_are_few(self, make: Make) -> None:
        for rate in (0.4, 0.6):
            data = ready(make(label_rate=rate, include_labeled=True))
            rows = set(self.rows_of(data, data.quality_inputs()))
            unlabeled, few = set(data.split.unlabeled.tolist()), rate > 0.5
            assert rows and (rows <= unlabeled) != few
            alone = ready(make(label_rate=rate))
            assert set(self.rows_of(alone, alone.quality_inputs())) <= unlabeled

    def test_a_pretraining_without_samples_names_the_remedy(self, make: Make) -> None:
        data = ready(make(label_rate=1.0, phase="pretrain"))
        with pytest.raises(ConfigurationError, match=r"more than the 0 samples of the pretraining.*include_labeled"):
            data.train_dataloader()

    # Folds

    def test_folds_are_disjoint_and_together_everybody(self, make: Make) -> None:
        present = sorted(set(ready(make()).samples.subject.tolist()))
        for count in (2, 3, len(present)):
            tested: list[int] = []
            for fold in range(count):
                data = make(test_subjects=None, folds=count, fold=fold, labels_per_class=1)
                data.prepare_data()
                data.setup()
                its = sorted(set(data.samples.subject[data.split.test].tolist()))
                assert its == sorted(data.subjects.test)
                assert its == np.array_split(present, count)[fold].tolist()
                assert set(data.samples.subject[data.split.train].tolist()) == set(present) - set(its)
                tested += its
            assert tested == present

    def test_named_folds_test_their_group_and_train_on_all_others(self, make: Make) -> None:
        data = ready(make(test_subjects=None, folds=[[4, 1], [2]], fold=0, labels_per_class=1))
        assert set(data.samples.subject[data.split.test].tolist()) == {1, 4}
        everybody = set(data.samples.subject.tolist())
        assert set(data.samples.subject[data.split.train].tolist()) == everybody - {1, 4}

    def test_a_fold_is_the_same_split_as_its_subjects_by_name(self, make: Make) -> None:
        named = ready(make(test_subjects=[1, 2], labels_per_class=1))
        data = ready(make(test_subjects=[2, 1], folds=[[1, 2], [3]], fold=0, labels_per_class=1))
        for part in ("train", "labeled", "unlabeled", "val", "test"):
            np.testing.assert_array_equal(getattr(data.split, part), getattr(named.split, part))
        assert data.normalization == named.normalization

    def test_folds_that_contradict_the_test_subjects_are_refused(self, make: Make) -> None:
        data = make(test_subjects=[3], folds=[[1, 2], [3]], fold=0)
        with pytest.raises(ConfigurationError, match=r"test_subjects: is \[3\], and fold 0 is \[1, 2\].*not both"):
            data.prepare_data()

    def test_more_folds_than_subjects_are_refused(self, make: Make) -> None:
        with pytest.raises(ConfigurationError, match=r"folds: is 99, and .* Use fewer"):
            make(test_subjects=None, folds=99, fold=0).prepare_data()

    def test_folds_of_absent_subjects_are_refused(self, make: Make) -> None:
        with pytest.raises(ConfigurationError, match=r"folds: .* no subject \[77\]"):
            make(test_subjects=None, folds=[[1], [77]], fold=0).prepare_data()

    def test_limits_keep_every_subject(self, make: Make) -> None:
        whole = ready(make())
        limits = {"max_test_samples": 20, "max_train_samples": len(whole.split.train) // 2}
        data = ready(make(labels_per_class=1, **limits))
        assert len(data.split.test) == 20 and set(data.split.test.tolist()) <= set(whole.split.test.tolist())
        used = np.concatenate([data.split.labeled, data.split.unlabeled])
        assert len(used) == len(whole.split.train) // 2
        for everything, kept in ((whole.split.train, used), (whole.split.test, data.split.test)):
            assert set(data.samples.subject[everything].tolist()) == set(data.samples.subject[kept].tolist())

    # Chance

    def test_the_same_seed_gives_the_same_batches(self, make: Make) -> None:
        def epochs(seed: int) -> list[list[list[int]]]:
            data = ready(make())
            torch.manual_seed(seed)
            return [indices(data.train_dataloader()) for _ in range(2)]

        first = epochs(1)
        assert first == epochs(1)
        assert first != epochs(2) and first[0] != first[1]

    def test_evaluating_does_not_move_the_shuffling(self, data: MultimodalDataModule) -> None:
        torch.manual_seed(1)
        expected = indices(data.train_dataloader())
        torch.manual_seed(1)
        loader = data.train_dataloader()
        for evaluated in (data.test_dataloader(), *data.val_dataloader()):
            flat(evaluated)
        data.quality_inputs()
        assert indices(loader) == expected

    @pytest.mark.parametrize("phase", ["pretrain", "finetune"])
    def test_batches_are_those_of_a_plain_loader(self, make: Make, phase: str) -> None:
        data = ready(make(phase=phase, batch_size=5, pretrain_batch_size=6))
        pretrain = phase == "pretrain"
        rows, size = (data.split.unlabeled, 6) if pretrain else (data.split.labeled, 5)
        single = SingleSamples(data, rows)
        # A generator of its own: a plain loader would draw a seed for worker processes from the global one.
        arguments = {"sampler": RandomSampler(single), "drop_last": pretrain, "generator": torch.Generator()}
        plain = DataLoader(single, batch_size=size, **arguments)
        torch.manual_seed(7)
        ours = [*data.train_dataloader(), *data.train_dataloader()]
        torch.manual_seed(7)
        theirs = [*plain, *plain]
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=0)

    def test_labels_hang_on_their_seed_alone(self, make: Make) -> None:
        draws = []
        for global_seed, label_seed in ((0, 3), (1, 3), (0, 4)):
            torch.manual_seed(global_seed)
            np.random.seed(global_seed)  # noqa: NPY002  the global generator must not matter
            draws.append(ready(make(label_seed=label_seed)).split.labeled.tolist())
        assert draws[0] == draws[1] != draws[2]

    # Statistics

    def test_training_samples_have_mean_zero_and_deviation_one_in_each_group(self, make: Make) -> None:
        data = ready(make(val_subjects=[2]))
        for name in data.modalities:
            groups = data.channel_groups[name]
            assert sorted(channel for group in groups for channel in group) == list(range(data.inputs[name].shape[-1]))
            for group in groups:
                pooled = data.inputs[name][data.split.train][..., list(group)].double()
                assert abs(float(pooled.mean())) < 1e-4 and abs(float(pooled.std()) - 1) < 1e-3
                shared = data.normalization[name]
                assert len({shared.mean[c] for c in group}) == len({shared.std[c] for c in group}) == 1
            others = data.inputs[name][np.concatenate([data.split.test, data.split.val])]
            assert abs(float(others.double().std()) - 1) > 1e-6  # they were not fitted

    def test_quality_is_measured_on_unlabelled_samples_that_do_not_overlap(self, data: MultimodalDataModule) -> None:
        rows = self.rows_of(data, data.quality_inputs())
        assert len(rows) > 20 and set(rows) <= set(data.split.unlabeled.tolist())
        places = sorted((str(data.samples.recording[row]), int(data.samples.start[row])) for row in rows)
        for (one, start), (other, after) in pairwise(places):
            assert one != other or after >= start + data.span
        # None is left out that would have fitted behind the one before it.
        taken = {}
        for recording, start in places:
            taken.setdefault(recording, []).append(start)
        for row in data.split.unlabeled:
            starts = taken[str(data.samples.recording[row])]
            assert any(abs(start - int(data.samples.start[row])) < data.span for start in starts)

    def test_quality_inputs_keep_to_their_limit(self, data: MultimodalDataModule) -> None:
        rows = self.rows_of(data, data.quality_inputs(limit=10))
        assert len(rows) == 10
        assert len(set(data.samples.subject[rows].tolist())) > 1  # evenly spaced, not the first subject's

    @staticmethod
    def rows_of(data: MultimodalDataModule, inputs: dict[str, Tensor]) -> list[int]:
        """Row of each sample, found by its bytes, the same in every modality."""
        found = []
        for name, values in inputs.items():
            place = {sample.numpy().tobytes(): row for row, sample in enumerate(data.inputs[name])}
            assert len(place) == len(data.samples)
            found.append([place[sample.numpy().tobytes()] for sample in values])
        assert all(rows == found[0] for rows in found) and len(set(found[0])) == len(found[0])
        return found[0]

    # Life cycle

    def test_setup_is_done_once(self, data: MultimodalDataModule) -> None:
        samples, inputs, split = data.samples, data.inputs, data.split
        data.setup("fit")
        data.setup("test")
        assert data.samples is samples and data.inputs is inputs and data.split is split

    def test_the_root_may_be_the_datasets_folder_itself(self, make: Make, data: MultimodalDataModule) -> None:
        same = ready(make(root=str(data.folder)))
        assert same.data_fingerprint == data.data_fingerprint
        np.testing.assert_array_equal(same.split.labeled, data.split.labeled)
