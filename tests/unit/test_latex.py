"""Problems in LaTeX."""

import re
from pathlib import Path

import pytest

from karush.cli.app import run
from karush.compiler.analyse import analyse_text
from karush.compiler.show.latex import escaped, latex_name, show_latex

ROOT = Path(__file__).parents[2]
MODELS = [
    path
    for path in sorted((ROOT / "tests" / "models").glob("*.opt")) + sorted((ROOT / "examples").glob("*/*.opt"))
    if path.stem != "every_statement"
]
COMMAND = re.compile(r"\\(?:[a-zA-Z]+|.)")


def latex(text: str) -> str:
    model = analyse_text(text).model
    assert model is not None
    return show_latex(model)


def row(text: str, sign: str = "=") -> str:
    """The first row that holds a sign, without its alignment."""
    found = next(line for line in latex(text).splitlines() if sign in line)
    return found.partition("& ")[2].removesuffix(r" \\").partition(" && ")[0]


@pytest.mark.parametrize("path", MODELS, ids=lambda p: p.stem)
def test_every_model_gives_balanced_latex(path: Path) -> None:
    text = latex(path.read_text(encoding="utf-8"))
    assert text.startswith("\\begin{align*}\n")
    assert text.endswith("\\end{align*}\n")
    depth = 0
    for character in COMMAND.sub("", text):
        depth += (character == "{") - (character == "}")
        assert depth >= 0
    assert depth == 0
    for opening, closing in (
        (r"\lVert", r"\rVert"),
        (r"\lvert", r"\rvert"),
        (r"\begin", r"\end"),
        (r"\bigl", r"\bigr"),
    ):
        assert text.count(opening) == text.count(closing)
    assert not re.search(r"[‖ᵀ−≤≥∈Σℝ·∘]", text)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("A @ x + b", "A x + b"),
        ("x @ A @ x", r"x^{\top} A x"),
        ("quad(x, A)", r"x^{\top} A x"),
        ("A.T", r"{A}^{\top}"),
        ("sumsq(x) / 2", r"\frac{\lVert x \rVert_2^2}{2}"),
        ("-(x + b) * c", r"(-(x + b)) \, c"),
        ("x * b", r"x \circ b"),
        ("2 * lam", r"2 \, \lambda"),
        ("c^2", "{c}^{2}"),
        ("(c + 1)^lam", r"{(c + 1)}^{\lambda}"),
        ("x[0] + x0", r"x_{0} + \mathit{x0}"),
        ("sum(x[i] for i in n if i > 0)", r"\sum_{i \in n \,:\, i > 0} x_{i}"),
        ("x[0:2]", r"x_{0:2}"),
        ("exp(c) + huber(c)", r"\exp(c) + \operatorname{huber}(c, 1)"),
        ("if c > 0 then c else 0", r"\begin{cases} c & \text{if } c > 0 \\ 0 & \text{else} \end{cases}"),
        ("0.000000001 * c", r"10^{-9} \, c"),
    ],
)
def test_expressions(value: str, expected: str) -> None:
    text = f"dim n\nparam A[n, n], x[n], b[n], c, x0, lam\nlet r = {value}\n"
    assert row(text, "r = ") == f"r = {expected}"


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ("x in nonneg", r"x \in \mathbb{R}_{+}"),
        ("x[n, n + 1]", r"x \in \mathbb{R}^{n \times (n + 1)}"),
        ("x[n] in simplex", r"x \in \Delta^{n}"),
        ("x[n] in box(-1, 2)", r"x \in [-1, 2]^{n}"),
        ("x[n] in ball(2)", r"x \in \operatorname{ball}(2) \subset \mathbb{R}^{n}"),
        ("x[n, n] in psd", r"x \in \mathbb{S}_{+}^{n \times n}"),
    ],
)
def test_sets(declared: str, expected: str) -> None:
    assert row(f"dim n\nparam c\nvar {declared}\nminimize 0\n", "x \\in") == expected


def test_the_parts_of_a_problem() -> None:
    text = (
        "dim n, T = 3\nparam u\nvar x[T + 1, n]\nlet e = sumsq(x)\nminimize e\nsubject to\n"
        "  step_1: x[t] <= u for t in range(1, T)\n"
    )
    assert latex(text).splitlines() == [
        r"\begin{align*}",
        r"  \underset{x}{\text{minimize}} \quad & e \\",
        r"  \text{subject to} \quad & x_{t} \le u \quad \forall\, t \in \{1, \dots, T - 1\} && \text{(step\_1)} \\",
        r"  & x \in \mathbb{R}^{(T + 1) \times n} \\",
        r"  \text{where} \quad & e = \lVert x \rVert_2^2 \\",
        r"  \text{given} \quad & u \in \mathbb{R} \\",
        r"\end{align*}",
    ]


def test_what_a_file_says_cannot_leave_its_place() -> None:
    assert escaped("a_b {x} \\input $%&#^~") == (
        r"a\_b \{x\} \textbackslash{}input \$\%\&\#\textasciicircum{}\textasciitilde{}"
    )
    assert latex_name("a_b") == r"\mathit{a\_b}"


def test_show_latex_prints_it(tmp_path, capsys) -> None:
    path = tmp_path / "m.opt"
    path.write_text("param p\nvar x\nminimize (x - p)^2\n")
    assert run(["show", str(path), "--latex"]) == 0
    assert r"\text{minimize}} \quad & {(x - p)}^{2}" in capsys.readouterr().out
