"""``karush check``: repairs, formats, requirements, and how much is said at once."""

import json
from pathlib import Path

import jsonschema
import pytest

from karush.cli.app import run
from karush.cli.fixing import MOST_PASSES, mend
from karush.dsl.diagnostics import Diagnostic, Fix, Label
from karush.dsl.source import Source, Span

SLIPS = "var x >= 0\nminimise (x - 1)^2\nsubject to\n  cap: x = 2\n"
MENDED = "var x in nonneg\nminimize (x - 1)^2\nsubject to\n  cap: x == 2\n"


@pytest.fixture
def slips(tmp_path: Path) -> Path:
    path = tmp_path / "my model.opt"
    path.write_text(SLIPS)
    return path


# ---------------------------------------------------------------- repairs


def test_repairs_are_applied_and_told(slips, capsys):
    assert run(["check", "--fix", str(slips)]) == 0
    assert slips.read_text() == MENDED
    captured = capsys.readouterr()
    assert captured.out == f"{slips}: ok, QP, convex; functions smooth\n"
    assert f"{slips}:1:7: fixed E0106: `>= 0` became `in nonneg`" in captured.err
    assert captured.err.count("fixed") == 3
    assert list(slips.parent.iterdir()) == [slips]


def test_what_no_machine_can_repair_is_told_after_the_repairs(slips, capsys):
    slips.write_text(SLIPS + "  low: x >= y\n")
    assert run(["check", "--fix", str(slips)]) == 1
    assert slips.read_text() == MENDED + "  low: x >= y\n"
    assert "error[E0201]" in capsys.readouterr().out


def test_stdin_cannot_be_repaired(capsys):
    assert run(["check", "--fix", "-"]) == 2
    assert "--fix writes files" in capsys.readouterr().err


def test_a_file_that_cannot_be_written_stays(slips, monkeypatch, capsys):
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("karush.cli.fixing.write_whole", refuse)
    assert run(["check", "--fix", str(slips)]) == 2
    assert "Permission denied" in capsys.readouterr().err
    assert slips.read_text() == SLIPS


def replacing(source: Source, start: int, end: int, text: str) -> Diagnostic:
    span = Span(source, start, end)
    return Diagnostic("E0100", "", (Label(span),), fixes=(Fix("", span, text),))


def test_of_repairs_that_overlap_the_second_waits_for_the_next_round():
    def find(source: Source) -> list[Diagnostic]:
        if source.text == "abc":
            return [replacing(source, 0, 2, "X"), replacing(source, 1, 3, "Y")]
        return [replacing(source, 1, 2, "Z")] if source.text == "Xc" else []

    mended, made = mend(Source("x.opt", "abc"), find)
    assert mended.text == "XZ"
    assert [edit.text for edit in made] == ["X", "Z"]


def test_repairs_that_undo_each_other_end():
    def find(source: Source) -> list[Diagnostic]:
        return [replacing(source, 0, 1, "b" if source.text == "a" else "a")]

    mended, made = mend(Source("x.opt", "a"), find)
    assert mended.text == "b"
    assert len(made) == 1


def test_repairs_without_end_are_bounded():
    mended, made = mend(Source("x.opt", ""), lambda source: [replacing(source, 0, 0, "a")])
    assert mended.text == "a" * MOST_PASSES
    assert len(made) == MOST_PASSES


# ---------------------------------------------------------------- SARIF

TEXT = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}}
REGION = {
    "type": "object",
    "required": ["startLine", "startColumn", "endLine", "endColumn"],
    "additionalProperties": False,
    "properties": {
        **{name: {"type": "integer", "minimum": 1} for name in ("startLine", "startColumn", "endLine", "endColumn")},
        **{name: {"type": "integer", "minimum": 0} for name in ("charOffset", "charLength")},
    },
}
ARTIFACT = {"type": "object", "required": ["uri"], "properties": {"uri": {"type": "string", "pattern": "^[^ ]+$"}}}
LOCATION = {
    "type": "object",
    "required": ["physicalLocation"],
    "properties": {
        "id": {"type": "integer", "minimum": 0},
        "message": TEXT,
        "physicalLocation": {
            "type": "object",
            "required": ["artifactLocation"],
            "properties": {"artifactLocation": ARTIFACT, "region": REGION},
        },
    },
}
CHANGE = {
    "type": "object",
    "required": ["artifactLocation", "replacements"],
    "properties": {
        "artifactLocation": ARTIFACT,
        "replacements": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "object", "required": ["deletedRegion"], "properties": {"deletedRegion": REGION}},
        },
    },
}
RESULT = {
    "type": "object",
    "required": ["ruleId", "ruleIndex", "level", "message", "locations"],
    "properties": {
        "ruleId": {"type": "string"},
        "ruleIndex": {"type": "integer", "minimum": 0},
        "level": {"enum": ["none", "note", "warning", "error"]},
        "message": TEXT,
        "locations": {"type": "array", "items": LOCATION},
        "relatedLocations": {"type": "array", "items": LOCATION, "uniqueItems": True},
        "fixes": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["artifactChanges"],
                "properties": {
                    "description": TEXT,
                    "artifactChanges": {"type": "array", "minItems": 1, "items": CHANGE},
                },
            },
        },
    },
}
RULE = {
    "type": "object",
    "required": ["id", "shortDescription", "fullDescription", "help"],
    "properties": {"id": {"type": "string"}, "shortDescription": TEXT, "fullDescription": TEXT, "help": TEXT},
}
LOG = {
    "type": "object",
    "required": ["version", "runs", "$schema"],
    "properties": {
        "version": {"const": "2.1.0"},
        "$schema": {"type": "string", "pattern": "sarif-schema-2.1.0.json$"},
        "runs": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["tool", "results"],
                "properties": {
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "results": {"type": "array", "items": RESULT},
                    "tool": {
                        "type": "object",
                        "required": ["driver"],
                        "properties": {
                            "driver": {
                                "type": "object",
                                "required": ["name", "rules"],
                                "properties": {"rules": {"type": "array", "items": RULE}},
                            }
                        },
                    },
                },
            },
        },
    },
}
"""The part of SARIF 2.1.0 that is used here, in the words of the standard."""


def sarif(capsys, *files: Path) -> dict:
    run(["check", "--format", "sarif", *map(str, files)])
    log = json.loads(capsys.readouterr().out)
    jsonschema.validate(log, LOG)
    return log["runs"][0]


def test_sarif_has_the_structure_of_the_standard(slips, tmp_path, capsys):
    unreadable = tmp_path / "latin.opt"
    unreadable.write_bytes(b"let a = 1 # \xe9\n")
    found = sarif(capsys, slips, unreadable)
    rules = [rule["id"] for rule in found["tool"]["driver"]["rules"]]
    results = found["results"]
    assert [rules[result["ruleIndex"]] for result in results] == [result["ruleId"] for result in results]
    assert {"E0106", "E0104", "E0111"} <= set(rules)
    bound = next(result for result in results if result["ruleId"] == "E0106")
    place = bound["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == slips.as_uri()
    region = {"startLine": 1, "startColumn": 7, "endLine": 1, "endColumn": 11, "charOffset": 6, "charLength": 4}
    assert place["region"] == region
    change = bound["fixes"][0]["artifactChanges"][0]["replacements"][0]
    assert change["insertedContent"] == {"text": "in nonneg"}


def test_sarif_names_the_other_places(tmp_path, capsys):
    path = tmp_path / "m.opt"
    path.write_text("param a\nparam a\nlet b = a\n")
    (result,) = sarif(capsys, path)["results"]
    assert result["relatedLocations"][0]["physicalLocation"]["region"]["startLine"] == 1


def test_sarif_of_a_good_model_is_empty(tmp_path, capsys):
    path = tmp_path / "m.opt"
    path.write_text("param a\nlet b = a\n")
    assert sarif(capsys, path)["results"] == []


# ---------------------------------------------------------------- how much is said


def test_no_more_than_twenty_findings_a_run(tmp_path, capsys):
    files = []
    for number in range(3):
        path = tmp_path / f"m{number}.opt"
        path.write_text("".join(f"let e{i} = missing{i}\n" for i in range(8)))
        files.append(str(path))
    assert run(["check", *files]) == 1
    said = capsys.readouterr().out
    assert said.count("error[E0201]") == 20
    assert said.endswith("4 more findings are not shown (at most 20 are)\n")
    assert run(["check", "--format", "json", *files]) == 1
    record = json.loads(capsys.readouterr().out)
    assert (len(record["diagnostics"]), record["left_out"]) == (20, 4)
    assert [entry["ok"] for entry in record["files"]] == [False] * 3


# ---------------------------------------------------------------- requirements


@pytest.mark.parametrize(
    ("requirement", "text", "blamed"),
    [
        ("convex", "var x in box(0, 1)\nminimize -x^2\n", "-x^2"),
        ("convex", "var x in box(0, 1)\nminimize x^2\n", None),
        ("smooth", "param p\nvar x\nminimize x^2 + abs(x - p)\n", "abs(x - p)"),
        ("smooth", "param p\nvar x\nminimize (x - p)^2\n", None),
        ("smooth", "param p\nlet y = sqrt(p^2)\n", "sqrt(p^2)"),
        ("conservative", "param p\nvar x\nminimize x^2 + abs(x - p)\n", None),
        ("conservative", "param p\nlet y = floor(p)\n", "floor(p)"),
        ("conservative", "param p\nlet y = if p > 0 then p else 2\n", "p > 0"),
    ],
)
def test_a_requirement_that_is_not_met_is_told_at_the_part_to_blame(requirement, text, blamed, tmp_path, capsys):
    path = tmp_path / "m.opt"
    path.write_text(text)
    code = run(["check", str(path), "--require", requirement, "--format", "json"])
    found = [d for d in json.loads(capsys.readouterr().out)["diagnostics"] if d["code"] == "E0503"]
    assert [text[d["labels"][0]["start"] : d["labels"][0]["end"]] for d in found] == ([blamed] if blamed else [])
    assert (code == 1) == bool(blamed) or "-x^2" in text
