"""``karush explain FILE --infeasible`` end to end: what it names, its formats, its exit codes."""

import json
from pathlib import Path

import pytest

from karush.cli.app import run

ROOT = Path(__file__).parents[2]
PLAN = ROOT / "examples" / "infeasible_plan"
GRID = """dim bus, gen
param demand[bus] in nonneg, at[gen] in index(bus), pmax[gen] in nonneg, limit[bus] in nonneg
var pg[gen] in box(0, pmax), flow[bus]
minimize sum(pg)
subject to
  balance: sum(pg[g] for g in gen if at[g] == i) + flow[i] == demand[i]  for i in bus
  thermal: -limit[i] <= flow[i] <= limit[i]  for i in bus
  hub:     sum(flow) == 0
"""
TOWNS = {
    "demand": {"Leeds": 1.0, "London": 3.0, "Hull": 0.5},
    "limit": {"Leeds": 2, "London": 1.5, "Hull": 2},
    "at": [0, 1, 2],
    "pmax": [2, 1.2, 1],
}


@pytest.fixture
def explain(tmp_path, monkeypatch, capsys):
    """What is said of a text with these data: (exit code, stdout)."""
    monkeypatch.chdir(tmp_path)

    def said(text, data, *options):
        Path("model.opt").write_text(text)
        Path("data.json").write_text(json.dumps(data))
        code = run(["explain", "model.opt", "-d", "data.json", "--infeasible", *options])
        return code, capsys.readouterr().out

    return said


def test_rows_are_named_by_label_side_and_the_labels_of_the_data(explain):
    code, text = explain(GRID, TOWNS)
    assert code == 3
    assert "error[R0701]: infeasible: these 3 conditions conflict, and any 2 of them do not" in text
    assert '^^^^^^^ at i = "London" (demand = 3): relaxed by 0.3 it is enough' in text
    assert "at gen = 1 (pmax = 1.2), upper side: relaxed by 0.3 it is enough" in text
    assert 'at i = "London" (limit = 1.5), upper side: not enough to relax this alone' in text
    assert 'least relaxation: demand["London"] by -0.3, or pmax[1] by +0.3' in text


def test_json_holds_the_same_as_data(explain):
    code, text = explain(GRID, TOWNS, "--format", "json")
    record = json.loads(text)
    assert code == 3 and record["status"] == "infeasible" and record["irreducible"] is True
    rows = {(row["name"], row["side"]): row for row in record["conflict"]}
    assert set(rows) == {("balance", None), ("thermal", "upper"), ("pg", "upper")}
    assert rows["balance", None]["at"] == {"i": "London"} and rows["pg", "upper"]["at"] == {"gen": 1}
    assert rows["thermal", "upper"]["alone"] == {"enough": False, "by": None}
    assert [change["param"] for change in record["params"]] == ['demand["London"]', "pmax[1]"]
    assert record["diagnostics"][0]["code"] == "R0701"


def test_a_feasible_model_and_one_that_is_unbounded(explain):
    text = "dim n\nparam c[n], top\nvar x[n] in nonneg, y in box(0, top)\nmaximize c @ x + y\n"
    code, said = explain(text, {"c": {"a": -1, "b": 0}, "top": 3})
    assert code == 0 and "there is a solution" in said
    code, said = explain(text, {"c": {"a": -1, "b": 2}, "top": 3})
    assert code == 3
    assert "error[R0702]: unbounded: the objective grows without end" in said
    assert "grows by 2 for each step along the ray" in said and 'the ray: x["b"] by +1' in said
    assert 'one such bound would stop it: x["b"] <= …' in said


def test_atoms_count_as_one_condition_and_infinite_sides_as_none(explain):
    text = (
        "dim n\nparam w0[n], tau, least, most[n]\nvar w[n]\nminimize sumsq(w)\nsubject to\n"
        "  turn: norm1(w - w0) <= tau\n  hold: w[0] >= least\n  cap: w <= most\n"
    )
    code, said = explain(text, {"w0": [0, 1], "tau": 0.5, "least": 2, "most": ["inf", "inf"]}, "--format", "sarif")
    result = json.loads(said)["runs"][0]["results"]
    assert code == 3 and [one["ruleId"] for one in result] == ["R0701"]
    assert "these 2 conditions conflict, and each of them alone does not" in result[0]["message"]["text"]
    assert "least by -1.5, or tau by +1.5" in result[0]["message"]["text"]


def test_several_conflicts_need_several_changes(explain):
    text = "dim n\nparam low[n], high[n]\nvar x[n]\nminimize 0\nsubject to\n  up: x >= low\n  down: x <= high\n"
    code, said = explain(text, {"low": {"a": 1, "b": 1}, "high": {"a": 0, "b": 0.5}})
    assert code == 3 and "no relaxation of one of them alone is enough" in said
    assert "least relaxation of several: " in said and 'n = "a"' in said and 'n = "b"' in said


def test_an_inner_problem_is_pointed_to_with_its_index(explain):
    text = (
        "dim n\nparam a[n]\nmodel inner(l) {\n  var x\n  minimize x^2\n  subject to\n    cap: l <= x <= 1\n}\n"
        "let y = [inner(l = a[i]).x for i in n]\n"
    )
    code, said = explain(text, {"a": [0, 2]})
    assert code == 3 and "error[R0705]" in said and "at i = 1" in said


def test_the_example_says_what_its_readme_shows(capsys):
    assert run(["explain", str(PLAN / "plan.opt"), "-d", str(PLAN / "data.json"), "--infeasible"]) == 3
    shown = (PLAN / "README.md").read_text().partition("```text\n")[2].partition("```")[0]
    said = capsys.readouterr().out.splitlines()
    assert said[2:] == shown.splitlines()[2:] and said[0] == shown.splitlines()[0]


def test_data_without_infeasible_and_a_code_with_it_are_refused(capsys):
    assert run(["explain", "E0301", "--infeasible"]) == 2
    assert run(["explain", str(PLAN / "plan.opt"), "--format", "json"]) == 2
    assert "--infeasible" in capsys.readouterr().err


# ---------------------------------------------------------------- rows in cones

BALL = """dim n
param cap
var x[n] in nonneg
minimize sum(x)
subject to
  ball: norm2(x) <= cap
  total: sum(x) >= 5
  other: x[0] <= 3
"""


def test_a_row_with_a_norm_is_relaxed_by_its_side(explain):
    """Σx ≥ 5 needs ‖x‖ ≥ 5/√3; ‖x‖ ≤ 1 allows Σx ≤ √3."""
    code, text = explain(BALL, {"cap": 1, "n": 3})
    assert code == 3
    assert "these 2 conditions conflict, and each of them alone does not" in text
    assert "(cap = 1): relaxed by 1.887 it is enough" in text
    assert "relaxed by 3.268 it is enough" in text
    assert "least relaxation: cap by +1.887" in text


CONES = """dim n, m
param A[m, n], r[m] in pos
var x[n], P[n, n] in psd
minimize sumsq(x)
subject to
  near: [r[i], x[0] - A[i, 0], x[1] - A[i, 1]] in soc for i in m
  small: trace(P) <= 1
  large: P - eye(n) in psd
  flat: sumsq(x) <= 100
"""


def test_stated_cones_conflict_one_by_one(explain):
    """Discs of radius 1 and 1.5 whose centres are 4 apart; beside them a matrix P ⪰ I with the trace 2 > 1."""
    code, text = explain(CONES, {"A": [[0, 0], [4, 0], [1, 1]], "r": [1, 1.5, 5]}, "--format", "json")
    record = json.loads(text)
    assert code == 3 and record["irreducible"] is True
    names = {(row["name"], row["at"].get("i")) for row in record["conflict"]}
    assert names in ({("near", 0), ("near", 1)}, {("small", None), ("large", None)})
    assert all(row["alone"]["enough"] is False for row in record["conflict"])
    amounts = {(row["name"], row["at"].get("i")): row["by"] for row in record["together"]}
    assert sum(by for (name, _), by in amounts.items() if name == "near") == pytest.approx(1.5, rel=1e-6)
    # trace(P) <= 1 + a and P + bI ⪰ I have a common point where 2 - 2b <= 1 + a
    assert amounts.get(("small", None), 0) + 2 * amounts.get(("large", None), 0) == pytest.approx(1, rel=1e-6)


def test_a_quadratic_row_is_named_without_an_amount(explain):
    text = "param cap\nvar x\nminimize x\nsubject to\n  q: x^2 <= cap\n  low: x >= 3\n"
    code, told = explain(text, {"cap": 4}, "--format", "json")
    rows = {row["name"]: row for row in json.loads(told)["conflict"]}
    assert code == 3 and set(rows) == {"q", "low"}
    assert rows["low"]["alone"] == {"enough": True, "by": pytest.approx(1, rel=1e-6)}
    assert rows["q"]["alone"] == {"enough": None, "by": None}
