"""The tree of curvatures, and why a problem is not convex."""

from pathlib import Path

import pytest

from karush.cli.app import run
from karush.compiler.analyse import analyse_text
from karush.compiler.show.curvature import MOST_LINES, show_curvature, why_not_convex

MODELS = sorted((Path(__file__).parents[1] / "models").glob("*.opt"))
PORTFOLIO = """dim n
param mu[n], Sigma[n, n] in psd, gamma in pos = 1.0
var w[n] in simplex
let ret = mu @ w
let risk = w @ Sigma @ w
maximize ret SIGN gamma / 2 * risk
subject to
  cap: w <= 0.5
"""


def trees(text: str) -> tuple[str, str]:
    analysis = analyse_text(text)
    assert analysis.model is not None and analysis.facts is not None
    return show_curvature(analysis.model, analysis.facts), why_not_convex(analysis.model, analysis.facts)


def test_a_convex_problem_is_shown_with_its_reasons_and_nothing_to_blame() -> None:
    whole, why = trees(PORTFOLIO.replace("SIGN", "-"))
    assert why == ""
    assert whole.startswith("maximize  (line 6): a term that is maximized must be concave: holds\n")
    assert "w @ Sigma @ w is convex, for Sigma in psd (line 2)" in whole
    assert "cap:  (line 8): the smaller side of `<=` must be convex: holds" in whole
    assert "is broken" not in whole
    assert "←" not in whole


def test_the_part_to_blame_carries_the_rule_that_it_breaks() -> None:
    _, why = trees(PORTFOLIO.replace("SIGN", "+"))
    assert why == (
        "maximize  (line 6): a term that is maximized must be concave: is broken\n"
        "  ret + gamma / 2 * risk  convex\n"
        "    ret  (line 4)         affine\n"
        "    gamma / 2 * risk      convex, >= 0   ← a term that is maximized must be concave; "
        "gamma / 2 >= 0, for gamma in pos (line 2)\n"
        "      gamma / 2           constant, > 0\n"
        "      risk  (line 5)      convex, >= 0\n"
        "        w @ Sigma @ w     convex, >= 0   w @ Sigma @ w is convex, for Sigma in psd (line 2)\n"
        "          w @ Sigma       affine\n"
        "          w               affine, >= 0\n"
    )


@pytest.mark.parametrize(
    ("body", "blamed", "reason"),
    [
        ("minimize log(x^2 + 1)", "log(x^2 + 1)", "`x^2 + 1` is convex, and `log` is concave and nondecreasing"),
        ("minimize x * y", "x * y", "multiplies two parts that both depend on unknowns"),
        ("minimize x / y", "x / y", "divides by `y`, which depends on unknowns"),
        ("minimize c * x^2", "c * x^2", "the sign of `c` is not known"),
        ("minimize x\nsubject to\n  a: x^2 == 1", "x^2", "both sides of `==` must be affine"),
        ("minimize x\nsubject to\n  a: 1 <= x^2", "x^2", "the greater side of `<=` must be concave"),
        (
            "minimize x\nsubject to\n  a: x^2 in nonpos\n  b: x^2 in nonneg",
            "x^2",
            "what lies in `nonneg` must be concave",
        ),
    ],
)
def test_every_kind_of_breach_is_named(body: str, blamed: str, reason: str) -> None:
    _, why = trees(f"param c\nvar x, y in nonneg\n{body}\n")
    (line,) = [line for line in why.splitlines() if "←" in line]
    assert line.strip().startswith(f"{blamed}  ")
    assert reason in line


def test_what_is_shared_is_shown_once() -> None:
    whole, _ = trees("var x\nlet s = x^2 + exp(x)\nminimize s + 2 * s\n")
    assert len([line for line in whole.splitlines() if line.strip().startswith("exp(x)")]) == 1
    assert "(above)" in whole


def test_a_very_large_tree_is_cut() -> None:
    terms = " + ".join(f"x^2 * {n}" for n in range(2, 2 + MOST_LINES))
    whole, _ = trees(f"var x\nminimize {terms}\n")
    assert len(whole.splitlines()) == MOST_LINES + 1
    assert whole.endswith(" more lines\n")


@pytest.mark.parametrize("path", MODELS, ids=lambda p: p.stem)
def test_the_shared_models_have_trees(path: Path, capsys) -> None:
    code = run(["show", str(path), "--curvature"])
    shown = capsys.readouterr().out
    assert (code == 0) == bool(shown)
    assert code == (path.stem == "every_statement")


def test_explain_says_class_convexity_kinks_and_derivatives(tmp_path, capsys) -> None:
    path = tmp_path / "m.opt"
    path.write_text("param p\nvar x\nminimize (x - p)^2 + abs(x)\n")
    assert run(["explain", str(path)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("m: QP\nconvex, because\n")
    assert "line 3: `abs(x)`: a kink of abs at 0, slope there: 0 (least norm)" in said
    assert "derivatives\n  objective: unique" in said


def test_explain_of_a_nonconvex_problem_says_why(tmp_path, capsys) -> None:
    path = tmp_path / "m.opt"
    path.write_text(PORTFOLIO.replace("SIGN", "+"))
    assert run(["explain", str(path)]) == 0
    said = capsys.readouterr().out
    assert "not convex, as written, because\n  maximize  (line 6)" in said
    assert "← a term that is maximized must be concave" in said
