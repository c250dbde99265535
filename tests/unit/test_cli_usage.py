"""Usage of the command line: verbs, options, exit codes, and what is not available yet. Nothing is solved here."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from karush.cli import app
from karush.cli.app import VERBS, run

ROOT = Path(__file__).parents[2]
QP = """dim n
param c[n], at in index(n) = 0
var x[n] in nonneg
minimize dist: sumsq(x - c)
subject to
  cap: x <= 1
"""


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "m.opt"
    path.write_text(QP)
    return str(path)


@pytest.fixture
def data(tmp_path):
    path = tmp_path / "d.json"
    path.write_text('{"c": [1, 2]}')
    return str(path)


def refused(capsys, *arguments):
    """The message of a call that ends with exit code 2 and nothing on stdout."""
    assert run(list(map(str, arguments))) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err


def test_help_lists_every_verb(capsys):
    assert run(["--help"]) == 0
    said = capsys.readouterr().out
    assert all(verb in said for verb in VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(capsys, verb):
    assert run([verb, "--help"]) == 0
    assert "Usage" in capsys.readouterr().out


def test_an_unknown_verb_is_met_with_the_list(capsys):
    assert "check, run, grad" in refused(capsys, "solve")


LATER = [
    ("run", "--solver", "proximal_gradient"),
    ("grad", "--solver", "block_coordinate"),
    ("run", "--device", "cpu"),
    ("run", "--batch", "n"),
    ("run", "--allow", "nonconvex"),
    ("grad", "--linear", "cg"),
    ("grad", "--optimality", "kkt"),
    ("grad", "--certify"),
    ("compile", "--emit", "hlo"),
    ("compile", "--emit", "ir"),
    ("compile", "--batch", "8"),
    ("show", "--optimality", "kkt"),
    ("explain", "-d", "d.json"),
]


@pytest.mark.parametrize("arguments", LATER, ids=" ".join)
def test_what_has_not_come_is_refused_by_name(capsys, model, arguments):
    verb, flag, *rest = arguments
    said = refused(capsys, verb, model, flag, *rest)
    assert "not available yet" in said
    assert flag in " ".join(said.split())


@pytest.mark.parametrize(
    ("arguments", "listed"),
    [
        (("grad", "M", "--mode", "sideways"), "'jvp', 'vjp'"),
        (("check", "M", "--format", "xml"), "'concise', 'json'"),
        (("check", "M", "--require", "nice"), "'convex'"),
        (("compile", "M", "--emit", "cuda"), "'stablehlo'"),
        (("compile", "M", "--platform", "abacus"), "'cpu'"),
        (("compile", "M", "--sizes", "n"), "NAME=NUMBER"),
        (("run", "M", "--dtype", "f16"), "'f64'"),
        (("run", "M", "--set", "speed=1"), "tol, max_iter, active"),
        (("run", "M", "--set", "tol=fast"), "a number"),
        (("run", "M", "--set", "tol=-1"), "positive"),
        (("run", "M", "--speed"), "--timeout"),
        (("run", "M", "-p", "gamma"), "NAME=VALUE"),
        (("run", "M", "-d", "nothing.json"), "no such file"),
        (("run", "M", "-d", "D", "-o", "out.txt"), ".csv"),
        (("run", "M", "-d", "D", "-o", "no/out.json"), "no such folder"),
        (("run", "M", "--json", "--table"), "exclude"),
        (("run", "M", "--timeout", "0"), "0"),
        (("run", "nothing.opt"), "no such file"),
        (("check", "nothing.opt"), "no such file"),
        (("check",), "FILES"),
        (("grad", "M", "-d", "D", "--of", "y"), "x"),
        (("grad", "M", "-d", "D", "--wrt", "b"), "c"),
        (("explain", "E9999"), "E0301"),
        (("explain", "nothing"), "E0301"),
        (("show", "M", "--json", "--kkt"), "--interface"),
        (("show", "M", "-d", "D", "--kkt"), "--solver"),
        (("run", "M", "-d", "D", "--solver", "magic"), "auto, ipm, active_set"),
        (("grad", "M", "-d", "D", "--solver", "pdgh"), "did you mean pdhg?"),
        (("exec", "nothing.karush"), "no such file"),
    ],
)
def test_wrong_usage_ends_with_two_and_the_choices(capsys, model, data, arguments, listed):
    given = [{"M": model, "D": data}.get(word, word) for word in arguments]
    assert listed in refused(capsys, *given)


def test_an_integer_param_has_no_derivative(capsys, model, data):
    assert run(["grad", model, "-d", data, "--of", "x", "--wrt", "at"]) == 1
    assert "E0704" in capsys.readouterr().err


ROUGH = """param p, q in pos
let a = relu(p) + max(q, -1)
let b = a / q
let c = floor(p) * b
let d = if p > 0 then sqrt(p) else 0
"""


def test_check_says_how_far_functions_can_be_differentiated(capsys, tmp_path):
    path = tmp_path / "rough.opt"
    path.write_text(ROUGH)
    assert run(["check", str(path)]) == 0
    assert capsys.readouterr().out.endswith("ok, FUNCTION; not path differentiable: floor at whole numbers\n")
    assert run(["check", str(path), "--format", "json"]) == 0
    (file,) = json.loads(capsys.readouterr().out)["files"]
    words = {told["name"]: told["verdict"] for told in file["verdicts"]}
    assert words == {
        "a": "conservative", "b": "conservative", "c": "not path differentiable", "d": "not locally Lipschitz",
    }  # fmt: skip
    first, second, *_ = file["verdicts"]
    assert second["through"] == ["a"] and not second["places"]
    (place,) = first["places"]
    assert (place["line"], place["column"], place["function"], place["at"]) == (2, 9, "relu", "0")
    assert run(["check", str(path), "--format", "sarif"]) == 0
    (log,) = json.loads(capsys.readouterr().out)["runs"]
    assert list(log["properties"]["verdicts"].values()) == [file["verdicts"]]


def test_explain_says_where_functions_are_rough_and_what_is_guarded(capsys, tmp_path):
    path = tmp_path / "rough.opt"
    path.write_text(ROUGH)
    assert run(["explain", str(path)]) == 0
    said = capsys.readouterr().out
    assert "  a: conservative\n    line 2: `relu(p)`: a kink of relu at 0, slope there: 0 (least norm); instead" in said
    assert "  b: conservative, by `a`\n  c: not path differentiable\n    line 4: `floor(p)`: a jump of floor" in said
    assert "line 5: `sqrt(p)` in a branch of `p > 0`: guarded" in said


def test_a_stated_element_is_told(capsys, tmp_path):
    path = tmp_path / "rough.opt"
    path.write_text("param p\nlet a = relu(p)\nderivative rule(relu = 0.5)\n")
    assert run(["explain", str(path)]) == 0
    assert "slope there: 0.5 (as the file states)" in capsys.readouterr().out


def test_check_says_what_a_model_is(capsys, model):
    assert run(["check", model]) == 0
    assert capsys.readouterr().out == f"{model}: ok, QP, convex; functions smooth\n"


def test_check_finds_errors_in_every_format(capsys, tmp_path):
    bad = tmp_path / "bad.opt"
    bad.write_text("var x\nminimize y + z\n")
    assert run(["check", str(bad)]) == 1
    assert "^" in capsys.readouterr().out
    assert run(["check", str(bad), "--format", "concise"]) == 1
    assert capsys.readouterr().out.startswith(f"{bad}:2:10: error[E0201]")
    assert run(["check", str(bad), "--format", "json"]) == 1
    record = json.loads(capsys.readouterr().out)
    assert {d["code"] for d in record["diagnostics"]} == {"E0201"}
    assert [f["ok"] for f in record["files"]] == [False]


def test_check_takes_several_files_and_fails_if_one_does(capsys, model, tmp_path):
    bad = tmp_path / "bad.opt"
    bad.write_text("var x\nminimize y\n")
    assert run(["check", model, str(bad)]) == 1
    assert f"{model}: ok" in capsys.readouterr().out


def test_check_looks_at_data_when_asked(capsys, model, data, tmp_path):
    assert run(["check", model, "-d", data]) == 0
    wrong = tmp_path / "wrong.json"
    wrong.write_text('{"c": [1, NaN]}')
    capsys.readouterr()
    assert run(["check", model, "-d", str(wrong)]) == 1
    assert "E0407" in capsys.readouterr().out


def test_check_can_require_convexity(capsys, model):
    assert run(["check", model, "--require", "convex"]) == 0


def test_a_model_that_cannot_be_read_is_a_finding(capsys, tmp_path):
    bad = tmp_path / "bad.opt"
    bad.write_bytes(b"var x\xff\n")
    assert run(["run", str(bad)]) == 1
    assert "E0111" in capsys.readouterr().err


def test_findings_of_run_go_to_stderr(capsys, model):
    assert run(["run", model]) == 1
    captured = capsys.readouterr()
    assert captured.out == "" and "error[E0401]" in captured.err


def test_show_prints_the_parts_asked_for(capsys, model):
    assert run(["show", model, "--kkt"]) == 0
    kkt = capsys.readouterr().out
    assert "stationarity" in kkt and "subject to" not in kkt
    assert run(["show", model]) == 0
    assert "subject to" in capsys.readouterr().out
    assert run(["show", model, "--interface", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["required"] == ["c"]


def test_show_says_which_solvers_a_model_may_have(capsys, model):
    assert run(["show", model]) == 0
    assert "solver of class QP\n  knapsack " in capsys.readouterr().out
    assert run(["show", model, "--solver"]) == 0
    assert capsys.readouterr().out.endswith("sizes are not known: with -d DATA the choice and its reason are shown\n")
    assert run(["show", model, "--solver", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["class"], record["sizes_known"], record["solver"]) == ("QP", False, None)
    assert [one["name"] for one in record["candidates"]] == ["knapsack", "active_set", "ipm", "clarabel, then osqp"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("param p\nlet y = p\n", "none: the outputs are computed directly"),
        ("var x in nonneg\nminimize x\nusing pdhg\n", "pdhg  asked for in line 3"),
        ("var x[2] in ball(1)\nminimize sum(x)\n", "clarabel, then scs  large, on the CPU"),
        ("var x in pos\nminimize x + 1 / x\nusing ipm(curvature = loglog)\n", "in the logarithms of its unknowns"),
        ("var x in box(1, 2)\nminimize (x + 1) / (x + 2)\nusing bisection\n", "at each level a problem of class LP"),
        ("var x\nminimize sin(x)\n", "none yet for this class of problems"),
        ("param a\nlet y = argmin((y - a)^2 for y in nonneg)\n", "inner problem argmin"),
    ],
    ids=["function", "using", "cone", "geometric", "bisection", "later", "inner"],
)
def test_show_says_how_each_class_is_solved(capsys, tmp_path, text, said):
    path = tmp_path / "m.opt"
    path.write_text(text)
    assert run(["show", str(path), "--solver"]) == 0
    assert said in capsys.readouterr().out
    assert run(["explain", str(path)]) == 0
    assert "\nsolver\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("newton", "`--solver newton` takes no problems of class QP"),
        ("bisection", "`--solver bisection` comes too late"),
    ],
)
def test_a_solver_that_does_not_fit_is_refused_at_the_problem(capsys, model, data, name, said):
    assert run(["run", model, "-d", data, "--solver", name]) == 1
    told = capsys.readouterr().err
    assert f"error[E0606]: {said}" in told and "4 | minimize dist" in told and "fix:" in told


def test_explain_tells_codes_and_models(capsys, model):
    assert run(["explain", "e0301"]) == 0
    assert capsys.readouterr().out.startswith("E0301: ")
    assert run(["explain", model]) == 0
    assert "convex, because" in capsys.readouterr().out


def test_compile_asks_for_sizes(capsys, model, tmp_path):
    assert run(["compile", model, "-o", str(tmp_path / "m.karush")]) == 1
    assert "E0401" in capsys.readouterr().err
    assert not (tmp_path / "m.karush").exists()


def test_a_damaged_artefact_is_a_finding(capsys, data):
    assert run(["exec", data]) == 1
    assert "E0409" in capsys.readouterr().err


def test_an_internal_error_ends_with_two_and_asks_for_a_report(capsys, monkeypatch, model):
    def fail(*_, **__):
        raise RuntimeError("a defect")

    monkeypatch.setattr(app.karush, "main", fail)
    monkeypatch.delenv("KARUSH_TRACEBACK", raising=False)
    assert run(["check", model]) == 2
    said = capsys.readouterr().err
    assert "a defect" in said and "report" in said and "Traceback" not in said


def test_interruption_has_the_code_of_a_shell(capsys, monkeypatch, model):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(app.karush, "main", interrupt)
    assert run(["check", model]) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_a_reader_that_goes_away_is_no_traceback(model):
    command = f"{sys.executable} -m karush check {' '.join([model] * 400)} | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.stdout.count("\n") == 1
    assert "Traceback" not in done.stderr and "Error" not in done.stderr


def test_stdin_may_be_the_model(model):
    done = subprocess.run(
        [sys.executable, "-m", "karush", "check", "-"],
        input=QP, capture_output=True, text=True, cwd=ROOT, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "QP, convex" in done.stdout
