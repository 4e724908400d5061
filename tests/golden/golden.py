"""What was computed once, beside the numerics of the classes that computed it, and the rule by which it may change."""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cosmo_pl.study.identity import canonical, numerics_of

VALUES = Path(__file__).parent / "values.json"
RELATIVE, ABSOLUTE = 5e-4, 1e-5
RULE = (
    "If the same config now computes something else, raise the meaning of the class that changed (1.0 -> 2.0). If it "
    "computes the same in another order or precision, show that it is equal within the spread of seeds, and raise the "
    "rounding (1.0 -> 1.1). Add its line to CHANGELOG.md, then run `make golden`."
)

Entry = dict[str, Any]


def entry(classes: Sequence[type], values: Mapping[str, Any]) -> Entry:
    """What is recorded: numerics and values."""
    return {"numerics": numerics(classes), "values": dict(values)}


def numerics(classes: Sequence[type]) -> dict[str, str]:
    """Numerics of classes and of those that they inherit from."""
    return dict(sorted(item for kind in classes for item in numerics_of(kind).items()))


def defaults(kind: type) -> dict[str, Any]:
    """Arguments of a class with a default, and that default; arguments of its bases in this package included."""
    inits = [vars(each)["__init__"] for each in reversed(kind.__mro__) if _is_ours(each) and "__init__" in vars(each)]
    parameters = {name: p for init in inits for name, p in inspect.signature(init).parameters.items()}
    own = {"test_subjects": list(kind.default_test_subjects)} if "default_test_subjects" in vars(kind) else {}
    return own | {
        name: json.loads(json.dumps(canonical(p.default), default=str))
        for name, p in parameters.items()
        if p.default is not inspect.Parameter.empty and name not in own
    }


def _is_ours(kind: type) -> bool:
    return kind.__module__.partition(".")[0] == "cosmo_pl"


def differences(recorded: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """What is not as it was recorded, a line each; what is new is no difference."""
    return [
        f"{name} {recorded[name]} -> {found.get(name, 'nothing')}"
        for name in recorded
        if not _same(recorded[name], found.get(name))
    ]


def problem(name: str, recorded: Entry | None, found: Entry) -> str | None:
    """What is wrong with a case, and what to do about it; None where it is as it was recorded."""
    if recorded is None:
        return f"{name}: nothing is recorded of it. Run `make golden`."
    raised = differences(recorded["numerics"], found["numerics"])
    if raised:
        return f"{name}: numerics changed ({'; '.join(raised)}), and its values are those of before. Run `make golden`."
    other = differences(recorded["values"], found["values"])
    if other:
        return f"{name}: not as recorded: {'; '.join(other[:4])}. {RULE}"
    return None


def may_record(recorded: Entry | None, found: Entry) -> bool:
    """Whether a case may be recorded: it is new, is as it was, or its numerics were raised."""
    if recorded is None or recorded["numerics"] != found["numerics"]:
        return True
    return not differences(recorded["values"], found["values"])


def read() -> dict[str, Entry]:
    """Everything that is recorded."""
    content: dict[str, Entry] = json.loads(VALUES.read_text(encoding="utf-8")) if VALUES.exists() else {}
    return content


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, float | int) and isinstance(other, float | int):
        return math.isclose(one, other, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
    return bool(one == other)
