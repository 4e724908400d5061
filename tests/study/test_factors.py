"""What a study says that it varies is what its runs really have, defaults included, through the real command line."""

from __future__ import annotations

import json
from collections import Counter

import pytest
import yaml

from cosmo_pl.cli import main
from cosmo_pl.io import read_yaml
from cosmo_pl.run_loading import name_test_subjects
from cosmo_pl.study.jobs import expand

from .factory import PROJECT

SEEDED = {"seed_everything", "data.init_args.label_seed"}


def varies(name):
    """Whether a study has a factor on a dataset that there are configs of; its parser would take seconds for all."""
    runs = read_yaml(PROJECT.experiments / f"{name}.yaml")["runs"]
    return any(each.get("vary") and any(map(PROJECT.has_dataset, each["datasets"])) for each in runs)


STUDIES = [name for name in PROJECT.studies() if varies(name)]
resolved_configs: dict[str, dict] = {}


def resolved(job, capsys):
    """The whole configuration of a run as `cosmo-pl fit` prints it; seeds aside, the same run is resolved once."""
    own = {name: value for name, value in job.arguments.items() if name not in SEEDED}
    arguments = [f"--{name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in own.items()]
    command = [*(f"--config={PROJECT.root / path}" for path in job.configs), *arguments]
    key = " ".join(command)
    if key not in resolved_configs:
        with pytest.raises(SystemExit) as stopped:
            main(["fit", *command, "--print_config"])
        printed = capsys.readouterr()
        assert not stopped.value.code, printed.err
        resolved_configs[key] = yaml.safe_load(printed.out)
        name_test_subjects(resolved_configs[key]["data"])
    return resolved_configs[key]


def lineage(job):
    """A job and all that it takes the result of."""
    yield job
    for parent in job.parents:
        yield from lineage(parent)


def value_of(config, argument):
    """A value by its dotted name; it has to be there."""
    for part in argument.split("."):
        config = config[part]
    return config


JOBS_PER_CELL = 2  # each takes a tenth of a second and more to resolve


def checked(spec):
    """Values that are looked at: the default, which is not passed on, and one that is."""
    own = [] if spec.labels else [spec.default]  # a labelled default only stands for what the config has
    return [*own, *[value for value in spec.values if value != spec.default][:1]]


@pytest.mark.filterwarnings("ignore:LightningCLI's args parameter")
@pytest.mark.parametrize("name", STUDIES)
@pytest.mark.slow
def test_runs_have_the_values_of_their_cells(name, capsys):
    study, first = PROJECT.study(name), PROJECT.preset("paper").seeds[0]
    looked_at: Counter[tuple[int, str, str]] = Counter()
    for job in expand(PROJECT, study, "paper"):
        for grid, factors in job.cells if job.seed == first else ():
            for factor, value in factors.items():
                spec, cell = study.runs[grid].vary[factor], (grid, factor, str(value))
                for each in lineage(job) if value in checked(spec) and looked_at[cell] < JOBS_PER_CELL else ():
                    if each.kind in spec.phases:
                        seeded = spec.argument in SEEDED
                        found = (
                            each.arguments[spec.argument] if seeded else value_of(resolved(each, capsys), spec.argument)
                        )
                        assert found == value, (each.name, factor)
                        looked_at[cell] += 1
    assert looked_at
