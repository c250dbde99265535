"""Text to syntax tree, and back."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lark import Token

from karush.dsl import ast, grammar
from karush.dsl.codes import CODES
from karush.dsl.parse import parse
from karush.dsl.render import render
from karush.dsl.source import Source
from karush.dsl.tokens import lex
from karush.dsl.unparse import unparse_expr, unparse_module, unparse_statement

MODELS = sorted((Path(__file__).parents[1] / "models").glob("*.opt"))
TEXTS = [path.read_text(encoding="utf-8") for path in MODELS]


def module(text: str) -> ast.Module:
    found, diagnostics = parse(Source("test.opt", text))
    assert not diagnostics, render(diagnostics)
    return found


def only(text: str) -> ast.Statement:
    (statement,) = module(text).statements
    return statement


def expr(text: str) -> ast.Expr:
    statement = only(f"let result = {text}")
    assert isinstance(statement, ast.Let)
    return statement.value


# ---------------------------------------------------------------- whole files


@pytest.mark.parametrize("path", MODELS, ids=lambda p: p.stem)
def test_printing_a_model_and_reading_it_again_gives_the_same_tree(path: Path) -> None:
    first = module(path.read_text(encoding="utf-8"))
    text = unparse_module(first)
    assert module(text) == first
    assert unparse_module(module(text)) == text


def test_spans_of_a_whole_model_quote_the_text() -> None:
    text = (Path(__file__).parents[1] / "models" / "markowitz.opt").read_text(encoding="utf-8")
    statements = {type(s).__name__: s for s in module(text).statements}
    assert statements["Objective"].span.text == "maximize ret - gamma / 2 * risk"
    constraint = statements["Constraint"]
    assert isinstance(constraint, ast.Constraint)
    assert constraint.label_span is not None
    assert constraint.label_span.text == "cap"
    assert constraint.relation.span.text == "w <= 0.3"


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", " \t \n", "\ufeff", ";;\n;"])
def test_a_file_without_statements_is_an_empty_module(text: str) -> None:
    assert module(text).statements == ()


def test_line_ends_of_windows_and_a_byte_order_mark_change_nothing() -> None:
    text = "var x\nminimize x^2\n  + x\n"
    assert module("\ufeff" + text.replace("\n", "\r\n")) == module(text)


# ---------------------------------------------------------------- expressions


@pytest.mark.parametrize(
    ("text", "grouped"),
    [
        ("-x^2", "-(x^2)"),
        ("2^-x^2", "2^(-(x^2))"),
        ("a^b^c", "a^(b^c)"),
        ("a ** b", "a^b"),
        ("a - b - c", "(a - b) - c"),
        ("a / b * c @ d", "((a / b) * c) @ d"),
        ("-a * b", "(-a) * b"),
        ("a * -b", "a * (-b)"),
        ("a + b * c", "a + (b * c)"),
        ("not a and b or c", "((not a) and b) or c"),
        ("not a <= b", "not (a <= b)"),
        ("a + b <= c * d", "(a + b) <= (c * d)"),
        ("x[0].T @ y", "((x[0]).T) @ y"),
        ("if a then b else c + d", "if a then b else (c + d)"),
        ("if a then b else if c then d else e", "if a then b else (if c then d else e)"),
        ("0 <= q perp c >= 0", "(0 <= q) perp (c >= 0)"),
        ("a - b in psd", "(a - b) in psd"),
    ],
)
def test_operators_bind_as_the_language_says(text: str, grouped: str) -> None:
    assert expr(text) == expr(grouped)


@pytest.mark.parametrize(
    ("text", "other"),
    [("(a - b) - c", "a - (b - c)"), ("(-x)^2", "-x^2"), ("(a^b)^c", "a^b^c"), ("(a <= b) <= c", "a <= b <= c")],
)
def test_parentheses_that_matter_are_kept(text: str, other: str) -> None:
    assert expr(text) != expr(other)
    assert expr(unparse_expr(expr(text))) == expr(text)


def test_a_chain_of_comparisons_is_one_node() -> None:
    chain = expr("a <= x[0] <= b")
    assert isinstance(chain, ast.Compare)
    assert chain.operators == ("<=", "<=")
    assert [operand.span.text for operand in chain.operands] == ["a", "x[0]", "b"]


@pytest.mark.parametrize(
    ("text", "value"), [("2", 2), ("0.5", 0.5), ("1e-3", 1e-3), ("1E+3", 1000.0), ("007", 7), ("1e3", 1000.0)]
)
def test_numbers(text: str, value: float) -> None:
    number = expr(text)
    assert isinstance(number, ast.Number)
    assert number.value == value
    assert type(number.value) is type(value)


def test_calls_take_positional_and_named_arguments_or_one_clause() -> None:
    call = expr("f(a, b = 2)")
    assert isinstance(call, ast.Call)
    assert [(a.name, unparse_expr(a.value)) for a in call.arguments] == [(None, "a"), ("b", "2")]
    over = expr("sum(x[i] for i in n, j in range(2) if i < j)")
    assert isinstance(over, ast.Call)
    assert over.clause is not None
    assert [b.name for b in over.clause.binders] == ["i", "j"]
    assert over.clause.condition == expr("i < j")


def test_unknowns_of_inline_problems() -> None:
    call = expr("argmin(e for y[n] in simplex, z[h], s)")
    assert isinstance(call, ast.Call)
    assert call.clause is not None
    assert [(b.name, b.sizes is not None, b.domain is not None) for b in call.clause.binders] == [
        ("y", True, True),
        ("z", True, False),
        ("s", True, False),
    ]


def test_slices_and_gathers() -> None:
    index = expr("x[0:T, :, src, 1:]")
    assert isinstance(index, ast.Index)
    kinds = [type(i).__name__ for i in index.indices]
    assert kinds == ["Slice", "Slice", "Name", "Slice"]


def test_a_field_may_be_called_as_a_keyword_is() -> None:
    assert isinstance(expr("fit.derivative"), ast.Attribute)


def test_letters_of_all_scripts_are_names_and_compatible_ones_are_the_same() -> None:
    assert expr("λ + Σx_1") == ast.Binary(
        "+", ast.Name("λ", span=expr("1").span), ast.Name("Σx_1", span=expr("1").span), span=expr("1").span
    )
    micro, mu = expr("\u00b5"), expr("\u03bc")
    assert micro == mu


def test_a_span_takes_in_the_parentheses_of_its_parts() -> None:
    assert expr("(a + b) * (c)").span.text == "(a + b) * (c)"
    assert expr("((a)) * c").span.text == "((a)) * c"


# ---------------------------------------------------------------- statements


def test_words_of_one_statement_are_names_in_all_others() -> None:
    names = ["over", "as", "rule", "value", "range", "convex", "graph", "prox", "primitive", "subject", "to"]
    found = module("".join(f"param {name}\nlet {name}_ = {name} + 1\n" for name in names))
    assert len(found.statements) == 2 * len(names)
    saddle = only("minimize over over x maximize over y")
    assert isinstance(saddle, ast.Saddle)
    assert saddle.value == expr("over")


def test_an_atom_keeps_its_clauses() -> None:
    text = (
        'atom f(x, d in pos = 1) {\n value = primitive "f"\n range nonneg\n convex in x, d\n'
        " nondecreasing in x for x in nonneg\n rule x = d\n graph {\n  var t\n  minimize t\n }\n prox(s) = x\n}"
    )
    atom = only(text)
    assert isinstance(atom, ast.AtomDeclaration)
    kinds = [type(clause).__name__ for clause in atom.clauses]
    assert kinds == [
        "AtomValue",
        "AtomRange",
        "AtomCurvature",
        "AtomMonotonicity",
        "AtomRule",
        "AtomGraph",
        "AtomProx",
    ]


def test_imports() -> None:
    first, second, third = module('import "a/svm.opt" as svm\nimport stdlib.losses\nimport as.as as as').statements
    assert isinstance(first, ast.Import)
    assert (first.path, first.module, first.alias) == ("a/svm.opt", None, "svm")
    assert isinstance(second, ast.Import)
    assert (second.path, second.module, second.alias) == (None, ("stdlib", "losses"), None)
    assert isinstance(third, ast.Import)
    assert (third.module, third.alias) == (("as", "as"), "as")


def test_format_of_one_statement() -> None:
    assert unparse_statement(only("dim n,T=20")) == "dim n, T = 20"
    assert unparse_statement(only("fn f(x){return x}")) == "fn f(x) = x"


def test_constraints_after_a_let_in_the_list_stay_constraints() -> None:
    text = "subject to\n a: x <= 1\n let y = 2\n b: x >= y\nlet z = 1\n"
    assert unparse_module(module(text)) == "subject to\n  a: x <= 1\n  let y = 2\n  b: x >= y\nlet z = 1\n"


# ---------------------------------------------------------------- documentation


def test_documentation_goes_to_the_file_the_line_or_the_next_declaration() -> None:
    found = module(
        "## file, first line\n## file, second line\n\ndim n  ## count\nparam a, b  ## both\n\n## of c\n## and more\n"
        "let c = a\nparam d,  ## one\n      e   ## other\n"
    )
    assert found.doc == "file, first line\nfile, second line"
    dim, param, let, last = found.statements
    assert isinstance(dim, ast.Dim)
    assert dim.items[0].doc == "count"
    assert isinstance(param, ast.Param)
    assert [item.doc for item in param.items] == ["both", "both"]
    assert let.doc == "of c\nand more"
    assert isinstance(last, ast.Param)
    assert [item.doc for item in last.items] == ["one", "other"]


def test_documentation_of_a_block_is_that_of_its_header() -> None:
    found = module("dim n\n## above\nfn f(x) {  ## beside\n  ## inner\n  let y = x\n  return y\n}\n")
    fn = found.statements[1]
    assert isinstance(fn, ast.Fn)
    assert fn.doc == "above\nbeside"
    assert fn.body[0].doc == "inner"
    assert fn.header[0].doc is None


# ---------------------------------------------------------------- what is broken


def test_each_statement_has_its_own_error_and_the_others_are_kept() -> None:
    found, diagnostics = parse(Source("x.opt", "param a,\nlet b = 2 a\nvar x\nminimize x = 1\nlet c = 3\n"))
    assert [d.labels[0].span.line for d in diagnostics] == [1, 2, 4]
    assert [type(s).__name__ for s in found.statements] == ["Var", "Let"]
    assert found.poisoned >= {"a", "b"}


def test_no_more_than_twenty_findings() -> None:
    _, diagnostics = parse(Source("x.opt", "let = \n" * 50))
    assert len(diagnostics) == 20


PLACES = [(text, token) for text in TEXTS for token in lex(Source("x", text), grammar.load()).tokens]


def check_answer(text: str) -> None:
    """The parser answers any text by a tree or by findings, each with a known code, a place and a repair."""
    found, diagnostics = parse(Source("broken.opt", text))
    render(diagnostics)
    for diagnostic in diagnostics:
        span = diagnostic.labels[0].span
        assert diagnostic.code in CODES
        assert 0 <= span.start <= span.end <= len(text)
        assert diagnostic.fixes[0].message
    if not diagnostics:
        assert module(unparse_module(found)) == found


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.sampled_from(PLACES), st.booleans())
def test_any_token_deleted_or_doubled_gives_an_answer(place: tuple[str, Token], doubled: bool) -> None:
    text, token = place
    start, end = token.start_pos or 0, token.end_pos or 0
    check_answer(f"{text[:end]} {text[start:]}" if doubled else text[:start] + text[end:])


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(sorted({text[t.start_pos : t.end_pos] for text, t in PLACES})), max_size=30))
def test_any_list_of_words_gives_an_answer(words: list[str]) -> None:
    check_answer(" ".join(words))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.text(max_size=60))
def test_any_text_gives_an_answer(text: str) -> None:
    check_answer(text)
