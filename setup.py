"""Copies the configs and studies into the package that is built; setup.cfg says everything else.

They lie at the top level of the repository, where people look for them. An editable install finds them there, see
``src/cosmo_pl/shipped.py``, and gets no copy.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

SHIPPED = {"configs": (".yaml",), "experiments": (".yaml", ".json")}
ASIDE = {"rendered"}  # `cosmo-pl study render` draws it again


class BuildWithProject(build_py):
    """Builds the package with ``project/configs`` and ``project/experiments`` in it."""

    def run(self) -> None:
        """Builds it."""
        super().run()
        if self.editable_mode:
            return
        place = Path(self.build_lib, "cosmo_pl", "project")
        shutil.rmtree(place, ignore_errors=True)  # of an earlier build
        for folder, suffixes in SHIPPED.items():
            for source in sorted(Path(folder).rglob("*")):
                if source.suffix in suffixes and not ASIDE & {*source.parts}:
                    (place / source).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(source, place / source)


setup(cmdclass={"build_py": BuildWithProject})
