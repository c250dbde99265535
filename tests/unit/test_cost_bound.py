"""The price of derivatives: each rule's own cost, what collects cotangents, and what is not bounded."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from karush.compiler.cost.activity import activity
from karush.compiler.cost.bound import account
from karush.compiler.cost.programs import trace
from karush.compiler.lowering.evaluate_operators import OPERATORS
from karush.cost import Program, price_of
from karush.stdlib.primitives.table import PRIMITIVES

V, SCALAR = jax.ShapeDtypeStruct((10,), float), jax.ShapeDtypeStruct((), float)


def price(function, *shapes):
    found = price_of(Program(lambda moving, _: function(*moving), list(shapes), []))
    assert found.reverse <= found.book.reverse_limit() + 1e-9
    assert found.forward <= found.book.forward_limit() + 1e-9
    return found


def omega(function, *shapes):
    return price(function, *shapes).book.reverse_ratio


RULES = {
    "add": (lambda x, y: x + y, 2, 3),
    "multiply": (lambda x, y: x * y, 2, 5),
    "inverse": (lambda x: OPERATORS["divide"](1.0, x), 1, 3.5),
    "quotient": (OPERATORS["divide"], 2, 4),
    "scale": (lambda x: 3 * x, 1, 3),
    "shift": (lambda x: x + 3, 1, 2),
    "exp": (PRIMITIVES["exp"], 1, 2),
    "log": (PRIMITIVES["log"], 1, 4),
    "log1p": (PRIMITIVES["log1p"], 1, 4),
    "relu": (PRIMITIVES["relu"], 1, 4),
    "abs": (PRIMITIVES["abs"], 1, 4),
    "sqrt": (PRIMITIVES["sqrt"], 1, 4.5),
    "root by a power": (lambda x: OPERATORS["power"](x, 0.5), 1, 4.5),
    "square": (PRIMITIVES["square"], 1, 4),
    "atan2": (PRIMITIVES["atan2"], 2, 8),
    "asin": (PRIMITIVES["asin"], 1, 5.5),
}


@pytest.mark.parametrize("name", RULES)
def test_what_an_operation_costs_with_its_derivative(name):
    """cost of value and pull-back, and one addition for each argument, over cost of the value."""
    function, arity, expected = RULES[name]
    assert omega(function, *[V] * arity) == expected


@pytest.mark.parametrize("name", ["atan2", "log", "sqrt"])
def test_the_rules_are_cheaper_than_those_with_masks(name):
    """What a slope that is masked at its singularity, and a limit added there, cost."""
    masked = {"atan2": 15, "log": 8, "sqrt": 9}
    function, arity, _ = RULES[name]
    assert omega(function, *[V] * arity) <= masked[name] / 1.8


def test_products_of_matrices_and_sums():
    A, B = jax.ShapeDtypeStruct((3, 5), float), jax.ShapeDtypeStruct((5, 4), float)
    assert omega(jnp.matmul, A, B) == pytest.approx((3 * 2 * 60 + 15 + 20) / 120)
    assert omega(jnp.sum, V) == pytest.approx((9 + 10) / 9)


def test_a_fan_out_is_paid_by_those_who_use_it():
    """x is used nine times: eight additions collect what comes back."""
    found = price(lambda x: sum([jnp.exp(x) * k for k in range(9)], start=jnp.exp(x)), V)
    assert found.book.collecting == 0
    assert found.ratio("vjp") <= found.bound("vjp") == 3


def test_a_broadcast_is_paid_by_those_who_use_it():
    found = price(lambda s, x: s + x, SCALAR, V)
    assert (found.program, found.reverse) == (10, 10 + 9)
    assert found.book.collecting == 0


def test_an_output_that_is_only_moved_costs_its_seed_at_most():
    found = price(lambda x: (x, jnp.exp(x), x[::-1]), V)
    assert found.reverse == 20 + 10 + 20


def test_small_parts_of_a_whole_are_collected_beyond_omega():
    found = price(lambda x: sum(x[k] for k in range(10)), V)
    assert found.book.reverse_ratio == 3 and found.book.collecting > 0
    assert 3 < found.ratio("vjp") <= found.bound("vjp")


def test_an_array_that_is_added_into_is_moved():
    found = price(lambda x, s: x.at[3].add(s), V, SCALAR)
    assert found.book.charges["scatter-add"].worst_reverse == 2


def test_a_scan_collects_its_constants_once_an_iteration():
    def function(w, x):
        return jnp.sum(lax.scan(lambda c, t: (jnp.sin(c * w + t), c), 1.0, x)[1])

    found = price(function, SCALAR, V)
    assert found.book.charges["mul"].times == 10 and found.bound("vjp") == 5


def test_of_a_choice_every_branch_makes_omega():
    found = price(lambda x: lax.cond(x[0] > 0, lambda y: jnp.exp(jnp.exp(y)), lambda y: y * y, x), V)
    assert found.program == 1 + 40 and found.book.reverse_ratio == 5


def test_a_forward_derivative_collects_nothing():
    assert price(lambda x, y: x * y, V, V).book.forward_ratio == 4
    assert price(lambda x, y: x + y, V, V).forward == 20


def test_what_carries_no_derivative_is_counted_once():
    found = price(lambda x: x * lax.stop_gradient(jnp.exp(x)) + jnp.floor(x), V)
    assert found.book.charges["exp"].worst_reverse == found.book.charges["floor"].worst_reverse == 1


def test_an_operation_with_an_unknown_loop_stands_apart():
    @jax.custom_jvp
    def root(a):
        return lax.while_loop(lambda y: jnp.abs(y * y - a) > 1e-9, lambda y: (y + a / y) / 2, jnp.ones_like(a))

    @root.defjvp
    def root_jvp(primals, tangents):
        value = root(*primals)
        return value, tangents[0] / (2 * value)

    found = price(lambda a: 3 * root(a), SCALAR)
    assert set(found.book.apart) == {"root"} and set(found.book.charges) == {"mul"}
    assert found.book.reverse_ratio == 3


def test_activity_within_a_scan_goes_both_ways():
    """The second carry moves with the first one of the iteration before."""

    def function(x):
        return lax.scan(lambda c, _: ((jnp.sin(c[0]), c[0] * c[1]), None), (x, 1.0), None, 4)[0][1]

    found = price(function, SCALAR)
    assert found.book.charges["mul"].active and found.book.charges["mul"].reverse == 4 * 5


def test_only_what_leads_from_inputs_to_outputs_is_active():
    jaxpr = trace(lambda x, y: (jnp.exp(x) * y, jnp.log(y)), V, V)
    found = activity(jaxpr, [True, False], [True, True])
    assert [eqn.primitive.name for eqn in jaxpr.eqns if found.arguments(eqn)] == ["exp", "mul"]
    assert account(jaxpr, [False, False]).reverse_ratio == 1


def test_stored_residuals():
    program = Program(lambda moving, _: jnp.sum(jnp.sin(moving[0])), [V], [])
    assert [array.shape for array in program.residuals()] == [(10,)]


ENDS = {"sqrt": 0.0, "log": 0.0, "log1p": -1.0, "asin": 1.0, "acos": -1.0}


@pytest.mark.parametrize("name", ENDS)
def test_economical_rules_agree_with_differences_up_to_the_third_derivative(name):
    function, x, h = PRIMITIVES[name], 0.3, 1e-5
    orders = [function]
    for order in range(3):
        orders.append(jax.grad(orders[-1]) if order % 2 else jax.jacfwd(orders[-1]))
        difference = (orders[-2](x + h) - orders[-2](x - h)) / (2 * h)
        np.testing.assert_allclose(orders[-1](x), difference, rtol=1e-7)


@pytest.mark.parametrize("name", ENDS)
def test_at_an_end_of_the_domain_a_zero_tangent_gives_zero(name):
    function, end = PRIMITIVES[name], ENDS[name]
    assert jax.jvp(function, (end,), (0.0,))[1] == 0
    assert jax.vjp(function, end)[1](0.0)[0] == 0
    sign = -1 if name == "acos" else 1
    assert jax.jvp(function, (end,), (1.0,))[1] == jax.vjp(function, end)[1](1.0)[0] == sign * np.inf


@pytest.mark.parametrize("name", ["sqrt", "log"])
def test_minus_zero_is_zero(name):
    assert jax.grad(PRIMITIVES[name])(-0.0) == np.inf


def test_the_angle_is_undefined_at_the_origin_for_a_tangent_that_is_not_zero():
    angle = PRIMITIVES["atan2"]
    for direction in ((1.0, 0.0), (0.0, -2.0), (1.0, 1.0)):
        assert np.isnan(jax.jvp(angle, (0.0, 0.0), direction)[1])
    assert jax.jvp(angle, (0.0, 0.0), (0.0, 0.0))[1] == 0
    assert np.all(np.isnan(jax.vjp(angle, 0.0, 0.0)[1](1.0))) and not np.any(jax.vjp(angle, 0.0, 0.0)[1](0.0))
    point = np.array([0.3, -0.4])
    ours, theirs = (jax.hessian(lambda v, f=f: f(v[0], v[1]))(point) for f in (angle, jnp.arctan2))
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)
