"""The notebook: the cell magic in a real IPython shell, and how models and solutions are shown there."""

from html.parser import HTMLParser

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

import karush
from karush.display import MOST_COLUMNS, MOST_ROWS, Shown, escape_latex, number, solution_html, solution_latex
from karush.notebook import CellError

LP = "dim n\nparam c[n]  ## <b>costs</b> of $1\nvar x[n] in simplex\nminimize c @ x\nsubject to\n  most: x <= 0.75\n"


@pytest.fixture(scope="module")
def shell():
    made = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))
    made.run_line_magic("load_ext", "karush")
    return made


class Cells(HTMLParser):
    """Tags, and texts by tag."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.texts, self.open = set(), {}, []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.open.append(tag)

    def handle_endtag(self, tag):
        self.open.pop()

    def handle_data(self, data):
        self.texts.setdefault(self.open[-1] if self.open else "", []).append(data)


def test_a_cell_defines_a_model(shell):
    assert shell.run_cell(f"%%karush cheapest\n{LP}").success
    sol = shell.run_cell("cheapest(c=[3.0, 1.0])").result
    assert np.allclose(sol.x, [0.25, 0.75])
    assert shell.user_ns["cheapest"].model.name == "cheapest"


def test_an_error_is_a_diagnostic_in_colour_and_defines_nothing(shell, monkeypatch, capsys):
    monkeypatch.delenv("NO_COLOR", raising=False)
    done = shell.run_cell("%%karush wrong\nparam c[m]\nvar x\nminimize c * x\n")
    said = capsys.readouterr()
    assert isinstance(done.error_in_exec, CellError) and "wrong" not in shell.user_ns
    assert "\x1b[1;31merror[E0201]" in said.out + said.err and "Traceback" not in said.out + said.err


def test_no_color_is_honoured(shell, monkeypatch, capsys):
    monkeypatch.setenv("NO_COLOR", "1")
    shell.run_cell("%%karush wrong\nparam c[m]\n")
    said = capsys.readouterr()
    assert "error[E0201]: unknown name `m`" in said.out + said.err


def test_a_warning_is_shown_and_the_model_is_defined(shell, capsys):
    assert shell.run_cell("%%karush hides\nparam abs\nlet y = abs\n").success
    assert "W0203" in capsys.readouterr().err and "hides" in shell.user_ns


@pytest.mark.parametrize("name", ["", "3d", "class", "a b", "x; import os"])
def test_a_name_that_cannot_be_one_is_refused(shell, name):
    done = shell.run_cell(f"%%karush {name}\n{LP}")
    assert isinstance(done.error_in_exec, CellError)
    assert "takes the name of the model" in str(done.error_in_exec)


def test_a_model_is_shown_as_its_page():
    shown = Cells(karush.loads(LP, "cheap<i>est")._repr_html_())
    assert shown.tags <= {"div", "h3", "h4", "p", "table", "thead", "tbody", "tr", "th", "td", "code", "pre"}
    assert "cheap<i>est" in shown.texts["h3"] and "<b>costs</b> of $1" in shown.texts["td"]
    assert "Optimality conditions" in shown.texts["h4"]


def test_a_model_is_shown_in_latex():
    model = karush.loads(LP, "cheapest")
    assert model._repr_latex_().startswith("\\begin{align*}") and r"x \in \Delta^{n}" in model._repr_latex_()
    assert model.show("latex") == model._repr_latex_()


def test_a_solution_is_shown_with_values_and_duals():
    sol = karush.loads(LP, "cheapest")(c=jnp.array([3.0, 1.0]))
    shown = Cells(sol._repr_html_())
    assert shown.texts["b"] == ["cheapest"] and shown.texts["p"][0] == ": solved, objective 1.5"
    assert shown.texts["th"] == ["x", "most", "x"] and shown.texts["td"][:4] == ["0.25", "0.75", "0", "2"]
    lines = sol._repr_latex_().splitlines()
    assert lines[3] == r"\text{objective} &= 1.5 \\"
    assert lines[4] == r"\text{x} &= \begin{pmatrix} 0.25 & 0.75 \end{pmatrix} \\"
    assert lines[5] == r"\text{dual most} &= \begin{pmatrix} 0 & 2 \end{pmatrix} \\"


def test_a_traced_solution_is_shown_by_its_shapes():
    model, seen = karush.loads(LP, "cheapest"), []

    def traced(c):
        sol = model(c=c)
        seen.extend([sol._repr_html_(), sol._repr_latex_()])
        return sol.objective

    jax.eval_shape(traced, jnp.array([3.0, 1.0]))
    assert "float64[2]" in seen[0] and "float64[2]" in seen[1]


def test_large_arrays_are_shown_in_part():
    matrix = np.arange(40.0 * 30).reshape(40, 30)
    page = Cells(solution_html(Shown("m", "solved", None, {"values": {"A": matrix, "B": np.zeros((2, 3, 4))}})))
    assert len(page.texts["td"]) == (MOST_ROWS - 1) * MOST_COLUMNS + 2
    assert "1199" in page.texts["td"] and "array 2×3×4, 0 … 0" in page.texts["td"]
    assert solution_latex(Shown("m", "solved", None, {"values": {"A": matrix}})).count(r"\vdots") == 1


def test_numbers_and_texts_are_set_as_they_are():
    shown = solution_latex(Shown("a_b{$", "solved", np.array(1.5e-9), {"values": {"t": np.array(np.nan)}}))
    assert r"\text{a\_b\{\$: solved}" in shown
    assert r"1.5 \cdot 10^{-9}" in shown and r"\text{nan}" in shown
    assert number(np.True_) == "true" and escape_latex("\\x\u202e") == r"\textbackslash x"
