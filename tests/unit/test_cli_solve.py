"""``run``, ``grad``, ``compile`` and ``exec`` end to end: records, files, exit codes. One small program each."""

import json
import os

import numpy as np
import pytest

from karush.cli import solving
from karush.cli.app import run
from karush.solvers.host.registry import HostSolver

LP = """dim food
param price[food] in pos, protein[food] in nonneg, need = 1.0, limit[food] = 10.0
var x[food] in nonneg
let cost_of = price * x
minimize price @ x
subject to
  enough: protein @ x >= need
  most:   -1 <= x <= limit
"""
FUNCTION = "dim n\nparam a[n], b = 3.0\nlet y = [b * a[i]^2 for i in n]\nlet s = sum(y)\n"
FOOD = {"price": {"bread": 2.0, "milk": 1.0}, "protein": {"milk": 1.0, "bread": 4.0}}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "diet.opt").write_text(LP)
    (tmp_path / "f.opt").write_text(FUNCTION)
    (tmp_path / "food.json").write_text(json.dumps(FOOD))
    (tmp_path / "a.csv").write_text("name,a\nu,1\nv,2\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def answer(capsys, *arguments, code=0):
    """The JSON on stdout of a call that ends with this exit code."""
    assert run(list(arguments)) == code
    return json.loads(capsys.readouterr().out)


def test_a_solved_problem_has_the_record_of_the_language(capsys, folder):
    record = answer(capsys, "run", "diet.opt", "-d", "food.json")
    assert list(record) == [
        "v", "model", "status", "objective", "values", "duals", "dims", "labels", "problem", "solver", "versions",
        "device", "dtype",
    ]  # fmt: skip
    assert (record["v"], record["model"], record["status"], record["dtype"]) == (1, "diet", "solved", "f64")
    assert np.allclose(record["objective"], 0.5)
    assert np.allclose(record["values"]["x"], [0.25, 0]) and list(record["values"]) == ["x", "cost_of"]
    assert np.allclose(record["duals"]["enough"], 0.5)
    assert list(record["duals"]) == ["enough", "most", "x"] and set(record["duals"]["most"]) == {"lower", "upper"}
    assert record["dims"] == {"food": 2} and record["labels"] == {"food": ["bread", "milk"]}
    problem = record["problem"]
    assert (problem["class"], problem["convex"], problem["variables"]) == ("LP", True, 2)
    assert set(record["solver"]) == {"name", "iterations", "residuals", "compile_s", "solve_s"}


def test_infeasible_has_a_certificate_a_conflict_and_exit_code_three(capsys, folder):
    assert run(["run", "diet.opt", "-d", "food.json", "-p", "need=100"]) == 3
    captured = capsys.readouterr()
    record = json.loads(captured.out)
    assert "error[R0701]" in captured.err and "protein @ x >= need" in captured.err
    assert record["status"] == "infeasible" and record["objective"] is None
    assert record["values"] == {"x": None, "cost_of": None}
    assert {"enough", "most"} <= set(record["conflict"])
    assert record["certificate"]["weights"]["enough"] > 0


def test_an_infinite_bound_is_no_bound(capsys, folder):
    record = answer(capsys, "run", "diet.opt", "-d", "food.json", "-p", 'limit=["inf", "inf"]', "-p", "need=100")
    assert np.allclose(record["values"]["x"], [25, 0])


def test_a_result_goes_to_a_file_by_its_ending_and_warms_the_next_run(capsys, folder):
    for name in ("out.json", "out.npz", "out.csv"):
        assert run(["run", "diet.opt", "-d", "food.json", "-o", name]) == 0
    assert capsys.readouterr().out == ""
    assert json.loads((folder / "out.json").read_text())["status"] == "solved"
    assert np.allclose(np.load("out.npz")["values.x"], [0.25, 0])
    assert "values.x,bread,0.25" in (folder / "out.csv").read_text()
    for name in ("out.json", "out.npz"):
        warmed = answer(capsys, "run", "diet.opt", "-d", "food.json", "--warm", name)
        assert np.allclose(warmed["values"]["x"], [0.25, 0])


def test_a_table_has_labels(capsys, folder):
    assert run(["run", "diet.opt", "-d", "food.json", "--table"]) == 0
    table = capsys.readouterr().out
    assert "bread" in table and "objective 0.5" in table


def test_verbose_says_the_solver_and_why_on_stderr(capsys, folder):
    assert run(["run", "diet.opt", "-d", "food.json", "-v"]) == 0
    captured = capsys.readouterr()
    assert "solver ipm: a linear program" in captured.err
    json.loads(captured.out)


def test_the_solver_of_the_command_line_wins(capsys, folder):
    (folder / "asked.opt").write_text(LP + "using pdhg(max_iter = 50)\n")
    for name, found in (("ipm", "ipm"), ("auto", "ipm"), ("pdhg", "pdhg")):
        assert answer(capsys, "run", "asked.opt", "-d", "food.json", "--solver", name)["solver"]["name"] == found
    record = answer(capsys, "grad", "asked.opt", "-d", "food.json", "--solver", "highs", "--wrt", "need")
    assert np.allclose(record["gradients"]["need"], 0.5)


def test_show_gives_the_choice_for_the_data(capsys, folder):
    assert run(["show", "diet.opt", "-d", "food.json", "--solver"]) == 0
    said = capsys.readouterr().out
    assert "  solver ipm: a linear program\n  matrices dense: 2 variables, no more than 2000\n" in said
    record = answer(capsys, "show", "diet.opt", "-d", "food.json", "--solver", "--json")
    assert record["solver"] == {"name": "ipm", "reason": "a linear program", "then": [], "fallback": None}
    assert record["matrices"]["form"] == "dense" and record["program"]["variables"] == 2
    assert run(["show", "diet.opt", "-d", "food.json"]) == 0
    assert said in capsys.readouterr().out
    assert run(["show", "diet.opt", "-p", "need=1", "--solver"]) == 1
    assert "E0401" in capsys.readouterr().err


def test_a_solver_that_is_not_installed_is_refused_at_its_line(capsys, folder, monkeypatch):
    monkeypatch.setattr(HostSolver, "is_installed", property(lambda _: False))
    (folder / "asked.opt").write_text(LP + "using highs\n")
    assert run(["run", "asked.opt", "-d", "food.json"]) == 1
    told = capsys.readouterr().err
    assert "E0606" in told and "using highs" in told and 'pip install "karush[host]"' in told


def test_a_gradient_has_the_record_of_the_language(capsys, folder):
    record = answer(capsys, "grad", "diet.opt", "-d", "food.json", "--wrt", "price,need", "--explain")
    assert list(record) == ["v", "of", "value", "status", "mode", "gradients", "derivative", "ties"]
    assert record["of"] == "objective" and np.allclose(record["value"], 0.5)
    assert np.allclose(record["gradients"]["price"], [0.25, 0])
    assert np.allclose(record["gradients"]["need"], 0.5)
    assert record["derivative"]["status"] == "unique"
    assert list(record["derivative"]) == [
        "status", "method", "residual", "condition", "error_bound", "active", "weakly_active",
    ]  # fmt: skip


def test_an_undefined_derivative_is_null_and_has_exit_code_five(capsys, folder):
    (folder / "edge.opt").write_text("param b\nvar x[2] in nonneg\nminimize sum(x)\nsubject to\n  all: sum(x) >= b\n")
    record = answer(capsys, "grad", "edge.opt", "-p", "b=3", "--of", "x", code=5)
    assert record["derivative"]["status"] == "undefined"
    assert record["gradients"] == {"b": [None, None]}


def test_a_kink_has_a_derivative_on_either_side(capsys, folder):
    (folder / "kink.opt").write_text("param p\nvar x in nonneg\nminimize (x - p)^2 / 2\n")
    arguments = ("grad", "kink.opt", "-p", "p=0", "--of", "x", "--check", "--explain")
    for side, slope in (("left", 0), ("right", 1)):
        record = answer(capsys, *arguments, "--side", side)
        assert record["gradients"] == {"p": slope} and record["side"] == side and record["mode"] == "jvp"
        assert record["derivative"]["status"] == "conservative"
        assert record["check"]["p"]["difference"] < 1e-6
    assert run([*arguments, "--side", "left", "--mode", "vjp"]) == 2
    assert "--side goes forward" in capsys.readouterr().err


def test_a_jacobian_of_a_function_in_both_modes_with_differences(capsys, folder):
    for mode in ("vjp", "jvp"):
        record = answer(capsys, "grad", "f.opt", "-d", "a=a.csv", "--of", "y", "--mode", mode, "--check")
        assert record["gradients"] == {"a": [[6.0, 0.0], [0.0, 12.0]], "b": [1.0, 4.0]}
        assert record["mode"] == mode
        assert all(entry["difference"] < 1e-6 for entry in record["check"].values())
    record = answer(capsys, "grad", "f.opt", "-d", "a=a.csv", "--of", "s")
    assert (record["mode"], record["derivative"]["method"]) == ("vjp", "chain rule")


def test_a_function_has_no_solver_and_no_objective(capsys, folder):
    record = answer(capsys, "run", "f.opt", "-d", "a=a.csv", "--dtype", "f32")
    assert record["objective"] is None and record["solver"] is None and record["duals"] == {}
    assert record["values"] == {"y": [3.0, 12.0], "s": 15.0}
    assert record["dtype"] == "f32" and record["labels"] == {"n": ["u", "v"]}


def test_an_artefact_is_compiled_and_run(capsys, folder):
    assert run(["compile", "f.opt", "--sizes", "n=2", "-o", "f.karush"]) == 0
    capsys.readouterr()
    record = answer(capsys, "exec", "f.karush", "-d", "a=a.csv")
    assert record["values"] == {"y": [3.0, 12.0], "s": 15.0}
    assert record["labels"] == {"n": ["u", "v"]}
    assert run(["exec", "f.karush", "-p", "a=[1, 2, 3]"]) == 1
    assert "E0402" in capsys.readouterr().err
    assert run(["compile", "f.opt", "--sizes", "n=2", "--emit", "jaxpr"]) == 0
    assert "lambda" in capsys.readouterr().out


def test_a_time_limit_ends_with_a_whole_record_and_exit_code_four(capsys, folder, monkeypatch):
    ended = []
    monkeypatch.setattr(os, "_exit", ended.append)
    watch = solving.Watch(0.01, lambda: (folder / "limit.json").write_text('{"status": "limit"}'))
    watch.timer.join(10)
    assert ended == [4]
    assert json.loads((folder / "limit.json").read_text()) == {"status": "limit"}


def test_a_time_limit_does_not_interrupt_what_is_being_delivered(monkeypatch):
    ended = []
    monkeypatch.setattr(os, "_exit", ended.append)
    watch = solving.Watch(0.2, lambda: None)
    watch.stop()
    watch.timer.join(0.5)
    assert ended == []


def test_nothing_is_written_when_the_data_are_wrong(capsys, folder):
    assert run(["run", "diet.opt", "-d", "food.json", "-p", "need=NaN", "-o", "out.json"]) == 1
    assert not (folder / "out.json").exists()
    assert "E0407" in capsys.readouterr().err
