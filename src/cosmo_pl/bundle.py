"""What stage 1 hands to stage 2, and the cloud to the edge: trained encoders with all that is needed to use them."""

from __future__ import annotations

import importlib
import json
import platform
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

import cosmo_pl
from cosmo_pl.data.normalization import Normalization
from cosmo_pl.encoders import Encoder
from cosmo_pl.errors import BundleError
from cosmo_pl.fusion import ModalityQuality
from cosmo_pl.io import write_json

FORMAT = 1
WEIGHTS, DESCRIPTION = "encoders.safetensors", "bundle.json"


@dataclass
class Bundle:
    """Encoders after stage 1; no pickle is involved in storing them.

    Args:
        encoders: Modality to trained encoder.
        modality_shapes: Modality to shape of one sample.
        normalization: Modality to the statistics that its samples were standardised with.
        quality: Modality to quality on the unlabelled samples.
        data_fingerprint: Fingerprint of the recordings.
        training: What trained it: method, epochs, hyper-parameters.
        versions: Versions of the libraries.
        folder: Where it was loaded from; messages name it.
    """

    encoders: dict[str, Encoder]
    modality_shapes: dict[str, tuple[int, ...]]
    normalization: dict[str, Normalization]
    quality: dict[str, ModalityQuality]
    data_fingerprint: str
    training: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=lambda: dict(_versions()))
    folder: Path = Path()

    def save(self, folder: str | Path) -> Path:
        """Writes the bundle as a whole: the folder is complete as soon as it exists.

        Raises:
            BundleError: The folder exists.
        """
        folder = Path(folder)
        if folder.exists():
            raise BundleError(folder, "exists", "Choose another folder; a bundle is never overwritten")
        folder.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".bundle-"))
        try:
            save_file({k: v.contiguous() for k, v in nn.ModuleDict(self.encoders).state_dict().items()}, part / WEIGHTS)
            write_json(part / DESCRIPTION, self._describe())
            part.chmod(0o755)
            part.replace(folder)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
        return folder

    @classmethod
    def load(cls, folder: str | Path) -> Bundle:
        """Reads a bundle.

        Args:
            folder: The bundle, or a folder of runs whose newest bundle is taken (see `find`).

        Raises:
            BundleError: It is missing, damaged, or its weights do not fit its encoders.
        """
        folder = cls.find(folder)
        try:
            told = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
            if told["format"] != FORMAT:
                raise BundleError(folder, f"has format {told['format']}, not {FORMAT}", "Train stage 1 again")
            encoders = {name: built_encoder(told["encoders"][name]) for name in told["encoders"]}
            nn.ModuleDict(encoders).load_state_dict(load_file(folder / WEIGHTS), strict=True)
            for encoder in encoders.values():
                encoder.eval()  # ready for use; a module that trains them switches by itself
            return cls(
                encoders=encoders,
                modality_shapes={name: tuple(shape) for name, shape in told["modality_shapes"].items()},
                normalization={
                    name: Normalization(tuple(s["mean"]), tuple(s["std"]), s.get("axis", -1))  # older ones have no axis
                    for name, s in told["normalization"].items()
                },
                quality={name: _quality(stored) for name, stored in told["quality"].items()},
                data_fingerprint=told["data_fingerprint"],
                training=told["training"],
                versions=told["versions"],
                folder=folder,
            )
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, ImportError, SafetensorError) as error:
            raise BundleError(
                folder, f"is damaged ({error})", "Train stage 1 again, or copy the whole folder"
            ) from error

    @staticmethod
    def find(folder: str | Path) -> Path:
        """The folder itself where it is a bundle, else ``bundle/`` of its newest run ``version_*`` that has one.

        Raises:
            BundleError: There is none.
        """
        folder = Path(folder)
        if (folder / DESCRIPTION).is_file():
            return folder
        runs = [path.parent for path in folder.glob(f"version_*/bundle/{DESCRIPTION}")]
        runs += [path.parent for path in folder.glob(f"bundle/{DESCRIPTION}")]
        if not runs:
            raise BundleError(
                folder,
                "is not there" if not folder.exists() else "no run in it has finished stage 1",
                "Run stage 1 first (`cosmo-pl fit --config configs/..._stage1.yaml`) or set model.init_args.bundle",
            )
        return max(
            runs,
            key=lambda path: (
                int(path.parent.name.removeprefix("version_") or -1) if path.parent.name.startswith("version_") else -1
            ),
        )

    def restrict(self, modality_shapes: Mapping[str, tuple[int, ...]]) -> Bundle:
        """The bundle of some of its modalities.

        Args:
            modality_shapes: Modality to shape of the samples that it has to encode.

        Raises:
            BundleError: A modality is missing, joined with one that is not wanted, or of another shape.
        """
        wanted = {name: tuple(shape) for name, shape in modality_shapes.items()}
        if {name: self.modality_shapes.get(name) for name in wanted} != wanted:
            raise BundleError(
                self.folder, f"is for samples {dict(self.modality_shapes)}, the data give {wanted}",
                "Use the data arguments of its stage 1",
            )  # fmt: skip
        encoders = {name: self.encoders[name] for name in self.encoders if set(name.split("+")) & set(wanted)}
        joined = {part for name in encoders for part in name.split("+")}
        if joined != set(wanted):
            raise BundleError(
                self.folder, f"encodes {sorted(joined)} together, the data give {sorted(wanted)}",
                "Use the data arguments of its stage 1",
            )  # fmt: skip
        return replace(
            self,
            encoders=encoders,
            modality_shapes=wanted,
            normalization={name: kept for name, kept in self.normalization.items() if name in wanted},
            quality={name: kept for name, kept in self.quality.items() if name in wanted},
        )

    def check_normalization(self, normalization: Mapping[str, Normalization]) -> None:
        """Checks that the data are standardised as they were in stage 1.

        Raises:
            BundleError: They are not.
        """
        for name, mine in self.normalization.items():
            if not mine.close_to(normalization[name]):
                raise BundleError(
                    self.folder,
                    f"was trained on {name} standardised with other statistics {mine} than now {normalization[name]}",
                    "Use the recordings, training subjects and transforms of its stage 1",
                )

    def _describe(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "encoders": {name: encoder.described() for name, encoder in self.encoders.items()},
            "modality_shapes": self.modality_shapes,
            "normalization": {name: asdict(statistics) for name, statistics in self.normalization.items()},
            "quality": {name: asdict(quality) for name, quality in self.quality.items()},
            "data_fingerprint": self.data_fingerprint,
            "training": self.training,
            "versions": self.versions,
        }


def built_encoder(stored: Mapping[str, Any]) -> Encoder:
    """The encoder that `Encoder.described` describes, with new weights.

    Raises:
        ValueError: It is no encoder.
    """
    module, _, name = stored["class_path"].rpartition(".")
    encoder_class = getattr(importlib.import_module(module), name, None)
    if not (isinstance(encoder_class, type) and issubclass(encoder_class, Encoder)):
        raise ValueError(f"'{stored['class_path']}' is not an encoder")
    encoder: Encoder = encoder_class(**stored["init_args"])
    return encoder


def _quality(stored: Mapping[str, Any]) -> ModalityQuality:
    curve = {int(k): value for k, value in stored["silhouettes"].items()}  # JSON's keys are strings
    return ModalityQuality(**{**stored, "silhouettes": curve})


def _versions() -> dict[str, str]:
    return {"cosmo_pl": cosmo_pl.__version__, "torch": torch.__version__, "python": platform.python_version()}
