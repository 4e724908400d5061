"""Tables and figures as files: Markdown, CSV, LaTeX and PNG."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from cosmo_pl.study.rendering.verdict import NOT_COMPARABLE, NOT_REPRODUCED, REPRODUCED, TOO_FEW, UNDECIDED
from cosmo_pl.study.rendering.view import Rendered

SYMBOL = {REPRODUCED: "✓", NOT_REPRODUCED: "✗", UNDECIDED: "~", TOO_FEW: "…", NOT_COMPARABLE: "○"}
SYMBOLS = {"<": "$<$", ">": "$>$", "±": r"$\pm$", "×": r"$\times$", "λ": r"$\lambda$", "†": r"$^\dagger$"}
WORDS = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
LATEX = {**{letter: f"\\{letter}" for letter in "&%_#${}"}, **WORDS, **SYMBOLS}


def bullets(remarks: Iterable[str]) -> str:
    """Remarks as a list in Markdown."""
    return "\n".join(f"- {remark}" for remark in remarks)


def with_symbol(verdict: str) -> str:
    """A verdict after its symbol, "✓ reproduced"."""
    return f"{SYMBOL[verdict]} {verdict}"


def picture(title: str, name: str) -> str:
    """A picture ``name.png`` that opens in its full size."""
    return f"[![{title}]({name}.png)]({name}.png)"


def table_of(rendered: Rendered) -> str:
    """The cells of a table or figure as Markdown."""
    return markdown_of([rendered.header, *rendered.rows]) if rendered.rows else "There is no result yet."


def folded(summary: str, content: str) -> str:
    """Markdown that is shown on a click."""
    return f'<details markdown="1">\n<summary>{summary}</summary>\n\n{content}\n\n</details>'


def numbers_of(rendered: Rendered) -> str:
    """The numbers of a figure, which are shown on a click."""
    return folded("The numbers of the figure", table_of(rendered))


def png_of(figure: Any) -> bytes:
    """A figure as PNG, without date and versions, so that the same figure gives the same bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=150, metadata={"Software": None})
    return buffer.getvalue()


def csv_of(table: Sequence[Sequence[str]]) -> str:
    """A table as CSV."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(table)
    return buffer.getvalue()


def markdown_of(table: Sequence[Sequence[str]]) -> str:
    """A table as Markdown; the first row is its header."""
    rows = ["| " + " | ".join(" ".join(cell.splitlines()).replace("|", "\\|") for cell in row) + " |" for row in table]
    return "\n".join([rows[0], "|---" * len(table[0]) + "|", *rows[1:]])


def latex_of(table: Sequence[Sequence[str]]) -> str:
    """A table as LaTeX with booktabs; the first row is its header."""
    rows = [" & ".join("".join(LATEX.get(letter, letter) for letter in cell) for cell in row) + r" \\" for row in table]
    begin = [rf"\begin{{tabular}}{{{'l' * len(table[0])}}}", r"\toprule", rows[0], r"\midrule"]
    return "\n".join([*begin, *rows[1:], r"\bottomrule", r"\end{tabular}", ""])
