"""Results as JSON, NPZ, CSV and tables; files are written whole or not at all."""

import io
import json
import os

import numpy as np
import pytest
from rich.console import Console

from karush.output import Output, encode, plain, special, to_csv, to_json, to_npz, unwritable, write_whole
from karush.table import print_output, show_number

RECORD = {
    "v": 1,
    "model": "m",
    "status": "solved",
    "objective": np.float64(0.5),
    "values": {"w": np.array([0.1, np.nan]), "x": np.arange(4.0).reshape(2, 2), "flag": np.True_},
    "duals": {"rate": {"lower": np.zeros((1, 1)), "upper": np.array([np.inf])}, "cap": np.float64(2)},
    "problem": {"class": "QP", "convex": True, "variables": 2, "equalities": 0, "inequalities": 1},
    "solver": {
        "name": "ipm",
        "iterations": np.int32(3),
        "residuals": {"primal": 1e-12},
        "compile_s": 1,
        "solve_s": 0.1,
    },
}
OUTPUT = Output(RECORD, {"values.w": (("north", "south"),), "values.x": (None, ("a", "b"))})


def refuse(constant):
    raise AssertionError(f"{constant} is not strict JSON")


def test_json_is_strict_and_null_for_what_is_no_number():
    record = json.loads(to_json(RECORD), parse_constant=refuse)
    assert record["values"] == {"w": [0.1, None], "x": [[0.0, 1.0], [2.0, 3.0]], "flag": True}
    assert record["duals"]["rate"] == {"lower": [[0.0]], "upper": [None]}
    assert record["solver"]["iterations"] == 3


def test_numbers_survive_json_exactly():
    value = np.array([1 / 3, 1e-300, -0.1, 2.0**60])
    assert np.array_equal(np.array(json.loads(json.dumps(plain(value)))), value)


def test_npz_has_dotted_names_and_no_pickle():
    with np.load(io.BytesIO(to_npz(RECORD)), allow_pickle=False) as archive:
        assert {"values.w", "values.x", "duals.rate.lower", "duals.cap", "objective", "status"} <= set(archive.files)
        assert np.array_equal(archive["values.x"], RECORD["values"]["x"])
        assert str(archive["status"]) == "solved"


def test_csv_is_long_with_labels_for_indices():
    lines = to_csv(OUTPUT).splitlines()
    assert lines[0] == "name,indices,value"
    assert "values.w,north,0.1" in lines
    assert "values.x,1;b,3.0" in lines
    assert "duals.cap,,2.0" in lines


def test_the_ending_decides():
    assert json.loads(encode(OUTPUT, ".json"))["model"] == "m"
    assert encode(OUTPUT, ".npz")[:2] == b"PK"
    assert encode(OUTPUT, ".csv").startswith(b"name,")


def test_a_table_shows_labels_rounding_and_the_solver():
    console = Console(file=io.StringIO(), width=100, markup=False, highlight=False)
    print_output(OUTPUT, console)
    text = console.file.getvalue()
    for word in ("solved", "objective 0.5", "north", "south", "cap", "rate.upper", "ipm"):
        assert word in text


def test_labels_are_no_markup():
    console = Console(file=io.StringIO(), width=100, markup=False, highlight=False)
    print_output(Output(RECORD, {"values.w": (("[red]x", "[/bold]"),)}), console)
    assert "[red]x" in console.file.getvalue()


@pytest.mark.parametrize(
    ("number", "text"),
    [(0.123456789, "0.123457"), (1e-12, "0"), (np.nan, "-"), (np.int64(7), "7"), (True, "true"), (-1e-12, "0")],
)
def test_numbers_are_rounded_for_people(number, text):
    assert show_number(number) == text


def test_a_file_is_replaced_whole_and_keeps_its_rights(tmp_path):
    target = tmp_path / "out.json"
    target.write_text("old")
    os.chmod(target, 0o640)
    write_whole(target, b"new")
    assert target.read_bytes() == b"new"
    assert target.stat().st_mode & 0o777 == 0o640
    assert os.listdir(tmp_path) == ["out.json"]


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    target = tmp_path / "out.json"
    target.write_text("old")

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="No space"):
        write_whole(target, b"new")
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["out.json"]


def test_a_link_is_followed_and_a_device_is_not_replaced(tmp_path):
    target, link = tmp_path / "out.json", tmp_path / "link.json"
    target.write_text("old")
    link.symlink_to(target)
    write_whole(link, b"new")
    assert link.is_symlink() and target.read_bytes() == b"new"
    null = tmp_path / "pipe"
    os.mkfifo(null)
    assert special(null)


def test_what_cannot_be_written_is_known_before_the_work(tmp_path):
    assert "no such folder" in unwritable(str(tmp_path / "no" / "out.json"))
    assert "folder" in unwritable(str(tmp_path))
    assert ".csv" in unwritable(str(tmp_path / "out.txt"))
    assert unwritable(str(tmp_path / "out.csv")) is None
    assert unwritable("-") is None
