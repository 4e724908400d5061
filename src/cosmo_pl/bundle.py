"""Bundles: trained encoders with everything that stage 2 or a device needs to use them."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.utilities import rank_zero_warn
from safetensors.torch import load, save
from torch import nn

from cosmo_pl.bundle_checks import (
    FEDERATED,
    check_description,
    check_fit,
    check_hashes,
    check_weights,
    digest_of,
    matched_names,
)
from cosmo_pl.bundle_data import TrainingData
from cosmo_pl.data import MultimodalDataModule
from cosmo_pl.data.normalization import Normalization
from cosmo_pl.data.trained import TrainedOn
from cosmo_pl.encoders import Encoder
from cosmo_pl.errors import BundleError, ConfigurationError
from cosmo_pl.fields import Field
from cosmo_pl.fusion import ModalityQuality
from cosmo_pl.io import read_json, whole_file, write_json
from cosmo_pl.run_folder import BUNDLE_DESCRIPTION as DESCRIPTION
from cosmo_pl.run_folder import BUNDLE_WEIGHTS as WEIGHTS
from cosmo_pl.run_folder import find_bundle
from cosmo_pl.trust import CodeError, load_class
from cosmo_pl.version import __version__

FORMAT = 2
WITHOUT_HASHES = 1  # the format of version 0.1.0


@dataclass
class Bundle:
    """Encoders after stage 1, which are stored without pickle.

    A bundle that was trained without a datamodule has no statistics, quality or fingerprint.

    Args:
        encoders: Modality to trained encoder.
        modality_shapes: Modality to shape of one sample.
        normalization: Modality to the statistics of its standardisation.
        quality: Modality to its quality, measured on the unlabelled samples.
        data_fingerprint: Fingerprint of the recordings of all its modalities; empty for a bundle restricted to some.
        training: Its training: method, epochs, hyper-parameters.
        versions: Versions of the libraries.
        folder: Folder that it was loaded from, which errors name.
        data: The data that it was trained on.
        names: Modality of the data that it is restricted to, to the name in the stored bundle, see `restrict`.
    """

    encoders: dict[str, Encoder]
    modality_shapes: dict[str, tuple[int, ...]]
    normalization: dict[str, Normalization] = field(default_factory=dict)
    quality: dict[str, ModalityQuality] = field(default_factory=dict)
    data_fingerprint: str = ""
    training: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=lambda: dict(_versions()))
    folder: Path = Path()
    data: TrainingData = field(default_factory=TrainingData)
    names: Mapping[str, str] = field(default_factory=dict)

    def save(self, folder: str | Path, half: bool = False) -> Path:
        """Writes the bundle as a whole: the folder is complete as soon as it exists.

        Args:
            folder: The folder, which may not exist.
            half: Whether the weights are stored in half precision, which takes half of the space. They are loaded in
                single precision.

        Raises:
            BundleError: The folder exists, or the bundle could not be loaded again because its weights are not finite
                or a part is missing or out of range.
        """
        folder = Path(folder)
        if folder.exists():
            raise BundleError(folder, "exists", "Choose another folder; a bundle is never overwritten")
        state = {name: value.contiguous() for name, value in nn.ModuleDict(self.encoders).state_dict().items()}
        _refuse_diverged(folder, check_weights(state, state))
        if half:
            state = {name: value.half() if value.is_floating_point() else value for name, value in state.items()}
            if (large := check_weights(state, state)) is not None:
                raise BundleError(folder, f"has weights too large for half precision ({large})", "Use half=False")
        weights = save(state)
        description = json.loads(json.dumps(self._describe(hashlib.sha256(weights).hexdigest())))
        description["sha256"] = digest_of(description)
        try:
            check_description(Field(description))
        except ValueError as error:
            raise BundleError(folder, f"cannot be written: {error}", "Correct its parts") from error
        with whole_file(folder) as part:
            part.mkdir()
            (part / WEIGHTS).write_bytes(weights)
            write_json(part / DESCRIPTION, description)
        return folder

    @classmethod
    def load(cls, folder: str | Path) -> Bundle:
        """Reads a bundle.

        Args:
            folder: The bundle, or a folder of runs, whose newest bundle is used (see `find`).

        Raises:
            BundleError: It is missing or damaged, or its parts do not fit each other.
            CodeError: It names an encoder of a package that is not trusted, see `cosmo_pl.trust`.
        """
        folder = cls.find(folder)
        try:
            return cls._read(folder)
        except (BundleError, CodeError):
            raise
        except Exception as error:  # safetensors and constructors of encoders raise many types of errors
            raise BundleError(
                folder, f"is damaged ({error})", "Train stage 1 again, or copy the whole folder"
            ) from error

    @classmethod
    def _read(cls, folder: Path) -> Bundle:
        description = Field(read_json(folder / DESCRIPTION, lambda problem: ValueError(f"{DESCRIPTION} {problem}")))
        if description["format"].whole() not in (WITHOUT_HASHES, FORMAT):
            raise BundleError(folder, f"has format {description['format'].value}, not {FORMAT}", "Train stage 1 again")
        if not (folder / WEIGHTS).is_file():
            raise ValueError(f"it has no file {WEIGHTS}")
        content = (folder / WEIGHTS).read_bytes()
        if description["format"].value != WITHOUT_HASHES:
            check_hashes(description, content)
        check_description(description)
        stored = description.mapping()
        shapes = {name: tuple(shape) for name, shape in stored["modality_shapes"].items()}
        source = f"bundle '{folder}'"
        encoders = {name: built_encoder(described, source) for name, described in stored["encoders"].items()}
        modules, weights = nn.ModuleDict(encoders), load(content)
        _refuse_diverged(folder, check_weights(weights, modules.state_dict()))
        modules.load_state_dict(weights, strict=True)
        modules.eval()  # ready for use; a module that trains them changes the mode itself
        check_fit(encoders, shapes)
        return cls(
            encoders=encoders,
            modality_shapes=shapes,
            normalization={
                name: Normalization(tuple(s["mean"]), tuple(s["std"]), s.get("axis", -1))  # older bundles have no axis
                for name, s in stored["normalization"].items()
            },
            quality={name: ModalityQuality.read(measured) for name, measured in stored["quality"].items()},
            data_fingerprint=stored["data_fingerprint"],
            training=stored["training"],
            versions=stored["versions"],
            folder=folder,
            data=TrainingData.stored(stored.get("data") or {}),
        )

    @staticmethod
    def find(folder: str | Path) -> Path:
        """The folder itself if it is a bundle, else ``bundle/`` of its newest run with a bundle.

        Raises:
            BundleError: There is none.
        """
        folder = Path(folder)
        found = find_bundle(folder)
        if found is None:
            raise BundleError(
                folder,
                "does not exist" if not folder.exists() else "no run in it has finished stage 1",
                "Run stage 1 first (`cosmo-pl fit --config cosmo:..._stage1`), or name another bundle; an exported "
                "model has one if it was exported with --bundle",
            )
        return found

    def restrict(
        self, modality_shapes: Mapping[str, tuple[int, ...]], modalities: Mapping[str, str] | None = None
    ) -> Bundle:
        """The bundle for the modalities of other data, with their names.

        Args:
            modality_shapes: Modality to shape of the samples to be encoded.
            modalities: Modality of the data to the modality of the bundle whose encoder it uses; others use that of the
                same name. Modalities that use the same encoder receive copies.

        Raises:
            BundleError: A modality is missing, has another shape, or is encoded together with one that is not wanted.
            ConfigurationError: `modalities` names a modality that the data do not have.
        """
        wanted = {name: tuple(shape) for name, shape in modality_shapes.items()}
        if unknown := sorted(set(modalities or {}) - set(wanted)):
            raise ConfigurationError("bundle_modalities", f"the data have no {unknown}", f"Choose from {list(wanted)}")
        try:
            names, streams = matched_names(self.encoders, self.modality_shapes, wanted, modalities or {})
        except ValueError as error:
            remedy = "Use the data arguments of its stage 1, or name its modalities in bundle_modalities"
            raise BundleError(self.folder, str(error), remedy) from error
        kept = list(streams.values())
        encoders = {
            new: deepcopy(self.encoders[old]) if kept.count(old) > 1 else self.encoders[old]
            for new, old in streams.items()
        }
        return replace(
            self,
            encoders=encoders,
            modality_shapes=wanted,
            normalization={new: self.normalization[old] for new, old in names.items() if old in self.normalization},
            quality={new: self.quality[old] for new, old in names.items() if old in self.quality},
            data_fingerprint=self.data_fingerprint if set(names.values()) == set(self.modality_shapes) else "",
            data=self.data.matched(names),
            names={new: self.names.get(old, old) for new, old in names.items()},
        )

    @property
    def quality_at_home(self) -> bool:
        """Whether it is of a federated training, so that each home measures the quality of its modalities."""
        return FEDERATED in self.training and not self.quality

    def check_data(self, data: MultimodalDataModule) -> None:
        """Checks that the bundle may be fine-tuned on these data, and warns about differences to its own.

        The sensors have to be of the same kind, unit, rate and channels, with the same transforms; statistics may
        differ. A bundle of an older version does not describe its sensors: its statistics have to be those of the data.

        Args:
            data: The data after their setup.

        Raises:
            BundleError: A sensor differs, the test or validation subjects include training subjects of the bundle, or
                the data have statistics of another bundle.
        """
        if not self.normalization:
            rank_zero_warn(f"bundle '{self.folder}' was trained without a datamodule: its standardisation is unknown")
            return
        differing = self.data.differences(data)
        differing += ["recordings"] * (self.data_fingerprint not in ("", data.data_fingerprint))
        if differing:
            of = f" ({self.data.title})" if self.data.title else ""
            rank_zero_warn(f"bundle '{self.folder}' has another {', '.join(differing)}{of} than {data.title}")
        if known := self.data.subjects_in(data.split.test, data, self._same_recordings(data)):
            problem = f"was trained on the subjects {known}, which are test subjects now"
            raise BundleError(self.folder, problem, "Test other people, or train stage 1 without them")
        if known := self.data.subjects_in(data.split.val, data, self._same_recordings(data)):
            problem = f"was trained on the subjects {known}, which are validation subjects now"
            raise BundleError(self.folder, problem, "Validate on others, or train stage 1 with the same val_subjects")
        if not self.data.sensors:
            self.check_normalization(data.normalization)
            return
        self.check_sensors(data)
        other = [name for name, kept in self.normalization.items() if not kept.close_to(data.normalization[name])]
        if other and data.statistics_of == "bundle":
            problem = f"has other statistics of {', '.join(other)} than the datamodule, which was set up with others"
            raise BundleError(self.folder, problem, "Make a new datamodule for each bundle")
        if other and data.statistics_of is None:
            rank_zero_warn(
                f"bundle '{self.folder}' was trained on {', '.join(other)} standardised with other statistics than "
                f"those of {data.title}, which are used. Set data.init_args.normalization to bundle, data or adapt"
            )

    def passed_on(self, trained: TrainedOn, data: MultimodalDataModule) -> TrainedOn:
        """What a model keeps of its training data, with the people that these encoders were trained on."""
        return trained.after(self.data.people(data, self._same_recordings(data)), self.data.recordings)

    def _same_recordings(self, data: MultimodalDataModule) -> bool:
        return self.data_fingerprint == data.data_fingerprint

    def check_sensors(self, data: MultimodalDataModule) -> None:
        """Checks that the sensors of data suit the encoders; the data need not have been read.

        Raises:
            BundleError: A sensor has another kind, unit, rate, channels or transforms. The message names both.
        """
        for name, differences in self.data.unsuitable(data).items():
            mine = self.names.get(name, name)
            differ = "; ".join(differences)
            problem = f"has an encoder of '{mine}' that does not suit '{name}' of {data.title}: {differ}"
            remedy = "Resample or convert the data as in its stage 1, or match another sensor in bundle_modalities"
            raise BundleError(self.folder, problem, remedy)

    def check_normalization(self, normalization: Mapping[str, Normalization]) -> None:
        """Checks that the data have the standardisation of stage 1.

        Raises:
            BundleError: They have another one.
        """
        for name, mine in self.normalization.items():
            if not mine.close_to(normalization[name]):
                raise BundleError(
                    self.folder,
                    f"was trained on {name} standardised with other statistics {mine} than now {normalization[name]}",
                    "Use the recordings, training subjects and transforms of its stage 1, or normalization bundle",
                )

    def _describe(self, weights_sha256: str) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "weights_sha256": weights_sha256,
            "encoders": {name: encoder.described() for name, encoder in self.encoders.items()},
            "modality_shapes": self.modality_shapes,
            "normalization": {name: asdict(statistics) for name, statistics in self.normalization.items()},
            "quality": {name: asdict(quality) for name, quality in self.quality.items()},
            "data_fingerprint": self.data_fingerprint,
            "data": self.data.described() if self.normalization else None,
            "training": self.training,
            "versions": self.versions,
        }


def built_encoder(described: Mapping[str, Any], source: str) -> Encoder:
    """The encoder of a description by `Encoder.described`, with new weights.

    Args:
        described: Its description in a bundle or a checkpoint.
        source: That bundle or checkpoint, for errors.

    Raises:
        CosmoError: Its class is not trusted, or is no encoder.
    """
    make: Callable[..., Encoder] = load_class(described["class_path"], Encoder, source)
    return make(**described["init_args"])


def _refuse_diverged(folder: Path, weights: str | None) -> None:
    if weights is not None:
        problem = f"contains weights that are not finite or far too large ({weights}): the training diverged"
        raise BundleError(folder, problem, "Train stage 1 again with a lower learning rate")


def _versions() -> dict[str, str]:
    return {"cosmo_pl": __version__, "torch": torch.__version__, "python": platform.python_version()}
