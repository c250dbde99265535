"""Every slip is named, in its place, with a repair that mends it."""

import pytest

from karush.dsl.code import Code
from karush.dsl.codes import CODES
from karush.dsl.diagnostics import Diagnostic
from karush.dsl.fixes import apply_fixes
from karush.dsl.parse import parse
from karush.dsl.source import Source

SYNTAX = [code for code in CODES.values() if code.code.startswith("E01") and code.trigger and code.code != "E0107"]


def findings(text: str) -> list[Diagnostic]:
    return parse(Source("model.opt", text))[1]


@pytest.mark.parametrize("page", SYNTAX, ids=lambda c: c.code)
def test_the_trigger_of_a_code_gives_exactly_that_code_in_the_users_file(page: Code) -> None:
    (diagnostic,) = findings(page.trigger or "")
    assert diagnostic.code == page.code
    assert diagnostic.labels[0].span.source.name == "model.opt"
    assert diagnostic.labels[0].span.text
    assert diagnostic.fixes


@pytest.mark.parametrize("page", SYNTAX, ids=lambda c: c.code)
def test_the_mended_model_of_a_page_is_read(page: Code) -> None:
    assert findings(page.mended or "") == []


# text with the mark ‹…› around what the caret points at, the code, and words of the message
SLIPS = [
    ("‹minimise› x", "E0100", "unknown word `minimise`"),
    ("‹Parameter› x", "E0100", "unknown word"),
    ("‹such that›\nx >= 1", "E0100", "unknown word"),
    ("‹st›\nx >= 1", "E0100", "unknown word"),
    ("‹s.t.›\n x >= 1", "E0100", "unknown word"),
    ("‹def› f(x) = x", "E0100", "unknown word"),
    ("minimize‹:› x", "E0115", "takes no colon"),
    ("subject to‹:›\n x >= 1", "E0115", "takes no colon"),
    ("fn f(x)‹:› x", "E0115", "takes no colon"),
    ("let b = a‹'›", "E0115", "`.T`"),
    ("let b = ‹'›abc'", "E0115", "double quotes"),
    ('let b = ‹"›abc', "E0100", "does not end"),
    ("let b = ‹|›a|", "E0115", "not used"),
    ("let b = a ‹&&› c", "E0115", "`and`"),
    ("let b = a ‹||› c", "E0115", "`or`"),
    ("let b = ‹!›a", "E0115", "`not`"),
    ("let b = a ‹≤› c", "E0115", "`<=`"),
    ("let b = ‹a²›", "E0115", "not a name"),
    ("let b = a ‹%› 2", "E0115", "not used"),
    ("let b = a ‹//› 2", "E0115", "`/`"),
    ("let b = a ‹<>› 2", "E0115", "`!=`"),
    ("let b ‹:=› 2", "E0115", "`=`"),
    ("a ‹+=› 1", "E0115", "no `+=`"),
    ("subject to\n a ‹=<› 1", "E0115", "`<=`"),
    ("subject to\n a ‹===› 1", "E0115", "`==`"),
    ("let b = 2 ‹a›", "E0115", "product"),
    ("let b = (a) ‹c›", "E0100", "operator is missing"),
    ("let b = ‹2›(a + 1)", "E0115", "called"),
    ("let b = ‹.›5", "E0115", "both sides of the point"),
    ("let b = ‹1.›", "E0115", "both sides of the point"),
    ("let b = 1‹_000›", "E0115", "grouped"),
    ("let b = 1‹e›", "E0100", "exponent"),
    ("let b = ‹1e400›", "E0112", "too large"),
    ("let b = a ‹if› c else d", "E0115", "condition comes first"),
    ("let b = if a‹:› 1 else 2", "E0100", "`then`"),
    ("let b = if a then 1‹›", "E0100", "both values"),
    ("let b = 1 + ‹if› a then 1 else 2", "E0100", "brackets"),
    ("let b = a ‹not› in c", "E0115", "`not in`"),
    ("let b = [1 ‹2›]", "E0115", "commas"),
    ("let b = [[1, 2]‹;› [3, 4]]", "E0115", "rows are lists"),
    ("let b = x[0:2‹:›3]", "E0115", "no step"),
    ("let b = x‹[]›", "E0100", "nothing stands"),
    ("let b = x[i] ‹for› i in n", "E0117", "belongs in the brackets"),
    ("minimize x[i] ‹for› i in n", "E0117", "belongs in the brackets"),
    ("let b = f(a, x[i] ‹for› i in n)", "E0117", "belongs in the brackets"),
    ("let b = sum(x[i] for i ‹=› n)", "E0117", "`in`"),
    ("let b = sum(x[i] for i in 1‹:›n)", "E0117", "range"),
    ("let b = sum(x[i] for i in 0‹..›n)", "E0115", "range"),
    ("let b = sum(x[i] for i in n ‹where› i < 2)", "E0117", "filter"),
    ("let b = sum(x[i] for i in n, ‹if› i < 2)", "E0117", "comma"),
    ("let b = sum(x[i] for ‹i›)", "E0117", "over what"),
    ("let b = [x[i] for ‹i›, j in n]", "E0117", "over what"),
    ("subject to\n ‹for› i in n: x[i] >= 1", "E0117", "comes last"),
    ("subject to\n ‹forall› i in n: x[i] >= 1", "E0117", "comes last"),
    ("subject to\n ‹cap[i]›: x[i] >= 1 for i in n", "E0100", "label is one name"),
    ("subject to\n a >= 0‹,› a <= 1", "E0100", "one constraint a line"),
    ("subject to\n a ‹=› 1", "E0104", "constraint is written with `==`"),
    ("let b = sum(x[i] for i in n if i ‹=› 2)", "E0104", "`==`"),
    ("‹b› = 2", "E0104", "`let`"),
    ("let b ‹==› 2", "E0100", "`=`"),
    ("let b‹›", "E0100", "needs a value"),
    ("‹let› f(x) = x", "E0100", "`fn`"),
    ("let b‹[›n] = x", "E0100", "sizes"),
    ("let b = 1‹,› c = 2", "E0100", "one value"),
    ("var x ‹>= 0›", "E0106", "takes a set"),
    ("var ‹0 <= x <= 1›", "E0106", "takes a set"),
    ("var x[n] ‹<= b›, y", "E0106", "takes a set"),
    ("param ‹real› x", "E0115", "begins with the name"),
    ("param x ‹y›", "E0100", "commas"),
    ("param x‹(›n)", "E0115", "`[ ]`"),
    ("param x[n‹][›m]", "E0115", "one pair"),
    ("param x‹:› pos", "E0115", "`in`"),
    ("dim n‹[›3]", "E0100", "one whole number"),
    ("var ‹for›[n]", "E0108", "word of the language"),
    ("let ‹T› = 2", "E0108", "cannot be declared"),
    ("model f(‹status›) {\n minimize 0\n}", "E0108", "cannot be declared"),
    ("let b = a +‹›", "E0100", "too early"),
    ("‹minimize›", "E0100", "needs an expression"),
    ("maximize x ‹over› y", "E0100", "one side"),
    ("minimize x over y‹›", "E0100", "one side"),
    ("using ipm ‹tol› = 3", "E0100", "parentheses"),
    ("fn f ‹x› = x", "E0100", "header"),
    ("set s = ‹x› >= 1", "E0100", "braces"),
    ("let b = ‹{›1, 2}", "E0100", "cannot stand here"),
    ("minimize x ‹subject to›\n x >= 1", "E0114", "in the middle of another"),
    ("param a ‹let› b = 2", "E0114", "in the middle of another"),
    ("subject to\na: x >= 1\n  ‹b›: x >= 2", "E0114", "continues the statement above"),
    ("fn f(x)\n‹{›\n return x\n}", "E0114", "on the line of its header"),
    ("subject to\n a ‹<› 1", "E0103", "not closed"),
    ("subject to\n a ‹!=› 1", "E0103", "leaves out a point"),
    ("subject to\n a <= b <= c ‹<=› d", "E0103", "two sides"),
    ("subject to\n a ‹==› b == c", "E0103", "in a chain"),
    ("subject to\n a <= b ‹>=› c", "E0105", "one direction"),
    ("subject to\n 0 <= q perp (a # < \n  ) ‹>› 0", "E0103", "not closed"),
    ("subject to\n ‹a <= 1 and a >= 0›", "E0116", "`and`"),
    ("subject to\n ‹a <= 1 or a >= 2›", "E0116", "`or`"),
    ("subject to\n ‹not a <= 1›", "E0116", "negated"),
    ("subject to\n ‹a + 1›", "E0116", "compares nothing"),
    ("‹a <= 1›\nb <= 1", "E0109", "after `subject to`"),
    ("‹a + 1›", "E0109", "says nothing"),
    ("‹return 2›", "E0109", "`fn`"),
    ("using ipm\n‹using ipm›", "E0109", "second"),
    ("find x\n‹minimize x›", "E0109", "second"),
    ("subject to\n‹subject to›", "E0109", "second"),
    ("derivative implicit\n‹derivative unroll›", "E0109", "second"),
    ("fn f(x) {\n ‹var y›\n return x\n}", "E0109", "`let` and `return` only"),
    ("fn f(x) {\n return x\n ‹let y = x›\n}", "E0109", "last statement"),
    ("fn ‹f›(x) {\n let y = x\n}", "E0113", "returns nothing"),
    ("atom ‹f›(x) {\n convex in x\n}", "E0113", "no value"),
    ("atom f(x) {\n ‹valu› = x\n}", "E0109", "no clause"),
    ("atom f(x) {\n value = x\n ‹value = x›\n}", "E0109", "second"),
    ("model f(x) {\n ‹param y›\n minimize 0\n}", "E0109", "header"),
]


@pytest.mark.parametrize(("marked", "code", "words"), SLIPS, ids=lambda v: v if isinstance(v, str) else "")
def test_a_slip_is_named_in_its_place(marked: str, code: str, words: str) -> None:
    start, end = marked.index("‹"), marked.index("›") - 1
    text = marked.replace("‹", "").replace("›", "")
    found = findings(text)
    assert [d.code for d in found] == [code]
    span = found[0].labels[0].span
    assert words in found[0].message
    assert found[0].fixes
    assert found[0].fixes[0].message
    if start == end:
        assert span.start == span.end == end
    else:
        assert (span.start, span.end) == (start, end)


MENDED = [
    ("minimise x", "minimize x"),
    ("minimise (x - 1)^2 + y", "minimize (x - 1)^2 + y"),
    ("let b = a'", "let b = a.T"),
    ("let b = 2 a", "let b = 2 * a"),
    ("let b = .5 + 1.", "let b = 0.5 + 1."),
    ("let b = a // 2", "let b = a / 2"),
    ("let b\u00a0= a − 2", "let b = a − 2"),
    ("var x >= 0", "var x in nonneg"),
    ("param x > 0, y", "param x in pos, y"),
    ("b = 2", "let b = 2"),
    ("param a let b = 2", "param a \nlet b = 2"),
    ("subject to\n\ta = 1", "subject to\n    a == 1"),
    ("subject to\n a = 1\n b < 2\n c >= 0, d >= 0", "subject to\n a == 1\n b <= 2\n c >= 0; d >= 0"),
    ("subject to:\n a == 1", "subject to\n a == 1"),
    ("minimize x\n  subject to\n    x >= 1", "minimize x\nsubject to\n    x >= 1"),
    ("subject to\na: x >= 1\n  b: x >= 2", "subject to\na: x >= 1\nb: x >= 2"),
    ("fn f(x)\n{ return x }", "fn f(x) { return x }"),
    ("param set[2]", "param set_[2]"),
]


@pytest.mark.parametrize(("text", "mended"), MENDED)
def test_a_machine_can_apply_the_repair(text: str, mended: str) -> None:
    assert apply_fixes(Source("model.opt", text), findings(text)) == mended


def test_comparisons_in_conditions_may_be_strict() -> None:
    assert findings("let b = sum(x[i] for i in n if 0 <= i < 3 and i != 2)") == []
    assert findings("set pos = {x : x > 0}") == []


def test_an_objective_and_find_are_told_from_several_rules() -> None:
    assert findings("derivative rule(relu = 0)\nderivative rule(abs = 0)\nderivative implicit") == []


def test_expectations_name_what_could_stand_there() -> None:
    (diagnostic,) = findings("import 2")
    assert diagnostic.labels[0].message == 'expected a name or a text in `"`'
