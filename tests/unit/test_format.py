"""The formatter: one style, the same model, every comment."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from karush.dsl import ast, grammar
from karush.dsl.diagnostics import Diagnostic
from karush.dsl.format import format_source
from karush.dsl.layout import Chunk, split
from karush.dsl.parse import parse
from karush.dsl.source import Source, Span
from karush.dsl.tokens import lex
from karush.dsl.unparse import unparse_expr

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*/*.opt"))
MODELS = [*sorted((ROOT / "tests" / "models").glob("*.opt")), *EXAMPLES, *sorted((ROOT / "stdlib").glob("*/*.opt"))]
TEXTS = {f"{path.parent.name}/{path.name}": path.read_text(encoding="utf-8") for path in MODELS}


def formatted(text: str) -> str:
    found = format_source(Source("model.opt", text))
    assert isinstance(found, str), found
    return found


def module(text: str) -> ast.Module:
    found, findings = parse(Source("model.opt", text))
    assert not findings, findings
    return found


def comments(text: str) -> list[str]:
    tokens = grammar.load().lex(text, dont_ignore=True)
    return [token.rstrip() for token in tokens if token.type == "COMMENT"]


def documentation(node: Any) -> Iterator[Any]:
    """Every ``doc`` of a tree, in order."""
    if isinstance(node, tuple):
        for item in node:
            yield from documentation(item)
    elif is_dataclass(node) and not isinstance(node, Source | Span):
        if hasattr(node, "doc"):
            yield node.doc
        for field in fields(node):
            yield from documentation(getattr(node, field.name))


def check(text: str, *, documented: bool = True) -> str:
    """Formatting keeps the model, its documentation and its comments, and changes nothing the second time."""
    once = formatted(text)
    assert formatted(once) == once
    assert module(once) == module(text)
    assert comments(once) == comments(text)
    if documented:
        assert list(documentation(module(once))) == list(documentation(module(text)))
    return once


# ---------------------------------------------------------------- files


@pytest.mark.parametrize("name", TEXTS)
def test_a_model_keeps_its_meaning_its_documentation_and_its_comments(name: str) -> None:
    check(TEXTS[name])


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_the_examples_are_formatted(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert formatted(text) == text


# ---------------------------------------------------------------- random layouts

INDENT = " " * 200  # further right than any statement begins
GAPS = (" ", f"\n{INDENT}", f" # aside {{n}}\n{INDENT}", f"\n\n  # alone {{n}}\n{INDENT}", f" ## told {{n}}\n{INDENT}")
BETWEEN = ("\n", "\n\n\n", "\n# above {n}\n", "\n\n# above {n}\n\n# and {n}\n")


def chunks_of(text: str) -> list[Chunk]:
    source = Source("model.opt", text)
    return split(source, lex(source, grammar.load())).chunks


def statements(chunks: list[Chunk]) -> Iterator[Chunk]:
    for chunk in chunks:
        yield chunk
        yield from statements(chunk.body or [])


@st.composite
def rearranged(draw: st.DrawFn) -> str:
    """A model whose tokens stand elsewhere, with comments between them."""
    text = draw(st.sampled_from([text for text in TEXTS.values() if len(text) < 4000]))
    firsts, inner = set(), set()
    for chunk in statements(chunks_of(text)):
        closing = chunk.tokens[-1:] if chunk.body is not None else []
        tokens = [token for token in chunk.tokens if token not in closing or token.type != "RBRACE"]
        firsts.add(tokens[0].start_pos or 0)
        inner |= {token.start_pos or 0 for token in tokens[1:]}
    moved = draw(st.sets(st.sampled_from(sorted(firsts | inner)), max_size=8))
    for number, place in enumerate(sorted(moved, reverse=True)):
        if place in inner:
            gap = draw(st.sampled_from(GAPS))
            text = text[:place] + gap.format(n=number) + text[place:]
        elif not text[text.rfind("\n", 0, place) + 1 : place].strip():
            start = text.rfind("\n", 0, place) + 1
            text = text[:start] + draw(st.sampled_from(BETWEEN)).format(n=number) + text[start:]
    return text


@settings(max_examples=80)
@given(rearranged())
def test_any_layout_is_formatted_without_loss(text: str) -> None:
    if not isinstance(format_source(Source("model.opt", text)), str):
        return  # a line end between a word and its bracket may be an error of its own
    check(text, documented=False)  # a name may have been parted from the line that documented it


PIECES = (
    "",
    "\n",
    "  ",
    "#",
    "## x",
    "(",
    ")",
    "{",
    "}",
    ";",
    ",",
    "[",
    "]",
    "-",
    "in ",
    " for i in n",
    " if ",
    ":",
    "\t",
)


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """A model with pieces put in the place of others."""
    text = draw(st.sampled_from([text for text in TEXTS.values() if len(text) < 4000]))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text) - 1))
        text = text[:start] + draw(st.sampled_from(PIECES)) + text[start + draw(st.integers(0, 6)) :]
    return text


@settings(max_examples=80)
@given(damaged())
def test_any_text_is_formatted_or_has_findings(text: str) -> None:
    found = format_source(Source("model.opt", text))
    if isinstance(found, str):
        assert formatted(found) == found
    else:
        assert found


# ---------------------------------------------------------------- random expressions

SPAN = Span(Source("model.opt", ""), 0, 0)
LEAVES = st.one_of(
    st.integers(0, 10**6).map(lambda value: ast.Number(value, span=SPAN)),
    st.sampled_from(["x", "some_long_name", "y1", "Sigma"]).map(lambda name: ast.Name(name, span=SPAN)),
)


def larger(inner: st.SearchStrategy[ast.Expr]) -> st.SearchStrategy[ast.Expr]:
    """Expressions of expressions."""
    clause = st.builds(
        lambda domain, condition: ast.Clause(
            (ast.Binder("i", None, ast.Name(domain, span=SPAN), span=SPAN),), condition, span=SPAN
        ),
        st.sampled_from(["n", "rows"]),
        st.none() | inner,
    )
    arguments = st.lists(st.builds(lambda e: ast.Argument(None, e, span=SPAN), inner), min_size=1, max_size=4)
    name = ast.Name("f", span=SPAN)
    return st.one_of(
        st.builds(
            lambda op, a, b: ast.Binary(op, a, b, span=SPAN),
            st.sampled_from(["+", "-", "*", "/", "@", "^", "and", "or"]), inner, inner,
        ),
        st.builds(lambda op, a: ast.Unary(op, a, span=SPAN), st.sampled_from(["-", "+", "not"]), inner),
        st.builds(lambda a, b: ast.Compare((a, b), ("<=",), span=SPAN), inner, inner),
        st.builds(lambda c, a, b: ast.IfElse(c, a, b, span=SPAN), inner, inner, inner),
        st.builds(lambda a: ast.Call(name, tuple(a), None, span=SPAN), arguments),
        st.builds(lambda a, c: ast.Call(name, (a[0],), c, span=SPAN), arguments, clause),
        st.builds(lambda a: ast.Array(tuple(a), span=SPAN), st.lists(inner, min_size=1, max_size=6)),
        st.builds(lambda a, c: ast.Comprehension(a, c, span=SPAN), inner, clause),
        st.builds(lambda a, i: ast.Index(a, (i, ast.Slice(i, None, span=SPAN)), span=SPAN), inner, inner),
        st.builds(lambda a: ast.Attribute(a, "T", span=SPAN), inner),
    )  # fmt: skip


@settings(max_examples=80)
@given(st.recursive(LEAVES, larger, max_leaves=30))
def test_any_expression_is_formatted_to_itself(expr: ast.Expr) -> None:
    text = f"let result = {unparse_expr(expr)}\n"
    if parse(Source("model.opt", text))[1]:
        return  # a chain of comparisons, say, that the language refuses
    once = check(text)
    (let,) = module(once).statements
    assert isinstance(let, ast.Let)
    assert let.value == expr


def test_the_deepest_expressions_are_formatted() -> None:
    check(f"let a = {'(' * 90}x{')' * 90}\n")
    check(f"let a = {'-' * 190}x\n")
    check(f"let a = {'f(1 + ' * 60}x{')' * 60}\n")
    check(f"let a = {'if x then y else ' * 150}x\n")


# ---------------------------------------------------------------- the style


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("dim n,T=20", "dim n, T = 20\n"),
        ("param X[ n,T+1 ] in psd=eye(n)", "param X[n, T + 1] in psd = eye(n)\n"),
        ("let a=-x**2", "let a = -x^2\n"),
        ("let a=(x+1)*(2)", "let a = (x + 1) * (2)\n"),
        ("let a = 1.50e-3", "let a = 1.50e-3\n"),
        ("let a = [1,2,]", "let a = [1, 2]\n"),
        ("let a=X[ : ,0 : T ].T", "let a = X[:, 0:T].T\n"),
        ("fn f(x){return x}", "fn f(x) {\n  return x\n}\n"),
        ("let a = 1; let bc = 2", "let a  = 1\nlet bc = 2\n"),
        ("let a = 1\n\n\n\nlet bc = 2\n\n", "let a = 1\n\nlet bc = 2\n"),
        (
            "subject    to\n\n a:x<=1\n bcd:y in S for i in n\n",
            "subject to\n  a:   x <= 1\n  bcd: y in S  for i in n\n",
        ),
        ("", ""),
        ("\n\n# only a remark", "# only a remark\n"),
    ],
)
def test_style(text: str, expected: str) -> None:
    assert check(text) == expected


def test_long_expressions_break_at_their_loosest_operators() -> None:
    value = " + ".join(f"weight_{n} * (first_{n} - second_{n})" for n in range(4))
    assert check(f"minimize cost: {value}\n") == (
        "minimize cost: weight_0 * (first_0 - second_0)\n"
        "               + weight_1 * (first_1 - second_1)\n"
        "               + weight_2 * (first_2 - second_2)\n"
        "               + weight_3 * (first_3 - second_3)\n"
    )


def test_a_constraint_without_a_label_is_continued_further_right() -> None:
    terms = " + ".join(f"a_rather_long_name_{n}" for n in range(6))
    text = check(f"subject to\n  {terms} <= 1\n")
    assert text.splitlines()[2].startswith("    + ")


def test_comments_stay_where_they_belong() -> None:
    text = (
        "## The model.\n# a remark\ndim n  # size\n\n\n# before x\nvar x[n]   ## what is sought\n"
        "let s = sum(x   # all of it\n  ) + 1\nminimize s  # cost\n# before the list\nsubject to  # list\n"
        "  # within\n  a: x <= 1 # bound\n  # at the end\n"
    )
    assert check(text) == (
        "## The model.\n# a remark\ndim n          # size\n\n# before x\nvar x[n]       ## what is sought\n"
        "let s = sum(x  # all of it\n        )\n        + 1\nminimize s     # cost\n# before the list\n"
        "subject to     # list\n  # within\n  a: x <= 1    # bound\n# at the end\n"
    )


def test_names_that_share_a_line_of_documentation_keep_sharing_it() -> None:
    assert check("param a,  ## one\n  b, c  ## two\n") == "param a,    ## one\n      b, c  ## two\n"
    assert check("dim n; param x[n]  ## both\n") == "dim n; param x[n]  ## both\n"


def test_the_comment_behind_a_block_of_one_line_documents_it_still() -> None:
    text = check("fn f(x) { return x }  ## itself\n", documented=False)  # no longer the `return` besides
    assert text == "fn f(x) {  ## itself\n  return x\n}\n"


def test_line_ends_of_other_systems_become_plain() -> None:
    assert formatted("dim n\r\nvar x[n]\r\n") == "dim n\nvar x[n]\n"


def test_a_file_with_an_error_is_left_alone() -> None:
    found = format_source(Source("model.opt", "let a = 1\nlet b =\n"))
    assert isinstance(found, list)
    assert isinstance(found[0], Diagnostic)
