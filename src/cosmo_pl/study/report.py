"""One HTML page with every table and figure; styles and pictures are inside it, nothing is fetched."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from cosmo_pl.errors import ConfigurationError
from cosmo_pl.io import parse_yaml
from cosmo_pl.study.claims import HEADER, Claim, collect, counts
from cosmo_pl.study.definition import Study
from cosmo_pl.study.jobs import Project
from cosmo_pl.study.progress import duration
from cosmo_pl.study.records import Record
from cosmo_pl.study.render import Rendering
from cosmo_pl.study.rendering.statistics import provenance
from cosmo_pl.study.rendering.verdict import NOT_COMPARABLE, NOT_REPRODUCED, REPRODUCED, TOO_FEW
from cosmo_pl.study.rendering.view import COMPARED, Rendered, Verdict, dataset_title

TEMPLATE = Path(__file__).with_name("report.html.j2")
MARKS = {REPRODUCED: "✓", NOT_REPRODUCED: "✗", TOO_FEW: "…", NOT_COMPARABLE: "○"}
NUMBER = re.compile(r"[-+−<>≈ ]*(\d|$)")
SHORT = 18  # characters that need no second line


@dataclass(frozen=True)
class ReportItem:
    """A table or figure of the report.

    Args:
        name: Name of the study.
        preset: Preset that it was run under.
        study: Its definition.
        rendered: What it shows.
        png: Picture of a figure; None for a table.
        records: Results behind it.
        planned: Number of runs that it has when all are done.
        skipped: Dataset to the reason why it has no results.
        paper: Content of ``paper.yaml``.
    """

    name: str
    preset: str
    study: Study
    rendered: Rendered
    png: bytes | None
    records: Sequence[Record]
    planned: int
    skipped: Mapping[str, str]
    paper: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, rendering: Rendering) -> ReportItem:
        """The item of a drawn study."""
        view = rendering.view
        records = [outcome.record for outcome in view.outcomes if outcome.record is not None]
        return cls(
            view.name, view.preset, view.study, rendering.rendered, rendering.png, records, len(view.outcomes),
            view.skipped, view.paper,
        )  # fmt: skip

    @property
    def anchor(self) -> str:
        """Its place in the page."""
        return f"{self.name}-{self.preset}".replace("/", "-")

    @property
    def seeds(self) -> list[int]:
        """Seeds that it has results of."""
        return sorted({record.seed for record in self.records if record.method})

    @property
    def seconds(self) -> float:
        """Time that its runs took, one after the other."""
        return math.fsum(record.seconds for record in self.records)

    @property
    def simulated(self) -> list[str]:
        """Datasets whose recordings are simulated."""
        return sorted({self.title(record.dataset) for record in self.records if record.simulated})

    @property
    def provenance(self) -> str:
        """Where its results come from."""
        return provenance(self.records)

    def title(self, dataset: str) -> str:
        """Name of a dataset as a person writes it."""
        return dataset_title(dataset, self.records, self.paper)

    @property
    def unsaid(self) -> dict[str, str]:
        """What was skipped and why, where the notes do not say so."""
        return {name: why for name, why in self.skipped.items() if not any(why in note for note in self.rendered.notes)}

    def verdicts(self, *wanted: str) -> list[Verdict]:
        """Claims with one of these verdicts."""
        return [verdict for verdict in self.rendered.verdicts if verdict.verdict in wanted]


def write_report(
    items: Sequence[ReportItem],
    folder: Path,
    paper: Mapping[str, Any],
    root: Path = Path(),
    not_run: Sequence[str] = (),
    claims: Sequence[Claim] = (),
) -> Path:
    """Writes ``report.html``.

    Args:
        items: Tables and figures, in the order of the page.
        folder: Where the page is written.
        paper: Content of ``paper.yaml``, with the rule of the verdicts.
        root: Folder of the project, which the settings are read from.
        not_run: Titles of studies without results.
        claims: Every claim of the paper once.

    Returns:
        The page.

    Raises:
        ConfigurationError: A preset of an item does not exist.
    """
    records = list({record.key: record for item in items for record in item.records}.values())
    presets = list(dict.fromkeys(item.preset for item in items))
    project = Project(root)
    page = _template().render(
        items=items,
        verdicts=MARKS,
        counts={preset: counts(_claims(items, preset)) for preset in presets},
        claims=claims,
        claims_header=HEADER,
        compared=COMPARED,
        rule=paper.get("rule", {}),
        presets={name: (project.preset(name), _overlays(project, name)) for name in presets},
        configs=_configs(root, records),
        studies={
            name: (root / f"experiments/{name}.yaml").read_text(encoding="utf-8")
            for name in dict.fromkeys(item.name for item in items)
        },
        environments=_tally(records, _environment),
        recordings=_tally(records, lambda record: _recordings(record, dataset_title(record.dataset, records, paper))),
        seconds=math.fsum(record.seconds for record in records),
        runs=len(records),
        not_run=not_run,
    )
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / ".report.html.part"
    part.write_text(page, encoding="utf-8")
    return part.replace(folder / "report.html")


def counted(count: int, thing: str) -> str:
    """A number of things: "1 run", "2 runs"."""
    return f"{count} {thing}{'' if count == 1 else 's'}"


def data_uri(png: bytes) -> str:
    """A picture as an address that holds it."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def png_size(png: bytes) -> tuple[int, int]:
    """Width and height of a picture in pixels, from its header."""
    return int.from_bytes(png[16:20]), int.from_bytes(png[20:24])


def column_classes(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Class of each column: "number" where every cell begins like one or is missing, "words" where one is long."""
    found = []
    for _, *cells in zip(header, *rows, strict=True):
        number = all(NUMBER.match(cell) for cell in cells)
        found.append("number" if number else "words" if max(map(len, cells)) > SHORT else "")
    return found


def row_groups(rows: Sequence[Sequence[str]]) -> list[tuple[str, list[Sequence[str]]]]:
    """Rows under what their first cells have in common, so that a phone's width is left to the other columns.

    Returns:
        The cell and the rows without it; one group of whole rows, without a name, where no two neighbours agree.
    """
    groups = [(name, [row[1:] for row in group]) for name, group in groupby(rows, key=lambda row: row[0])]
    return groups if len(groups) < len(rows) else [("", list(rows))]


def _template() -> Any:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    for function in (counted, duration, data_uri, png_size, column_classes, row_groups):
        environment.filters[function.__name__] = function
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8"))


def _claims(items: Iterable[ReportItem], preset: str) -> list[Claim]:
    return collect((item.name, item.rendered.verdicts) for item in items if item.preset == preset)


def _overlays(project: Project, preset: str) -> dict[str, str]:
    """Overlays of a preset by file name."""
    files = sorted((project.experiments / "presets" / preset).glob("*.yaml"))
    return {path.name: path.read_text(encoding="utf-8") for path in files if path.name != "preset.yaml"}


def _configs(root: Path, records: Iterable[Record]) -> dict[str, str]:
    """The configs that runs were made with, less the presets', and the parts that they name.

    What lies outside of ``configs/``, whatever a record or a config says of it, is not shown.
    """
    named = {path for record in records for path in record.configs if path.startswith("configs/")}
    found: dict[Path, str] = {}
    left = [root / path for path in sorted(named)]
    while left:
        path = left.pop().resolve()
        if path not in found and path.is_relative_to((root / "configs").resolve()):
            found[path] = _shown(path)
            left += [path.parent / part for part in _parts(found[path])]
    methods = root / "experiments/methods.yaml"
    texts = {path.relative_to(root.resolve()).as_posix(): text for path, text in sorted(found.items())}
    return texts | ({"experiments/methods.yaml": _shown(methods)} if named and methods.is_file() else {})


def _shown(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        return f"# cannot be read: {type(error).__name__}\n"


def _parts(text: str) -> list[str]:
    """The files that a config refers to."""
    try:
        content = parse_yaml(text, "a config")
    except ConfigurationError:
        return []
    values = content.values() if isinstance(content, dict) else ()
    return [value for value in values if isinstance(value, str) and value.endswith(".yaml")]


def _environment(record: Record) -> tuple[str, ...]:
    told = record.environment
    commit = f"{told.get('commit') or '-'}{' and changes' if told.get('dirty') else ''}"
    return (record.version, commit, *(str(told.get(name) or "-") for name in ("torch", "device", "cores", "threads")))


def _recordings(record: Record, title: str) -> tuple[str, ...]:
    return title, "simulated" if record.simulated else "measured", record.data_fingerprint


def _tally(
    records: Sequence[Record], told: Callable[[Record], tuple[str, ...]]
) -> list[tuple[tuple[str, ...], int, float]]:
    """Distinct values, with the number of runs that have them and the time that these took."""
    groups: dict[tuple[str, ...], list[float]] = {}
    for record in records:
        groups.setdefault(told(record), []).append(record.seconds)
    return [(values, len(seconds), math.fsum(seconds)) for values, seconds in sorted(groups.items())]
