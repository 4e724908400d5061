"""`cosmo-pl study run|evidence|status|render|claims|headline|sweep`."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from cosmo_pl.constraints import PositiveInt, check
from cosmo_pl.errors import ConfigurationError, CosmoError
from cosmo_pl.extras import require
from cosmo_pl.io import utf8_text, write_whole
from cosmo_pl.parsing.duration import parse_duration
from cosmo_pl.provenance import check_committed
from cosmo_pl.shipped import holds_studies
from cosmo_pl.study.jobs import Job, choose
from cosmo_pl.study.locations import RESULTS, RUNS, Locations
from cosmo_pl.study.names import check_functions, unknown_names
from cosmo_pl.study.workspace import Workspace
from cosmo_pl.trust import allowed

ORDER = "experiments/orders/evidence.yaml"


def run(
    name: str,
    preset: str = "paper",
    jobs: int = 1,
    time_limit: str | None = None,
    key: str | None = None,
    datasets: list[str] | None = None,
    methods: list[str] | None = None,
    submit: Literal["slurm", "local"] | None = None,
    submit_options: dict[str, Any] | None = None,
    allow_dirty: bool = False,
    project: str | None = None,
    results: str | None = None,
    runs: str | None = None,
) -> None:
    """Makes the missing runs of a study. Several processes can share one study, and killed runs are resumed.

    Args:
        name: A study of ``experiments/``, a sweep as in sweeps/utd_lambda, or "all" studies.
        preset: A preset of ``experiments/presets/``.
        jobs: Number of processes that share the runs, on this machine or as jobs of a cluster.
        time_limit: Duration after which to stop, as in 9m or 1h30m; interrupted runs can be resumed.
        key: Make only the run of this key, and the runs that it needs.
        datasets: Make only the runs on these datasets.
        methods: Make only the runs of these methods, and the stages 1 that they need.
        submit: Submit the processes to SLURM, or to submitit's local executor.
        submit_options: Options of submitit's executor, as in '{"slurm_partition": "gpu", "timeout_min": 600}'.
        allow_dirty: Accept uncommitted changes for presets that require committed code, such as paper; all tables mark
            such results.
        project: Folder that holds ``configs/`` and ``experiments/``. By default the working directory if it has
            studies, else the shipped project, whose new results are written below the working directory.
        results: Folder of the results; experiments/results below the project by default.
        runs: Folder of logs, bundles and checkpoints; runs/study below the project by default.
    """
    seconds = parse_duration(time_limit)
    check("jobs", jobs, PositiveInt)
    if submit_options and submit is None:
        raise ConfigurationError("submit_options", "has no effect without submit", "Add --submit slurm")
    where = Locations.of(project, results, runs)
    studies = where.project.studies() if name == "all" else [name]
    check_functions(where.project, studies)
    _warn_of_names(where, studies)
    needs_commit = where.project.preset(preset).committed_code
    if name != "all" and (needed := where.project.study(name).needs) is not None:
        require(needed, f"study '{name}'")
    chosen = choose(where.project.jobs(name, preset, strict=True), key, datasets, methods)
    if needs_commit and not allow_dirty:
        check_committed("use --allow-dirty: every table will mark the results")
    if jobs == 1 and submit is None:
        run_here(where, chosen, seconds)
        return
    from cosmo_pl.study.workers import start_workers, submit_workers

    given = {"project": project, "results": results, "runs": runs, "time_limit": time_limit, "key": key}
    own = ["study", "run", name, f"--preset={preset}", f"--allow_dirty={str(allow_dirty).lower()}"]
    own += [f"--{option}={value}" for option, value in given.items() if value]
    for option, names in {"datasets": datasets, "methods": methods}.items():
        own += [f"--{option}=[{','.join(names)}]"] if names else []
    own += [f"--allow-code={package}" for package in allowed()]
    if submit is None:
        start_workers(own, jobs)
    else:
        submit_workers(own, jobs, submit, where.runs, submit_options or {})


def _warn_of_names(where: Locations, studies: Sequence[str]) -> None:
    for line in unknown_names(where.project, studies):
        warnings.warn(line, stacklevel=2)


def run_here(where: Locations, jobs: Sequence[Job], seconds: float | None, whole: bool = False) -> None:
    """Runs jobs in this process; exits with 1 if jobs of existing datasets cannot be run.

    Args:
        where: Where configs are read, and results and runs are written.
        jobs: The jobs.
        seconds: Time limit; None for none.
        whole: Whether only jobs are started that are expected to end within it.
    """
    from pytorch_lightning.utilities.exceptions import SIGTERMException

    from cosmo_pl.cli.federated import main as federated
    from cosmo_pl.cli.train import main as train
    from cosmo_pl.run_loading import load_data, load_run
    from cosmo_pl.study.execution import EntryPoints, Executor
    from cosmo_pl.study.resolving import resolve_again
    from cosmo_pl.study.runner import Runner, TimeIsUp, terminable, time_limit

    workspace = Workspace(where.runs)
    entry = EntryPoints(train, load_run, load_data, federated)
    project = replace(where.project, resolve=resolve_again)
    execute = Executor(project, workspace, entry, progress_bar=sys.stderr.isatty())
    within = seconds if whole else None
    runner = Runner(jobs, where.results, workspace, execute, lambda line: print(line, flush=True), within)
    try:
        with time_limit(seconds), terminable():
            runner.run()
    except TimeIsUp:
        print("the time limit is reached; the same command continues")
        return
    except SIGTERMException:
        print("stopped; the same command continues", flush=True)
        raise
    if runner.postponed:
        print(f"{len(runner.postponed)} runs were postponed, as they would not end in time")
    if runner.failed:
        print(f"{len(runner.failed)} runs could not be run")
    if set(runner.failed.values()) - set(runner.absent.values()):
        sys.exit(1)


def evidence(
    time_limit: str | None = None,
    jobs: int = 1,
    here: bool = False,
    order: str = ORDER,
    results: str = RESULTS,
    runs: str = RUNS,
) -> None:
    """Makes all missing runs but measurements of time, in order of priority, beside other work.

    The runs use a clean worktree of the last commit and the lowest process priority. They are paused while `make test`
    or `make bench` run. They can be stopped at any time; the same command continues.

    Args:
        time_limit: Duration, as in 150m; only runs are started that are expected to end within it.
        jobs: Number of processes that share the runs.
        here: Run from the checkout, with normal priority and without pauses.
        order: YAML with the order of the runs.
        results: Folder of the results.
        runs: Folder of logs, bundles and checkpoints.
    """
    from cosmo_pl.study.evidence import jobs_in_order, supervise
    from cosmo_pl.study.workers import start_workers

    seconds = parse_duration(time_limit)
    check("jobs", jobs, PositiveInt)
    if here and jobs == 1:
        where = Locations.of(None, results, runs)
        wanted = jobs_in_order(where.project, Path(order))
        if any(where.project.preset(name).committed_code for name in {job.preset for job in wanted}):
            check_committed("leave out --here, which uses the last commit")
        run_here(where, wanted, seconds, whole=True)
        return
    words = ["study", "evidence", "--here=true", f"--order={order}"]
    words += [f"--results={Path(results).resolve()}", f"--runs={Path(runs).resolve()}"]
    words += [f"--time_limit={time_limit}"] if time_limit else []
    if here:
        start_workers(words, jobs)
    elif worst := supervise(Path(), words, jobs):
        sys.exit(worst)


def status(
    name: str, preset: str = "paper", project: str | None = None, results: str | None = None, runs: str | None = None
) -> None:
    """Prints finished and missing runs of a study, and the expected time.

    Args:
        name: A study, a sweep, or "all" studies.
        preset: A preset.
        project: Folder of the project, as in `study run`.
        results: Folder of the results.
        runs: Folder of the runs.
    """
    from cosmo_pl.study.progress import status as table

    where = Locations.of(project, results, runs)
    studies = where.project.studies() if name == "all" else [name]
    _warn_of_names(where, studies)
    jobs = {study: where.project.jobs(study, preset) for study in studies}
    print(table(jobs, where.results, Workspace(where.runs)))


def render(
    name: str,
    preset: str | None = None,
    project: str | None = None,
    results: str | None = None,
    output: str | None = None,
) -> None:
    """Renders a study from its results, without any run.

    Args:
        name: A study, a sweep, or "all" studies.
        preset: A preset; by default all under which the study has results.
        project: Folder of the project, as in `study run`.
        results: Folder of the results.
        output: Folder of the rendered files; experiments/rendered by default.
    """
    where = Locations.of(project, results, output=output)
    if name != "all":
        _render(where, name, preset)
        return
    failed = 0
    for each in where.project.studies():
        try:
            _render(where, each, preset)
        except _NoResultsError as error:
            print(error)
        except CosmoError as error:
            print(f"cosmo-pl: {error}", file=sys.stderr)
            failed += 1
    if failed:
        sys.exit(1)


class _NoResultsError(ConfigurationError):
    """A study without results."""


def _render(where: Locations, name: str, preset: str | None) -> None:
    from cosmo_pl.study.render import presets_with_results, render_study

    presets = [preset] if preset else presets_with_results(where.project, name, where.results)
    if not presets:
        problem = f"'{name}' has no results in {where.results.folder}"
        raise _NoResultsError("study", problem, f"Run `cosmo-pl study run {name}`")
    for chosen in presets:
        rendering = render_study(where.project, name, chosen, where.results, None if preset else presets)
        print(*rendering.write(where.rendered), sep="\n")


def claims(
    project: str | None = None, results: str | None = None, output: str | None = None, preset: str | None = None
) -> None:
    """Writes one page with all claims of the paper and their verdicts.

    Args:
        project: Folder of the project, as in `study run`.
        results: Folder of the results.
        output: Folder of the page, claims.md; experiments/rendered by default.
        preset: A preset; by default that of the paper's protocol, or the only one of the project.
    """
    from cosmo_pl.study.claims import all_claims, usual_preset, write_claims

    where = Locations.of(project, results, output=output)
    preset = preset or usual_preset(where.project)
    found = all_claims(where.project, where.results, preset)
    print(write_claims(found, where.rendered, where.project.paper(), where.results.damaged.values(), preset))


def headline(project: str | None = None, results: str | None = None, output: str | None = None) -> None:
    """Prints the table of headline results of the shipped study `plus`, or writes it into a page.

    Args:
        project: Folder of the project, as in `study run`.
        results: Folder of the results.
        output: A Markdown file with the markers <!-- headline:begin --> and <!-- headline:end -->, between which the
            table is written; printed by default.

    Raises:
        ConfigurationError: The project lacks the study, the page has no such markers, or a damaged result would be
            missing in its table.
    """
    from cosmo_pl.study.pages import headline_table
    from cosmo_pl.study.render import left_out
    from cosmo_pl.study.rendering.headline import STUDY, insert

    where = Locations.of(project, results)
    if STUDY not in where.project.studies():
        problem = f"has no study '{STUDY}', of whose results the table is"
        raise ConfigurationError("project", problem, "Use the shipped project, in a folder without own studies")
    table = headline_table(where.project, where.results)
    damaged = list(where.results.damaged.values())
    if output is None:
        print(table, *(f"- {left_out(damage)}" for damage in damaged), sep="\n")
        return
    if damaged:
        raise ConfigurationError("results", f"{len(damaged)} damaged, {damaged[0].rstrip('.')}", "Then write the page")
    path = Path(output)
    text = utf8_text(path, lambda problem: ConfigurationError("output", f"{path} {problem}", "Name a Markdown file"))
    write_whole(path, insert(text, table))
    print(path)


def sweep(name: str) -> None:
    """Starts a sweep at W&B, with its stage 1 and an agent. `study run` with the same name needs no account.

    Args:
        name: A sweep, as in sweeps/utd_lambda.
    """
    from cosmo_pl.cli.train import main as train
    from cosmo_pl.study.sweeps import start

    if not holds_studies(Path()):
        problem = "the working directory holds no studies, and W&B's agents read their configs from there"
        raise ConfigurationError("sweep", problem, f"Change to a checkout, or use `cosmo-pl study run {name}`")
    start(Path(), name, train)


def main(args: Sequence[str]) -> None:
    """Runs one study subcommand."""
    from cosmo_pl.parsing import run_command

    run_command([run, evidence, status, render, claims, headline, sweep], args, "cosmo-pl study")
