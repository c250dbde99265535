"""The core of the language server, without the protocol."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from karush.cli.app import run
from karush.compiler.analyse import analyse_text
from karush.lsp.completion import complete
from karush.lsp.cursor import Wanted, cursor_at
from karush.lsp.document import Document
from karush.lsp.entities import Role
from karush.lsp.findings import repair_all
from karush.lsp.formatting import formatting
from karush.lsp.hover import hover
from karush.lsp.navigation import definition, references
from karush.lsp.outline import hints, outline
from karush.lsp.positions import Lines, Position, Units
from karush.lsp.rename import RenameError, rename, renameable

ROOT = Path(__file__).parents[2]
MODELS = sorted((ROOT / "examples").glob("*/*.opt"))

EVERYTHING = """\
## Names of every kind.
dim n, T = 3
param X[n, T], y[n] = 1.0, at[n] in index(T), price in nonneg = 2.0
atom bend(x, width in pos = 1.0) {     ## a bend
  value = if abs(x) <= width then x^2 / 2 else width * (abs(x) - width / 2)
  range nonneg
  convex in x
  nondecreasing in x for x in nonneg
  rule x = clip(x, -width, width)
  graph {
    var s, t in nonneg
    minimize s^2 / 2 + width * t
    subject to
      -t <= x - s <= t
  }
  prox(step) = x - step
}
set half(a[k], b) = {p[k] : a @ p <= b}
fn gap(u[m], v[m], scale = 1.0) {
  let apart = u - v
  return scale * apart @ apart
}
model inner(A[p, q], weight in nonneg) {
  var z[q] in nonneg
  let residual = A @ z - ones(p)
  minimize sumsq(residual) + weight * sum(z)
  subject to
    most: z <= 1
}
var w[T] in box(-1, 1), slack[n] in nonneg
let r = X @ w - y
let picked = [w[at[i]] for i in n]
minimize goal: gap(r, picked, scale = price) + sum(bend(slack[i], width = 2) for i in n)
subject to
  ## no more than this
  cap: w[t] <= slack[i] + X[i, t]  for i in n, t in T if t < i
  hit: sum(slack) == 4
let shadow = dual(hit)
"""


def doc(text: str) -> Document:
    return Document("m.opt", text)


def at(text: str) -> tuple[Document, int]:
    """A document, and the place marked by ``|``."""
    return doc(text.replace("|", "", 1)), text.index("|")


# ---------------------------------------------------------------- positions


@pytest.mark.parametrize("units", Units)
def test_positions_and_offsets_are_inverse(units: Units) -> None:
    text = "a𝐱é\r\n\n𝐲𝐳 # ü\rend\n"
    lines = Lines(text, units)
    for offset in range(len(text) + 1):
        inside_line_end = text[offset - 1 : offset + 1] == "\r\n"
        if not inside_line_end:
            assert lines.offset(lines.position(offset)) == offset


def test_columns_count_utf16_units() -> None:
    lines = Lines("𝐱 = é\nb")
    assert lines.position(1) == Position(0, 2)
    assert lines.offset(Position(0, 99)) == 5  # behind the end of a line is its end
    assert lines.offset(Position(7, 0)) == 7


def test_a_change_within_wide_characters() -> None:
    document = doc("let 𝐱 = 1\nlet b = 2\n")
    document.change(Position(0, 9), Position(0, 10), "3")
    document.change(Position(1, 4), Position(1, 5), "𝐲")
    assert document.state.source.text == "let 𝐱 = 3\nlet 𝐲 = 2\n"


# ---------------------------------------------------------------- names


def renamed(text: str, offset: int, name: str) -> str:
    spans = rename(doc(text), offset, name)
    for span in sorted(spans, key=lambda s: s.start, reverse=True):
        text = text[: span.start] + name + text[span.end :]
    return text


def outcome(text: str) -> tuple[list[str], str | None]:
    found = analyse_text(text)
    kind = found.classification.problem_class if found.classification else None
    return [f.code for f in found.diagnostics], kind


@pytest.mark.parametrize(
    "text",
    [EVERYTHING, *(path.read_text(encoding="utf-8") for path in MODELS)],
    ids=["everything", *(path.stem for path in MODELS)],
)
def test_every_name_can_be_renamed(text: str) -> None:
    before = outcome(text)
    entities = list(doc(text).state.bindings.entities())
    assert entities
    for number, entity in enumerate(entities):
        name = f"other_{number}"
        other = renamed(text, entity.span.start, name)
        assert outcome(other) == before, entity
        assert other.replace(name, entity.name) == text


def test_every_use_is_found() -> None:
    bindings = doc(EVERYTHING).state.bindings
    library = {use.span.text for use in bindings.uses if use.entity is None}
    assert library == {"abs", "box", "clip", "index", "nonneg", "ones", "pos", "sum", "sumsq", "dual"}
    assert {e.role for e in bindings.entities()} == set(Role) - {Role.IMPORT, Role.UNKNOWN}


@pytest.mark.parametrize(
    ("text", "name", "why"),
    [
        ("param a\nvar |x\nminimize x^2 * a", "a", "already the name of a param"),
        ("param a, b\nvar x\nlet s = sum(|a for i in n)", "i", "already the name of a binder"),
        ("param a\nlet z = b +\nlet y = |b\n", "c", "is not declared"),
        ("param |a\nlet z = a +\n", "c", "cannot be read"),
        ("param |a\nlet z = c +\n", "c", "cannot be read"),
        ("var x\nminimize |abs(x)", "size", "name of the library"),
        ("var x |\n", "y", "no name here"),
    ],
)
def test_renaming_that_would_change_the_model_is_refused(text: str, name: str, why: str) -> None:
    document, offset = at(text)
    with pytest.raises(RenameError, match=why):
        rename(document, offset, name)


def test_prepare_rename_gives_the_name() -> None:
    document, offset = at("param alpha\nvar x\nminimize al|pha * x^2")
    entity, span = renameable(document, offset)
    assert (entity.name, span.text) == ("alpha", "alpha")


def test_definition_of_fields_of_a_solution() -> None:
    text = "model inner(p) {\n  var z in box(0, 1)\n  minimize (z - p)^2\n  subject to\n    low: z >= p / 2\n}\n"
    document, offset = at(text + "let fit = inner(2)\nlet a = fit.z + fit.dual.l|ow\n")
    target = definition(document, offset)
    assert target is not None and target.span is not None and target.span.line == 5
    assert [s.line for s in references(document, text.index("z in"), declaration=False)] == [3, 5, 8]


# ---------------------------------------------------------------- what is typed


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("|", Wanted.STATEMENT),
        ("var x\n|", Wanted.STATEMENT),
        ("subject to\n  |", Wanted.STATEMENT),
        ("fn f(x) {\n  |", Wanted.STATEMENT),
        ("var |", Wanted.NOTHING),
        ("var x, |", Wanted.NOTHING),
        ("let |", Wanted.NOTHING),
        ("fn f(|", Wanted.NOTHING),
        ("# var x in |", Wanted.NOTHING),
        ('import "|', Wanted.NOTHING),
        ("let a = 2|", Wanted.NOTHING),
        ("var x[|", Wanted.SIZE),
        ("param y[n] in index(|", Wanted.SIZE),
        ("var x[n] in |", Wanted.SET),
        ("fn f(x in |", Wanted.SET),
        ("subject to\n  x in |", Wanted.SET),
        ("let a = sum(x[i] for i in |", Wanted.INDEX_SET),
        ("let a = sum(x[i] for i in n, j in |", Wanted.INDEX_SET),
        ("let a = sum(x[i] for i in n, |", Wanted.NOTHING),
        ("let a = argmin(x for y[n] in |", Wanted.SET),
        ("let a = sum(x[i] for i in n if |", Wanted.VALUE),
        ("let a = |", Wanted.VALUE),
        ("let a = f(\n  x,\n  |", Wanted.VALUE),
        ("minimize |", Wanted.VALUE),
        ("subject to\n  cap: |", Wanted.VALUE),
        ("let a = x |", Wanted.OPERATOR),
        ("let a = dual(|", Wanted.LABEL),
        ("let a = x.|", Wanted.FIELD),
        ("find |", Wanted.UNKNOWN),
        ("using |", Wanted.SOLVER),
        ("using ipm(|", Wanted.SOLVER_OPTION),
        ("using ipm(tol = 1, |", Wanted.SOLVER_OPTION),
        ("derivative |", Wanted.METHOD),
        ("derivative implicit(|", Wanted.METHOD_OPTION),
        ("derivative rule(|", Wanted.TIED_ATOM),
        ("import |", Wanted.MODULE),
    ],
)
def test_what_is_wanted_at_a_place(text: str, wanted: Wanted) -> None:
    assert cursor_at(text.replace("|", ""), text.index("|")).wanted is wanted


def completed(text: str) -> dict[str, str | None]:
    document, offset = at(text)
    return {item.name: item.text for item in complete(document, offset)}


def test_completion_by_place() -> None:
    start = "dim n\nparam a[n]\nvar x[n] in nonneg\nset mine = {z[n] : sum(z) <= 1}\n"
    assert {"subject to", "let", "using"} <= completed(start + "|").keys()
    assert {"nonneg", "simplex", "mine"} <= completed(start + "param b[n] in |").keys()
    assert "huber" not in completed(start + "param b[n] in |")
    assert set(completed(start + "let s = sum(x[i] for i in |")) == {"n", "range"}
    assert {"a", "x", "n", "i", "huber", "if"} <= completed(start + "let s = sum(x[|i] for i in n)").keys()
    assert set(completed(start + "let s = dual(|")) == {"x"}
    assert completed(start + "using ipm(|")["tol"] == "tol = "
    assert set(completed(start + "fn f(u) {\n  |")) == {"let", "return"}
    assert "convex" in completed(start + "atom f(u) {\n  |")


def test_completion_of_a_call_and_its_fields() -> None:
    text = "model inner(p, q) {\n  var z in nonneg\n  let d = z - p\n  minimize q * d^2\n}\n"
    assert completed(text + "let s = inner(|")["q"] == "q = "
    assert set(completed(text + "let s = inner(1, 2)\nlet k = s.|")) == {"z", "d", "objective", "status", "dual"}
    assert set(completed(text + "let s = inner(1, 2)\nlet k = s.dual.|")) == {"z"}


# ---------------------------------------------------------------- what is shown

RIDGE = "dim n\nparam a[n]  ## targets\nvar x[n] in nonneg\nlet e = sumsq(x - a)\nminimize e\n"


def test_what_is_known_stays_while_a_line_is_broken() -> None:
    document = doc(RIDGE)
    (first, _) = hints(document, 0, len(RIDGE))
    assert first.text == ": scalar, convex, >= 0"
    document.edit(RIDGE + "let z = x +\n")
    assert document.analysis.failed
    assert [hint.text for hint in hints(document, 0, len(RIDGE))] == [first.text]
    found = hover(document, RIDGE.index("x[n]"))
    assert found is not None and "[n]" in found[0] and ">= 0" in found[0]


def test_the_objective_without_a_label_has_a_hint() -> None:
    last = list(hints(doc(RIDGE), 0, len(RIDGE)))[-1]
    assert (last.text, last.offset) == (": convex", RIDGE.index("minimize") + len("minimize"))


def test_hover_of_an_operator_tells_of_its_expression() -> None:
    document, offset = at(RIDGE.replace("x - a", "x |- a"))
    found = hover(document, offset)
    assert found is not None and found[1].text == "x - a"
    assert "affine" in found[0] and "[n]" in found[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("var x\nmini|mize x^2", "The objective"),
        ("var x\nminimize x^2\nsub|ject to\n  x >= 1", "constraints"),
        ("var x\nminimize hub|er(x)", "convex in x"),
        ("var x in bo|x(0, 1)\nminimize x^2", "a <= x"),
        ("dim n\nlet a = ey|e(n)", "identity"),
        ("param p\nlet a|b = relu(p)", "derivative: conservative\n- line 2: `relu(p)`: a kink of relu at 0"),
        ("param p\nlet ab = relu(p)\nlet c = a|b + 1", "derivative: conservative"),
        ("param p\nlet a|b = p / (p^2 + 1)", "derivative: smooth"),
        ("fn f(x) = x^2 ## a square\nlet a = |f(2)", "a square"),
    ],
)
def test_hover_of_words_and_names(text: str, words: str) -> None:
    document, offset = at(text)
    found = hover(document, offset)
    assert found is not None and words in found[0]


def test_hover_within_a_model_block_knows_its_sizes_and_signs() -> None:
    document, offset = at(EVERYTHING.replace("let residual", "let res|idual"))
    assert not document.analysis.failed
    found = hover(document, offset)
    assert found is not None and "shape: [p]" in found[0] and "curvature: affine" in found[0]


def test_hover_of_a_comment_is_silent() -> None:
    document, offset = at("var x # the mini|mize\nminimize x^2")
    assert hover(document, offset) is None


def test_outline_of_blocks() -> None:
    found = {symbol.name: symbol for symbol in outline(doc(EVERYTHING))}
    assert [symbol.name for symbol in found["inner"].inner] == ["A", "weight", "z", "residual", "most"]
    assert "i" not in found and "x" not in found


def test_all_fixes_at_once() -> None:
    document = doc("var x\nminimize x**2\nsubject to\n  a: x = 1\n  b: x > 0\n")
    repair = repair_all(document)
    assert repair is not None
    text = document.state.source.text
    for span, new in sorted(repair.edits, key=lambda e: e[0].start, reverse=True):
        text = text[: span.start] + new + text[span.end :]
    assert not analyse_text(text).failed


def test_formatting_changes_only_lines_that_change() -> None:
    document = doc("dim n\nvar   x[n]\nminimize sumsq(x)\n")
    (edit,) = formatting(document)
    assert (edit.start, edit.end, edit.text) == (1, 2, "var x[n]\n")


# ---------------------------------------------------------------- the verb


def test_without_pygls_the_verb_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert run(["lsp"]) == 2
    assert "pip install 'karush[lsp]'" in capsys.readouterr().err


def test_the_server_needs_neither_jax_nor_numpy() -> None:
    code = (
        "import sys; from karush.lsp import server; from karush.lsp.document import Document\n"
        "assert not Document('m.opt', 'var x\\nminimize x^2\\n').analysis.failed\n"
        "sys.exit(', '.join({'jax', 'numpy'} & sys.modules.keys()) or 0)"
    )
    outcome = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, cwd=ROOT)
    assert outcome.returncode == 0, outcome.stderr
