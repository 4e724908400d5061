"""Files that are no streams: what the draft says of labels with other names and of dates that are not ISO 8601."""

from __future__ import annotations

from pathlib import Path

import pytest

from cosmo_pl.data.streams.sniffing import sniff
from cosmo_pl.errors import ConfigurationError

from .recorded import SECOND, START, drafted, jittered, record, signal, write_csv

FIRST = START // SECOND
LABELS = "if it holds labels, name its columns start, end and activity"
DUTCH = "Persoon;Van;Tot;Bezigheid"


@pytest.mark.parametrize(
    "row",
    [
        "anna;12:10;12:40;lopen",
        "7;12:10:00;12:40:00;lopen",
        "anna;2024-06-03T09:00;2024-06-03T09:30;lopen",
        "anna;03.06.2024 09:00;03.06.2024 09:30;lopen",
        "anna;vroeg;laat;lopen",
    ],
)
def test_labels_with_other_names_are_named_as_such(tmp_path: Path, row: str) -> None:
    record(tmp_path, ["anna/wrist.csv", "ben/wrist.csv"])
    (tmp_path / "dagboek.csv").write_text(f"{DUTCH}\n{row}\n{row.replace('09:', '10:')}\n", encoding="utf-8")
    found = sniff(tmp_path)
    assert list(found.description.sensors) == ["wrist"]
    assert any("dagboek.csv" in line and LABELS in line for line in found.unknown)


def test_a_sensor_without_time_is_no_file_of_labels(tmp_path: Path) -> None:
    write_csv(tmp_path / "anna" / "wrist.csv", [5, 3, 4] * 20, signal(jittered(1.2, 50)), "n,x,y,z")
    with pytest.raises(
        ConfigurationError, match="name it time, and write ISO 8601 or numbers that grow; these"
    ) as error:
        sniff(tmp_path)
    assert LABELS not in str(error.value)


def test_german_labels_are_read(tmp_path: Path) -> None:
    record(tmp_path / "home", ["anna/wrist.csv", "ben/wrist.csv"])
    text = f"Person;Von;Bis;Tätigkeit\nanna;{FIRST + 2};{FIRST + 5};gehen\n"
    (tmp_path / "home" / "tagebuch.csv").write_text(text, encoding="utf-8")
    found, store = drafted(tmp_path / "home")
    assert found.description.labels is not None
    assert found.description.labels.columns == {
        "subject": "Person",
        "start": "Von",
        "end": "Bis",
        "activity": "Tätigkeit",
    }
    assert [len(each.labels) for each in store.recordings] == [1, 0]


@pytest.mark.parametrize("name", ["Zeit", "Aufnahme"])
@pytest.mark.parametrize("form", ["03.06.2024 09:00:{:02d}", "06/03/2024, 9:00:{:02d} AM", "3-6-2024 09:00:{:02d}"])
def test_dates_that_are_not_iso_are_the_problem_and_not_the_name(tmp_path: Path, name: str, form: str) -> None:
    times = [form.format(n) for n in range(60)]
    write_csv(tmp_path / "anna" / "wrist.csv", times, signal(jittered(1.2, 50)), f"{name},x,y,z")
    if "," in form:
        path = tmp_path / "anna" / "wrist.csv"
        path.write_text(path.read_text().replace("06/03/2024, ", '"06/03/2024, ').replace("AM,", 'AM",'))
    said = f"the times in the column '{name}' of .*wrist.csv', as '{times[0]}', are neither ISO 8601 nor numbers"
    with pytest.raises(ConfigurationError, match=said) as error:
        sniff(tmp_path)
    assert "name it" not in str(error.value) and "write date and time as 2024-06-03T09:00:02.5" in str(error.value)


def test_dates_of_labels_that_are_not_iso_are_named(tmp_path: Path) -> None:
    record(tmp_path, ["anna/wrist.csv", "ben/wrist.csv"])
    text = "start;end;activity\n03.06.2024 09:00:02;03.06.2024 09:00:30;walk\n"
    (tmp_path / "labels.csv").write_text(text, encoding="utf-8")
    found = sniff(tmp_path)
    assert found.description.labels is not None and not found.description.labels.time.relative
    assert "'03.06.2024 09:00:02' is no number; ISO 8601 would be 2024-06-03T09:00:02" in found.text
