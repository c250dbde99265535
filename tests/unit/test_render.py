"""How findings look."""

import json

from karush.dsl.diagnostics import Diagnostic, Fix, Label, Severity
from karush.dsl.fixes import apply_fixes
from karush.dsl.parse import parse
from karush.dsl.render import WINDOW, render
from karush.dsl.source import Source, Span


def place(source: Source, text: str, nth: int = 0) -> Span:
    start = -1
    for _ in range(nth + 1):
        start = source.text.index(text, start + 1)
    return Span(source, start, start + len(text))


RIDGE = Source("ridge.opt", "\n\nparam X[m, d], y[m]\n\n\n\n\nminimize sumsq(X.T @ b - y)\n")


def test_two_places_notes_and_a_fix() -> None:
    diagnostic = Diagnostic(
        "E0301",
        "sizes do not match in `@`",
        (
            Label(place(RIDGE, "X.T @ b"), "[d, m] @ [d]: inner sizes m and d differ"),
            Label(place(RIDGE, "X[m, d]"), "X is declared here"),
        ),
        notes=(("note", "m and d are different sizes, even where the data make both 50"),),
        fixes=(Fix("X @ b  has the shape [m], the shape of y"),),
    )
    assert render([diagnostic]) == (
        "error[E0301]: sizes do not match in `@`\n"
        " --> ridge.opt:8:16\n"
        "3 | param X[m, d], y[m]\n"
        "  |       ------- X is declared here\n"
        "8 | minimize sumsq(X.T @ b - y)\n"
        "  |                ^^^^^^^ [d, m] @ [d]: inner sizes m and d differ\n"
        "  = note: m and d are different sizes, even where the data make both 50\n"
        "  = fix: X @ b  has the shape [m], the shape of y\n"
    )


def test_a_parsed_slip_with_line_numbers_of_two_digits() -> None:
    source = Source("portfolio.opt", "\n" * 12 + "subject to\n  budget: sum(w) = 1\n")
    assert render(parse(source)[1]) == (
        "error[E0104]: `=` gives a name a value; a constraint is written with `==`\n"
        "  --> portfolio.opt:14:18\n"
        "14 |   budget: sum(w) = 1\n"
        "   |                  ^ expected `==`, `<=`, `>=` or `in`\n"
        "   = fix: budget: sum(w) == 1   [applies with --fix]\n"
    )


def test_labels_on_one_line_and_of_equal_weight() -> None:
    source = Source("portfolio.opt", "param mu[n], Sigma[n, n]")
    labels = (Label(place(source, "mu[n]"), "12"), Label(place(source, "Sigma[n, n]"), "10", primary=True))
    warning = Diagnostic("W0501", "two", labels, severity=Severity.WARNING)
    assert render([warning]) == (
        "warning[W0501]: two\n"
        " --> portfolio.opt:1:7\n"
        "1 | param mu[n], Sigma[n, n]\n"
        "  |       ^^^^^ 12\n"
        "  |              ^^^^^^^^^^^ 10\n"
    )


def test_a_label_in_another_file_and_one_without_text() -> None:
    other, data = Source("svm.opt", "var w"), Source("data.npz", "")
    labels = (Label(place(RIDGE, "y[m]"), "here"), Label(place(other, "w"), "there"), Label(Span(data, 0, 0), "far"))
    assert render([Diagnostic("E0402", "two values", labels)]) == (
        "error[E0402]: two values\n"
        " --> ridge.opt:3:16\n"
        "3 | param X[m, d], y[m]\n"
        "  |                ^^^^ here\n"
        " ::: svm.opt:1:5\n"
        "1 | var w\n"
        "  |     - there\n"
        " ::: data.npz\n"
        "  = note: far\n"
    )


def test_a_span_over_several_lines_is_underlined_on_its_first() -> None:
    source = Source("x.opt", "let a = f(\n  1)\n")
    diagnostic = Diagnostic("E0206", "wrong", (Label(Span(source, 8, 15), "this"),))
    assert render([diagnostic]).splitlines()[3] == "  |         ^^ this"


def test_carets_stand_under_tabs_and_wide_letters() -> None:
    source = Source("x.opt", "\tlet 变 = e\u0301b + ab")
    diagnostic = Diagnostic("E0201", "unknown", (Label(place(source, "ab")),))
    line, underline = render([diagnostic]).splitlines()[2:4]
    assert line == "1 |     let 变 = e\u0301b + ab"
    assert underline == "  |     " + " " * len("let __ = eb + ") + "^^"


def test_nothing_that_steers_a_terminal_is_printed() -> None:
    source = Source("x\x1b[2J.opt", "let a = \x1b[31m \u202e 2\n")
    text = render(parse(source)[1])
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "\x1b" in render(parse(source)[1], colour=True)


def test_a_long_line_is_shown_around_the_caret() -> None:
    source = Source("x.opt", "let a = " + "b + " * 1_000 + "* c" + " + b" * 1_000)
    (diagnostic,) = parse(source)[1]
    line, underline = render([diagnostic]).splitlines()[2:4]
    assert len(line) <= WINDOW + 10
    assert line[underline.index("^")] == "*"
    assert line.count("…") == 2


def test_one_line_each() -> None:
    assert render(parse(Source("x.opt", "let = 2\nlet b = 2 a"))[1], "concise") == (
        "x.opt:1:5: error[E0100]: `=` cannot stand here\nx.opt:2:11: error[E0115]: a product is written with `*`\n"
    ).replace("`=` cannot stand here", parse(Source("x.opt", "let = 2"))[1][0].message)


def test_json_holds_places_and_repairs() -> None:
    record = json.loads(render(parse(Source("x.opt", "var a\nvar x >= 0"))[1], "json"))
    assert record["v"] == 1
    (found,) = record["diagnostics"]
    assert (found["code"], found["severity"]) == ("E0106", "error")
    label = found["labels"][0]
    assert (label["file"], label["line"], label["column"], label["end_column"]) == ("x.opt", 2, 7, 11)
    assert found["fixes"][0]["text"] == "in nonneg"
    assert found["fixes"][0]["replace"]["start"] == label["start"]


def test_json_of_any_text_can_be_written_anywhere() -> None:
    render(parse(Source("x.opt", "let a = \ud800 変"))[1], "json").encode("ascii")


def test_no_findings_give_no_text() -> None:
    assert render([]) == ""
    assert json.loads(render([], "json")) == {"v": 1, "diagnostics": []}


def test_of_two_repairs_of_one_place_the_first_is_applied() -> None:
    source = Source("x.opt", "abc")
    fixes = (Fix("", Span(source, 0, 2), "X"), Fix("", Span(source, 1, 3), "Y"), Fix("", Span(source, 3, 3), "!"))
    assert apply_fixes(source, [Diagnostic("E0100", "", (), fixes=fixes)]) == "Xc!"
