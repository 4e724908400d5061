"""A random forest on simple statistics, as a baseline, or on statistics and learned features.

L. Breiman, "Random forests", Machine Learning 45(1), 2001.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from itertools import combinations
from typing import TYPE_CHECKING, Annotated

import numpy as np
import torch
from torch import Tensor

from cosmo_pl.constraints import MAX_SIZE, NonNegativeInt, PositiveInt, Seed, Size, whole
from cosmo_pl.data.loading import Batch, on_device
from cosmo_pl.data.trained import same_people
from cosmo_pl.encoders import Encoder
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.modules.base import (
    JoinedColumns,
    OwnColumns,
    PersonColumns,
    Present,
    SelfTrainingModule,
    Shapes,
    StreamColumns,
    TreeHead,
    VoteLogits,
    availability,
    channel_statistics,
    check_vectors,
    finite_logits,
    gravity_columns,
    joined,
    load_encoders,
)
from cosmo_pl.stream_names import is_complete, name_of, parts_of

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestClassifier

    from cosmo_pl.data import MultimodalDataModule

MAX_APART = 4  # modalities of which each choice has a forest of its own in an export
ZERO = "zero_"  # start of the names of buffers with the standardised value of 0 of each axis


class RandomForestModule(SelfTrainingModule):
    """Classifies by a forest on mean, standard deviation and spectrum of each channel of each modality.

    The logits are the logarithms of the forest's probabilities. When a checkpoint is loaded, the forest is grown again
    from its examples and the seed, with identical trees. For samples that lack modalities, a forest on the features of
    the others is grown from the same examples when it is first needed, and kept. On USC-HAD and MEx this recognises
    more than the trained forest with features replaced by their mean, or treated as missing values by scikit-learn.

    With `accelerometer` the forest also has the columns of `gravity_columns`, which change less with the way that a
    person wears the sensors. Samples that lack this modality are classified without them.

    With `own_columns` the columns are standardised for each person, see `PersonColumns`, by the person's training
    samples with and without labels. Only people who have some are classified, test subjects by `person_unlabeled` of
    the data. Samples of an evaluation on another import, and those that do not say whose they are, as in an export or
    live, are those of the one test subject; an export needs `accelerometer` as well.

    Args:
        modality_shapes: Modality to shape (time, *axes) of a sample. The command line takes it from the data.
        num_classes: Number of activities. The command line takes it from the data.
        num_trees: Number of trees.
        num_frequencies: Number of Fourier magnitudes per channel, from the lowest frequency above 0.
        seed: Seed of the forest.
        self_training_rounds: Rounds of self-training, see `SelfTrainingModule`; 0 uses the labelled samples only.
        context: Largest distance, in the steps that samples start at, of samples whose probabilities are averaged.
        max_pseudo_labels: Largest number of samples with pseudo-labels, evenly spaced. The checkpoint holds them.
        accelerometer: Modality that measures gravity; None adds no columns.
        own_columns: Whether columns standardised by the person are added to the others, or are the "only" ones; None
            has none.

    Raises:
        ConfigurationError: An argument is out of range, or with `accelerometer` a modality is not (time, 3) as it is.
    """

    numerics = "1.0"

    def __init__(
        self,
        modality_shapes: Shapes,
        num_classes: Size,
        num_trees: Annotated[int, whole(1, 100_000)] = 200,
        num_frequencies: Annotated[int, whole(0, MAX_SIZE)] = 15,
        seed: Seed = 0,
        self_training_rounds: NonNegativeInt = 0,
        context: NonNegativeInt = 0,
        max_pseudo_labels: PositiveInt = 4000,
        accelerometer: str | None = None,
        own_columns: OwnColumns | None = None,
    ) -> None:
        super().__init__(modality_shapes, num_classes, self_training_rounds, context, max_pseudo_labels)
        self.save_hyperparameters()
        self.accelerometer = accelerometer
        if accelerometer is not None:
            check_vectors(self.modality_shapes, accelerometer)
            for name in self.modality_shapes:
                self.register_buffer(ZERO + name, torch.zeros(3))
        self.num_trees = num_trees
        self.num_frequencies = num_frequencies
        self.seed = seed
        self.people = PersonColumns(own_columns) if own_columns is not None else None
        self._partial: dict[tuple[str, ...], RandomForestClassifier] = {}  # by the modalities that they use

    def on_fit_start(self) -> None:
        """Stores where the standardised samples have their zero, which gravity is measured from, and the samples.

        Raises:
            ConfigurationError: With `accelerometer`, each subject has a standardisation and so a zero of its own. With
                `own_columns`, a validation or test subject has no unlabelled samples.
        """
        data = self.required_data
        if self.accelerometer is not None:
            if data.statistics_of == "adapt":
                problem = "is adapt, and gravity is not measured from the same zero in all samples"
                raise ConfigurationError("normalization", problem, "Leave it out, or set accelerometer to null")
            for name in self.modality_shapes:
                self.get_buffer(ZERO + name).copy_(data.normalization[name].apply(torch.zeros(1, 3))[0])
        if self.people is not None:
            self._know_people(self.people, data)
        super().on_fit_start()

    def _know_people(self, people: PersonColumns, data: MultimodalDataModule) -> None:
        """Measures each person's columns on the samples of the training."""
        subject, rows = torch.from_numpy(data.samples.subject), np.union1d(data.split.labeled, data.split.unlabeled)
        people.subject, people.tested = torch.unique(subject[rows]), torch.unique(subject[data.split.test])
        people.check(subject[np.union1d(data.split.val, data.split.test)])  # before any columns are computed
        batches = (on_device(batch, self.device) for batch in data.plain_loader(rows))
        people.learn(torch.cat([self.features(batch["inputs"]) for batch in batches]), subject[rows])

    def remember(self, batch: Batch) -> None:
        """Stores the samples of a batch, see the base class, and with `own_columns` their persons."""
        super().remember(batch)
        if self.people is not None:
            self.people.examples = batch["subject"].to(self.device)

    def learn(self, inputs: dict[str, Tensor], label: Tensor) -> RandomForestClassifier:
        """Grows the forest, and forgets those of fewer modalities, which are of earlier examples."""
        self._partial.clear()
        return self._grown(inputs, label)

    def _grown(self, inputs: dict[str, Tensor], label: Tensor) -> RandomForestClassifier:
        from sklearn.ensemble import RandomForestClassifier

        forest = RandomForestClassifier(self.num_trees, random_state=self.seed)
        with warnings.catch_warnings():
            # One label per class looks like a regression to scikit-learn.
            warnings.filterwarnings("ignore", "The number of unique classes is greater than 50%")
            subject = None if self.people is None else self.people.examples
            return forest.fit(self.columns(inputs, subject).numpy(), label.cpu().numpy())

    def classify(self, inputs: dict[str, Tensor], present: Present | None = None) -> tuple[Tensor, None]:
        """Logarithms (N, num_classes) of the forest's probabilities; no attention.

        Samples that lack modalities are classified by a forest on the others.

        Raises:
            ConfigurationError: With `own_columns` there are several test subjects, or a sample lacks modalities.
        """
        if self.people is not None:
            return self._classify_people(inputs, present)
        available = availability(self.modality_shapes, inputs, present)
        if available is None:
            return self._log_probability(inputs, self.learned), None
        has = torch.stack(list(available.values()), dim=1).cpu()
        found = torch.zeros(len(has), self.num_classes, device=self.device)
        for pattern in torch.unique(has, dim=0):
            rows = (has == pattern).all(dim=1)
            names = tuple(name for name, used in zip(available, pattern.tolist(), strict=True) if used)
            found[rows] = self._log_probability({name: inputs[name][rows] for name in names}, self._forest(names))
        return found, None

    @property
    def classifies_known_people(self) -> bool:
        """Whether it has `own_columns`."""
        return self.people is not None

    def classify_batch(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """`classify` on a batch of the trainer, with `own_columns` by the columns of each person.

        Raises:
            ConfigurationError: With `own_columns` a person has no known samples, or a sample lacks modalities.
        """
        if self.people is None:
            return super().classify_batch(batch)
        return self._classify_people(batch["inputs"], batch.get("present"), self._people_of(batch))

    def _people_of(self, batch: Batch) -> Tensor | None:
        """Subjects of a batch; None in another import than that of the training, where numbers are other people."""
        data, trained = self.data, self.trained
        known = data is None or trained is None or same_people(data, data.data_fingerprint == trained.fingerprint)
        return batch["subject"] if known else None

    def _classify_people(
        self, inputs: dict[str, Tensor], present: Present | None, subject: Tensor | None = None
    ) -> tuple[Tensor, None]:
        if availability(self.modality_shapes, inputs, present) is not None:
            problem = "some samples lack modalities, and the columns of each person need all"
            raise ConfigurationError("own_columns", problem, "Leave own_columns out, or the argument keep_incomplete")
        return self._log_probability(inputs, self.learned, subject), None

    def _forest(self, names: tuple[str, ...]) -> RandomForestClassifier:
        """The forest on the features of some modalities."""
        whole: RandomForestClassifier = self.learned
        if names == tuple(self.modality_shapes):
            return whole
        if names not in self._partial:
            inputs, label = self.examples
            self._partial[names] = self._grown({name: inputs[name] for name in names}, label)
        return self._partial[names]

    def columns(self, inputs: dict[str, Tensor], subject: Tensor | None = None) -> Tensor:
        """The features (N, F), or with `own_columns` what `PersonColumns` makes of them, on the CPU."""
        features = self.features(inputs)
        return features if self.people is None else self.people.cpu()(features, subject)

    def _log_probability(
        self, inputs: dict[str, Tensor], forest: RandomForestClassifier, subject: Tensor | None = None
    ) -> Tensor:
        features = self.columns(inputs, subject)
        probability = features.new_zeros(len(features), self.num_classes)
        probability[:, forest.classes_] = torch.from_numpy(forest.predict_proba(features.numpy()))
        return finite_logits(probability).float().to(self.device)

    def features(self, inputs: dict[str, Tensor]) -> Tensor:
        """Features (N, F) of samples, modality to (N, *shape), on the CPU for scikit-learn.

        Those of modalities without an entry are left out.
        """
        values = {name: inputs[name].cpu() for name in self.modality_shapes if name in inputs}
        columns = [channel_statistics(x, self.num_frequencies) for x in values.values()]
        if self.accelerometer in values:
            unshifted = {name: x.double() - self.get_buffer(ZERO + name).cpu() for name, x in values.items()}
            columns.append(gravity_columns(unshifted, self.accelerometer, self.num_frequencies))
        return torch.cat(columns, dim=1)

    def stream_encoders(self) -> Mapping[str, StreamColumns]:
        """The columns of each modality, in single precision, to which scikit-learn rounds them too.

        With `accelerometer` columns are of several modalities, so that there is one stream of all of them.

        Raises:
            ConfigurationError: With `own_columns` there is no `accelerometer`.
        """
        self._check_one_graph()
        if self.accelerometer is not None:
            return {name_of(self.modality_shapes): AllColumns(self)}
        return {
            name: StreamColumns({name: shape}, self.num_frequencies) for name, shape in self.modality_shapes.items()
        }

    def _check_one_graph(self) -> None:
        if self.people is not None and self.accelerometer is None:
            problem = "the columns of a person are exported in one graph of all sensors only"
            raise ConfigurationError("own_columns", problem, "Train with an accelerometer, or without own_columns")

    def compared_columns(self) -> dict[str, slice]:
        """The features of the encoders, which come after the statistics."""
        encoders = self.stream_encoders()
        return {
            name: slice(sum(map(bool, columns.names())), None)
            for name, columns in encoders.items()
            if columns.encoder is not None and self.people is None
        }

    def tree_heads(self) -> dict[tuple[str, ...], TreeHead]:
        """The forest, and those of fewer modalities, unless streams of several modalities or many would need more."""
        encoders = self.stream_encoders()
        apart = set(encoders) == set(self.modality_shapes) and len(encoders) <= MAX_APART
        sizes = range(len(encoders), 0, -1) if apart else [len(encoders)]
        return {names: self._tree_head(names) for size in sizes for names in combinations(encoders, size)}

    def _tree_head(self, streams: tuple[str, ...]) -> TreeHead:
        encoders = self.stream_encoders()
        columns = JoinedColumns([encoders[name] for name in streams], list(self.modality_shapes))
        forest = self._forest(tuple(self.modality_shapes) if len(streams) == len(encoders) else streams)
        return TreeHead(columns, forest, VoteLogits(forest, self.num_classes))


class FeatureForestModule(RandomForestModule):
    """A `RandomForestModule` with the features of a bundle's frozen encoders as further columns.

    Args:
        modality_shapes: Modality to shape (time, *axes) of a sample. The command line takes it from the data.
        num_classes: Number of activities. The command line takes it from the data.
        bundle: Folder or name of a bundle, as in `IterativeFusionModule`.
        encoders: Encoders equal to those of the bundle, or None.
        num_trees: See `RandomForestModule`.
        num_frequencies: See `RandomForestModule`.
        seed: See `RandomForestModule`.
        self_training_rounds: See `RandomForestModule`.
        context: See `RandomForestModule`.
        max_pseudo_labels: See `RandomForestModule`.
        bundle_modalities: Modality of the data to the modality of the bundle whose encoder it uses, as {acc: thigh}.
            Several may use one. None, and others, use the encoder of the same name.
        accelerometer: See `RandomForestModule`.
        own_columns: See `RandomForestModule`.

    Raises:
        ConfigurationError: No bundle is given, or an argument is out of range.
        BundleError: The bundle is missing, damaged, or for other modalities or shapes.
    """

    numerics = "1.0"

    def __init__(
        self,
        modality_shapes: Shapes,
        num_classes: Size,
        bundle: str | None = None,
        encoders: dict[str, Encoder] | None = None,
        num_trees: Annotated[int, whole(1, 100_000)] = 200,
        num_frequencies: Annotated[int, whole(0, MAX_SIZE)] = 15,
        seed: Seed = 0,
        self_training_rounds: NonNegativeInt = 0,
        context: NonNegativeInt = 0,
        max_pseudo_labels: PositiveInt = 4000,
        bundle_modalities: dict[str, str] | None = None,
        accelerometer: str | None = None,
        own_columns: OwnColumns | None = None,
    ) -> None:
        forest = num_trees, num_frequencies, seed, self_training_rounds, context, max_pseudo_labels
        super().__init__(modality_shapes, num_classes, *forest, accelerometer, own_columns)
        self.save_hyperparameters(ignore=["encoders"])
        if bundle is None:
            raise ConfigurationError("bundle", "none is given, and the features need trained encoders", "Give one")
        self.encoders, self.bundle = load_encoders(modality_shapes, encoders, bundle, bundle_modalities)
        self.encoders.requires_grad_(False)

    def features(self, inputs: dict[str, Tensor]) -> Tensor:
        """Statistics, then features of the encoders (N, F), on the CPU for scikit-learn.

        Those of modalities without an entry, and of streams that lack one, are left out.
        """
        self.encoders.eval()
        streams = [name for name in self.encoders if is_complete(name, inputs)]
        with torch.no_grad():
            encoded = [self.encoders[name](joined(inputs, name)).flatten(1).double().cpu() for name in streams]
        return torch.cat([super().features(inputs), *encoded], dim=1)

    def stream_encoders(self) -> Mapping[str, StreamColumns]:
        """The statistics of each stream's modalities, then the features of its encoder; see the base class."""
        self._check_one_graph()
        if self.accelerometer is not None:
            return super().stream_encoders()
        return {
            stream: StreamColumns(
                {name: self.modality_shapes[name] for name in parts_of(stream)}, self.num_frequencies, encoder
            )
            for stream, encoder in self.encoders.items()
        }


class AllColumns(StreamColumns):
    """All columns of a forest from one stream of all modalities, of several of which some columns are.

    Args:
        module: The forest.
    """

    def __init__(self, module: RandomForestModule) -> None:
        super().__init__(module.modality_shapes, module.num_frequencies, getattr(module, "encoders", None))
        self.module = module
        self.people = module.people
        self.own = None if module.people is None else module.people.statistics()  # of the one test subject

    def forward(self, samples: Tensor) -> Tensor:
        """Columns (N, F) of samples (N, time, axes), those of all modalities joined on the last axis."""
        parts = torch.split(samples, [shape[-1] for shape in self.shapes.values()], dim=-1)
        features = self.module.features(dict(zip(self.shapes, parts, strict=True)))
        if self.people is not None and self.own is not None:
            features = self.people.standardised(features, *self.own)
        return features.float()

    def names(self) -> list[str]:
        """See `StreamColumns.names`; here only which columns are features of an encoder."""
        example = {name: torch.zeros(1, *shape) for name, shape in self.shapes.items()}
        statistics = RandomForestModule.features(self.module, example).shape[1]
        return [*[next(iter(self.shapes))] * statistics, *[""] * (self.module.columns(example).shape[1] - statistics)]
