"""Models of thousands of statements: every node is looked at once, and no pass recurses along a chain of lets."""

import pytest

from karush.compiler.analyse import analyse_text
from karush.compiler.dependence import First, children, walk
from karush.compiler.model import DualValue, VarValue

LETS = 1500


def chain(base: str, goal: str) -> str:
    lets = "".join(f"let a{i} = a{i - 1} + p\n" for i in range(1, LETS))
    rows = "".join(f"  c{i}: a{i} + y >= 0\n" for i in range(0, LETS, 100))
    return f"param p\nvar x, y\nlet a0 = {base}\n{lets}{goal} a{LETS - 1}\nsubject to\n{rows}"


@pytest.mark.parametrize("base, curvature", [("x", True), ("x * y", False)])
def test_a_long_chain_of_lets_is_checked(base, curvature):
    """Curvature is followed through the lets, down to the term that is to blame, without recursion."""
    analysis = analyse_text(chain(base, "minimize"))
    assert analysis.classification.convex is curvature
    quoted = [d.labels[0].span.text for d in analysis.diagnostics if d.code == "W0501"]
    assert quoted == ([] if curvature else ["x * y"])


def test_known_nodes_are_passed_over():
    """Walks from all lets of a chain yield every node once where they share what they know."""
    model = analyse_text(chain("x", "minimize")).model
    table: dict = {}
    visits = 0
    for root in model.lets.values():
        for node in walk(root, known=table):
            assert all(child in table for child in children(node))
            table[node] = True
            visits += 1
    assert visits == len(table) == len(set(walk(*model.lets.values())))


def test_the_first_leaf_is_the_first_in_the_text():
    """It is found in whatever order the roots are asked for."""
    model = analyse_text("param p\nvar x, y\nlet a = p + y\nlet b = a * 2 + x\nminimize x^2 + y^2\n").model
    variables, duals = First(VarValue), First(DualValue)
    found = [variables.below(model.lets[name]).name for name in ("b", "a")]
    assert found == ["y", "y"]
    assert duals.below(*model.lets.values()) is None
