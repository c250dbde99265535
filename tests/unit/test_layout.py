"""The layout rule, and files that nobody wrote."""

import pytest

from karush.dsl import ast
from karush.dsl.parse import parse
from karush.dsl.source import Source


def kinds(text: str) -> list[str]:
    module, diagnostics = parse(Source("test.opt", text))
    assert not diagnostics, diagnostics
    return [type(statement).__name__ for statement in module.statements]


def codes(text: str) -> list[str]:
    return [d.code for d in parse(Source("test.opt", text))[1]]


def test_a_line_further_right_continues_and_any_other_begins() -> None:
    assert kinds("let a = 1\n + 2\nlet b = 3") == ["Let", "Let"]
    assert kinds("  let a = 1\n    - 2\n  let b = 3\nlet c = 4") == ["Let", "Let", "Let"]
    assert kinds("let a = 1\n\n# between\n      + 2") == ["Let"]


def test_a_line_in_the_same_column_begins_a_statement_even_with_a_sign() -> None:
    assert kinds("subject to\n  a\n   - b <= 1\n  -c <= 1") == ["SubjectTo", "Constraint", "Constraint"]


def test_line_ends_do_not_count_in_brackets() -> None:
    assert kinds("let a = f(\n1,\n2\n) + [\n3\n]\nlet b = x[\n0\n]") == ["Let", "Let"]


def test_after_subject_to_a_statement_begins_at_any_column() -> None:
    assert kinds("subject to x <= 1") == ["SubjectTo", "Constraint"]
    assert kinds("minimize x\nsubject to\nx <= 1\ny <= 1") == ["Objective", "SubjectTo", "Constraint", "Constraint"]
    assert kinds("subject to\n        x <= 1\n   y <= 1") == ["SubjectTo", "Constraint", "Constraint"]


def test_after_a_brace_a_statement_begins_at_any_column() -> None:
    module, diagnostics = parse(Source("x", "model f(a) {\n   var x\n  let y = x\nminimize y }\nlet z = 1"))
    assert not diagnostics
    model, let = module.statements
    assert isinstance(model, ast.ModelBlock)
    assert [type(s).__name__ for s in model.body] == ["Var", "Let", "Objective"]
    assert isinstance(let, ast.Let)


def test_semicolons_end_statements() -> None:
    assert kinds("dim n; param a; let b = a;") == ["Dim", "Param", "Let"]
    assert kinds("fn f(x) { let y = x; return y } ; let c = 2") == ["Fn", "Let"]


def test_the_list_of_constraints_goes_on_over_other_statements() -> None:
    text = "subject to\n  a: x <= 1\nlet b = 2\nc: x >= b\nusing ipm\nd: x == 0"
    assert kinds(text) == ["SubjectTo", "Constraint", "Let", "Constraint", "Using", "Constraint"]


def test_the_second_half_of_a_saddle_may_begin_a_line() -> None:
    assert kinds("minimize x * y\n  over x\n  maximize over y") == ["Saddle"]


def test_a_keyword_on_a_continuation_line_is_named() -> None:
    module, diagnostics = parse(Source("x", "minimize x\n   subject to\n  x >= 1\n"))
    assert [d.code for d in diagnostics] == ["E0114"]
    assert [type(s).__name__ for s in module.statements] == ["Objective", "SubjectTo", "Constraint"]


def test_a_tab_in_the_indentation_is_named_once_and_mended() -> None:
    text = "minimize x\nsubject to\n\ta: x >= 1\n \tb: x <= 2\n"
    _, (diagnostic,) = parse(Source("x", text))
    assert diagnostic.code == "E0102"
    assert [fix.text for fix in diagnostic.fixes] == ["    ", "    "]
    assert codes("let a = 1 +\t2\n\t\n\t# comment\nlet b = 2") == []


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("let a = sum(x\nlet b = 2", ["Let"]),
        ("subject to\n  a: sum(x[i] <= 3\n  b: x >= 1\nlet z = 3", ["SubjectTo", "Constraint", "Let"]),
        ("let a = f(x]\nlet b = 2", ["Let"]),
        ("let a = x)\nlet b = 2", ["Let"]),
        ("let b = 2\n}", ["Let"]),
        ("atom f(x {\n  value = x\n  convex in x\n}\nlet b = 2", ["Let"]),
        ("fn f(x)\n  let y = x\n  return y\n}\nlet b = 2", ["Let"]),
        ("atom f(x) {\n  value = x\natom g(x) {\n  value = x\n}\nlet b = 2", ["AtomDeclaration", "Let"]),
        ("model f(x) {\n  var y[2\n  minimize y\n}\nlet b = 2", ["ModelBlock", "Let"]),
        ("model f(x) {\n  var y", []),
    ],
)
def test_a_bracket_alone_is_one_finding_and_spoils_one_statement(text: str, kept: list[str]) -> None:
    module, diagnostics = parse(Source("x", text))
    assert [d.code for d in diagnostics] == ["E0101"]
    assert [type(s).__name__ for s in module.statements] == kept


@pytest.mark.parametrize(
    "text",
    [
        "let a = " + "(" * 10_000 + "1" + ")" * 10_000,
        "let a = " + "[" * 10_000,
        "let a = " + "f(" * 10_000,
        "let a = " + "1+" * 500_000 + "1",
        "let a = " + "- " * 1_000 + "1",
        "let a = " + "2^" * 1_000 + "1",
        "let a = " + "if true then 1 else " * 1_000 + "1",
        "let a = b" + ".T" * 1_000,
        "model f() {\n" * 1_000 + "}\n" * 1_000,
        "#" + "x" * 1_000_000,
    ],
    ids=["parens", "open", "calls", "line", "signs", "powers", "ifs", "fields", "blocks", "comment"],
)
def test_what_is_too_deep_or_too_long_is_one_finding(text: str) -> None:
    assert codes(text) == ["E0110"]


def test_depth_within_the_limit_is_read() -> None:
    assert kinds("let a = " + "(" * 100 + "1" + ")" * 100) == ["Let"]
    assert kinds("let a = 1\n" + " + 1\n" * 1_000) == ["Let"]
    assert kinds("let a = 1" + " + 1" * 190) == ["Let"]


@pytest.mark.parametrize("text", ["\0", "let a = \x01", "let a = 1\rlet b = 2", "let a = \ud800", "let a\u00a0= 1"])
def test_characters_that_are_no_text_are_findings(text: str) -> None:
    assert codes(text) == ["E0115"]


def test_a_long_file_is_read_whole() -> None:
    assert len(kinds("".join(f"let a{i} = {i} + 1\n" for i in range(3_000)))) == 3_000
