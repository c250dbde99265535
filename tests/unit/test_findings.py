"""What is said of doubtful derivatives and of atoms' primitives, and how much is said at once."""

import pytest

from karush.compiler.analyse import analyse_text
from karush.dsl.diagnostics import MOST_FINDINGS, Severity

LP = "param c, k in int\nvar x in box(0, 5)\nminimize (1 + c^2) * x\nsubject to\n  x >= 1\n"


def said(text: str) -> list[tuple[str, str]]:
    """The findings: code and quoted text."""
    return [(d.code, d.labels[0].span.text) for d in analyse_text(text).diagnostics]


@pytest.mark.parametrize(
    "text, findings",
    [
        ("param a\nlet y = 2 * round(a) + 1\n", [("W0706", "round(a)")]),
        ("param a\nlet u = floor(a)\nlet y = u + sign(u)\n", [("W0706", "floor(a)")]),
        ("param k in int\nlet y = sign(k) * 0.5\n", []),
        ("param a\nlet y = if floor(a) > 0 then a else 0\n", [("W0705", "floor(a) > 0")]),
        ("dim n\nparam a[n]\nlet y = sum(if i > 0 then a[i] else 0 for i in n)\n", []),
        ("param a, k in int\nlet y = if k > 0 then a else 0\n", []),
        (LP + "let near = round(x)\n", [("W0706", "round(x)")]),
        (LP + "let near = if x > 2 then 1 else 0\n", [("W0705", "x > 2")]),
        (LP + "let near = max(x, 2) + abs(c)\n", []),
    ],
)
def test_doubtful_derivatives(text, findings):
    """Of what moves: unknowns and real params, not integers and sizes; the innermost place is quoted."""
    assert said(text) == findings


@pytest.mark.parametrize(
    "header, name, code, message",
    [
        ("x", "ralu", "E0201", "there is no primitive `ralu`"),
        ("x", "no such thing", "E0201", "there is no primitive `no such thing`"),
        ("x, y", "exp", "E0206", "`exp` takes 1 argument, and `f` has 2"),
        ("x", "atan2", "E0206", "`atan2` takes 2 arguments, and `f` has 1"),
    ],
)
def test_a_primitive_must_exist_and_fit(header, name, code, message):
    """It is refused where it is named, used or not."""
    (finding,) = analyse_text(f'atom f({header}) {{ value = primitive "{name}" }}\nparam a\nlet y = a\n').diagnostics
    assert (finding.code, finding.message) == (code, message)
    assert finding.labels[0].span.text == f'value = primitive "{name}"'


def test_very_many_findings_are_cut():
    """The first errors are told, in the order of the text, and the number of the others."""
    count = MOST_FINDINGS + 15
    warnings = "".join(f"let w{i} = round(a)\n" for i in range(count))
    errors = "".join(f"let e{i} = missing{i}\n" for i in range(count))
    for text, severity in ((warnings, Severity.WARNING), (errors, Severity.ERROR), (warnings + errors, Severity.ERROR)):
        analysis = analyse_text("param a\n" + text)
        found = analysis.diagnostics
        assert len(found) == MOST_FINDINGS
        assert {f.severity for f in found} == {severity}
        assert analysis.failed == (severity is Severity.ERROR)
        places = [f.labels[0].span.start for f in found]
        assert places == sorted(places)
        assert ("note", "15 more findings are not shown") in found[-1].notes


def test_few_findings_are_all_told():
    """None is cut, and nothing is added."""
    found = analyse_text("param a\n" + "".join(f"let w{i} = round(a)\n" for i in range(MOST_FINDINGS))).diagnostics
    assert len(found) == MOST_FINDINGS
    assert not any(text.endswith("not shown") for finding in found for _, text in finding.notes)
