"""Graph forms with an atom's arguments in place: shapes of vars, rows and value, alone and under a clause."""

from __future__ import annotations

import pytest

from karush.compiler.library import load_library
from karush.compiler.model import Apply, At, Binder, BinderValue, InSet, Kind, ParamValue, Relation, Subscript
from karush.compiler.reductions.graph import expand_graph
from karush.compiler.resolving.atoms import has_shape_rule
from karush.dsl.source import Source, Span
from karush.stdlib.shape import Shape, Size, show_shape

LIBRARY = load_library()
WITH_GRAPH = sorted(n for n in LIBRARY.atom_names() if (a := LIBRARY.atom(n)) is not None and a.graph is not None)
PLACE = Span(Source("test", "text"), 0, 4)
STRIDED = Binder("i", Size.of("q"), Size.constant(1), 2)


def arguments_of(name: str) -> tuple[ParamValue, ...]:
    atom = LIBRARY.atom(name)
    assert atom is not None
    elementwise = has_shape_rule(atom) or all(p.sizes is None for p in atom.params)
    found = []
    for param in atom.params:
        shape: Shape = tuple(Size.of(f"{size}0") for size in param.sizes or ())
        if param.sizes is None and elementwise:
            shape = (Size.of("a"), Size.of("b"))
        kind = Kind.INTEGER if param.set_name == "index" else Kind.REAL
        found.append(ParamValue(param.name, shape=shape, kind=kind, span=PLACE))
    return tuple(found)


@pytest.mark.parametrize("name", WITH_GRAPH)
@pytest.mark.parametrize("binders", [(), (STRIDED,)], ids=["alone", "under a clause"])
def test_every_graph_form_expands_to_the_shape_of_its_atom(name: str, binders: tuple[Binder, ...]) -> None:
    atom = LIBRARY.atom(name)
    assert atom is not None
    arguments = arguments_of(name)
    expansion = expand_graph(atom, arguments, binders, None, "g.", LIBRARY)
    elementwise = all(p.sizes is None for p in atom.params) and not has_shape_rule(atom)
    assert expansion.value.shape == (arguments[0].shape if elementwise else ())
    assert expansion.sense in ("minimize", "maximize")
    assert all(v.name.startswith("g.") for v in expansion.vars)
    lengths = tuple(b.length for b in binders)
    assert all(v.shape[: len(binders)] == lengths for v in expansion.vars)
    assert all(c.binders[: len(binders)] == binders for c in expansion.constraints)


def test_a_norm_takes_a_var_of_the_length_of_its_argument() -> None:
    atom = LIBRARY.atom("norm1")
    assert atom is not None
    x = ParamValue("x", shape=(Size.of("n"),), span=PLACE)
    expansion = expand_graph(atom, (x,), (), None, "t1.", LIBRARY)
    assert [(v.name, show_shape(v.shape)) for v in expansion.vars] == [("t1.t", "[n]")]
    (row,) = expansion.constraints
    assert isinstance(row, Relation)
    assert row.operands[1] is x


def test_under_a_clause_every_var_is_indexed_by_the_steps_of_the_binder() -> None:
    atom = LIBRARY.atom("abs")
    assert atom is not None
    x = ParamValue("x", shape=(), span=PLACE)
    condition = Apply(
        "less",
        (BinderValue(STRIDED, shape=(), kind=Kind.INTEGER, span=PLACE), x),
        shape=(),
        kind=Kind.BOOLEAN,
        span=PLACE,
    )
    expansion = expand_graph(atom, (x,), (STRIDED,), condition, "g.", LIBRARY)
    assert show_shape(expansion.vars[0].shape) == "[q]"
    (row,) = expansion.constraints
    assert row.condition is condition
    assert isinstance(expansion.value, Subscript)
    (item,) = expansion.value.items
    assert isinstance(item, At)
    assert isinstance(item.index, Apply)
    assert item.index.atom == "divide"


def test_cones_of_an_elementwise_atom_are_taken_entry_by_entry() -> None:
    atom = LIBRARY.atom("exp")
    assert atom is not None
    x = ParamValue("x", shape=(Size.of("n"),), span=PLACE)
    expansion = expand_graph(atom, (x,), (), None, "g.", LIBRARY)
    (row,) = expansion.constraints
    assert isinstance(row, InSet)
    assert show_shape(row.value.shape) == "[3]"
    assert [str(b.length) for b in row.binders] == ["n"]
    assert show_shape(expansion.value.shape) == "[n]"
