"""A model as a Python object: calls, transformations, checks, precision, derivatives with evidence."""

import gc

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse

import karush
from karush.errors import ModelError
from karush.problem import PrecisionWarning, load, loads
from karush.solvers.evidence import DerivativeStatus
from karush.solvers.result import Status

CLIP = """## The nearest point of a box.
dim n
param c[n], weight in pos = 1.0, cap[n] = 10.0
param at in index(n) = 0, S[n, n] = 0.0
var x[n] in nonneg
let total = sum(x)
let chosen = x[at]
minimize cost: sumsq(x - c) * weight / 2 + sum(S) * 0
subject to
  limit: x <= cap
"""
C = np.array([2.0, -1.0, 5.0])
CAP = np.array([10.0, 10.0, 3.0])
PLAIN = "param a, b = 2 * a\nlet y = a * b\nlet z = [y, b]\n"


@pytest.fixture(scope="module")
def clip():
    """One small solver, so that little is compiled."""
    return loads(CLIP, "clip.opt").with_options(solver="active_set")


@pytest.fixture(scope="module")
def solution(clip):
    return clip(c=C, cap=CAP)


@pytest.fixture(scope="module")
def plain():
    return loads(PLAIN)


def test_values_by_attribute_and_by_key(solution):
    assert np.allclose(solution.x, [2, 0, 3], atol=1e-8)
    assert np.allclose(solution["total"], 5, atol=1e-8)
    assert np.allclose(solution.objective, 2.5, atol=1e-8)
    assert np.allclose(solution.dual.limit, [0, 0, 2], atol=1e-7)
    assert np.allclose(solution.dual.x, [0, 1, 0], atol=1e-7)
    assert np.allclose(solution.slack.limit, [8, 10, 0], atol=1e-8)


def test_a_status_is_a_number_with_a_name(solution):
    assert solution.status is Status.SOLVED and solution.status == 0
    assert solution.derivative.primal is DerivativeStatus.UNIQUE


def test_the_record_is_readable(solution, clip):
    assert "clip: solved, objective 2.5" in repr(solution)
    assert "limit" in repr(solution)
    assert "primal=unique" in repr(solution.derivative)
    assert repr(clip) == "QP clip(c, weight, cap, at, S) -> x, total, chosen"
    with pytest.raises(AttributeError, match="total"):
        _ = solution.nothing


def test_a_solution_is_a_pytree_with_paths(solution):
    paths = [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(solution)]
    assert {".x", ".objective", ".dual.limit", ".derivative.sigma_min"} <= set(paths)
    doubled = jax.tree.map(lambda a: 2 * a, solution)
    assert np.allclose(doubled.x, 2 * solution.x)


def test_a_second_call_with_the_same_shapes_does_not_retrace(clip, solution):
    (compiled,) = [p for p in clip.programs.values() if p.dims == {"n": 3}]
    size = compiled.alone._cache_size()
    clip(c=jnp.array([1.0, 2.0, 3.0]), cap=list(CAP))
    clip(c=np.array([3, 2, 1]), cap=tuple(CAP))
    assert compiled.alone._cache_size() == size


def test_a_jacobian_under_jit_agrees_with_the_closed_form(clip):
    slopes = jax.jit(jax.jacrev(lambda c: clip(c=c, cap=CAP).x))(C)
    assert np.allclose(slopes, np.diag([1.0, 0, 0]), atol=1e-8)


def test_higher_derivatives_of_a_plain_function(plain):
    assert np.allclose(jax.hessian(lambda a: plain(a=a).y)(3.0), 4)
    assert np.allclose(jax.vmap(jax.jacfwd(lambda a: plain(a=a).z))(jnp.arange(3.0)), [[0, 2], [4, 2], [8, 2]])


def test_a_batch_has_a_status_a_lane(clip):
    batch = jax.vmap(lambda c: clip(c=c, cap=CAP))(jnp.stack([C, jnp.full(3, jnp.nan), -C]))
    assert batch.status.shape == (3,)
    assert [int(s) for s in batch.status] == [Status.SOLVED, Status.FAILED, Status.SOLVED]
    assert np.allclose(batch.x[2], [0, 1, 0], atol=1e-8)
    assert np.isnan(batch.x[1]).all()


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({}, "E0401"),
        ({"c": C, "d": 1}, "E0403"),
        ({"c": [C]}, "E0404"),
        ({"c": C, "cap": [1, 2]}, "E0402"),
        ({"c": [1, np.nan, 2]}, "E0407"),
        ({"c": [1, np.inf, 2]}, "E0408"),
        ({"c": C, "weight": -1}, "E0406"),
        ({"c": C, "at": 3}, "E0406"),
        ({"c": object()}, "E0406"),
        ({"c": C, "n": 4}, "E0402"),
    ],
)
def test_wrong_arguments_are_model_errors_with_diagnostics(clip, params, code):
    with pytest.raises(karush.ModelError) as caught:
        clip(**params)
    assert {d.code for d in caught.value.diagnostics} == {code}
    assert code in str(caught.value)


def test_an_array_is_checked_once_and_forgotten_when_it_is_freed(clip):
    given = jnp.array([1.0, 2.0, 3.0])
    prepared = clip.prepare({"c": given})
    assert clip.memory.has("c", given)
    assert prepared.arrays["c"] is given
    assert not clip.memory.has("cap", given)
    key = id(given)
    del given, prepared
    gc.collect()
    assert ("c", key) not in clip.memory.known


def test_errors_of_a_text_are_model_errors_with_carets():
    with pytest.raises(karush.ModelError) as caught:
        loads("var x\nminimize y\n")
    assert caught.value.diagnostics[0].code == "E0201"
    assert "^" in str(caught.value)


def test_a_file_or_its_folder_can_be_loaded(tmp_path):
    folder = tmp_path / "plan"
    folder.mkdir()
    (folder / "model.opt").write_text(PLAIN)
    assert load(folder).model.name == load(folder / "model.opt").model.name == "plan"
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "nothing.opt")


class Series:
    """What a pandas Series shows of itself."""

    def __init__(self, values, index):
        self.values, self.index = np.asarray(values), index

    def to_numpy(self):
        return self.values


def test_labelled_series_are_put_in_order_and_sparse_matrices_are_taken(clip):
    first, second = Series([2.0, -1, 5], ["a", "b", "c"]), Series([3.0, 10, 10], ["c", "a", "b"])
    arrays = clip.prepare({"c": first, "cap": second, "S": scipy.sparse.eye(3, format="csr"), "at": "c"}).arrays
    assert arrays["cap"].tolist() == [10, 10, 3]
    assert arrays["S"].todense().tolist() == np.eye(3).tolist()
    assert arrays["at"] == 2


def test_options_make_another_model_and_unknown_ones_are_listed(clip):
    assert clip.with_options(tol=1e-6).settings.tol == 1e-6
    assert clip.settings.tol is None and clip.with_options(tol=1e-6).settings.solver == "active_set"
    with pytest.raises(TypeError, match="max_iterations"):
        clip.with_options(speed=3)


def test_a_file_asks_for_its_own_settings():
    model = loads("var x\nminimize x^2\nusing ipm(tol = 1e-7, max_iter = 9)\nderivative implicit(active = 1e-5)\n")
    assert (model.settings.tol, model.settings.max_iterations, model.settings.active) == (1e-7, 9, 1e-5)
    assert model.settings.solver == "ipm"


def test_models_are_shown(clip):
    assert "minimize over x" in clip.show()
    assert "∇_x" in clip.show("kkt")
    with pytest.raises(ValueError, match="interface"):
        clip.show("colours")


def test_defaults_depend_on_other_params_and_carry_derivatives(plain):
    assert float(plain(a=3.0).y) == 18
    assert float(jax.grad(lambda a: plain(a=a).y)(3.0)) == 12
    assert plain(a=3.0).objective is None


def test_single_precision_is_said_and_double_is_refused_where_jax_has_none(plain):
    with jax.enable_x64(False):
        with pytest.warns(PrecisionWarning, match="jax_enable_x64"):
            assert plain(a=1.0).y.dtype == jnp.float32
        with pytest.raises(ValueError, match="jax_enable_x64"):
            plain.with_options(dtype="f64")(a=1.0)
        assert plain.with_options(dtype="f32")(a=1.0).y.dtype == jnp.float32


def test_vjp_gives_gradients_with_their_evidence(clip):
    value, pull = karush.vjp(clip, of="x", wrt=("c", "weight"))(c=C, cap=CAP)
    assert np.allclose(value, [2, 0, 3], atol=1e-8)
    gradient = pull(jnp.array([1.0, 1, 1]))
    assert np.allclose(gradient.c, [1, 0, 0], atol=1e-8)
    assert np.allclose(gradient.weight, 0, atol=1e-8)
    evidence = gradient.evidence
    assert evidence.status is DerivativeStatus.UNIQUE
    assert evidence.residual < 1e-10 and evidence.condition >= 1 and evidence.error_bound < 1e-6
    assert evidence.active.limit.tolist() == [False, False, True]
    assert evidence.active.x.tolist() == [False, True, False]


def test_vjp_of_a_plain_function_flows_through_defaults(plain):
    value, pull = karush.vjp(plain, of="z", wrt=("a", "b"))(a=3.0)
    gradient = pull([1.0, 0.0])
    assert value.tolist() == [18, 6]
    assert (float(gradient.a), float(gradient.b)) == (12, 3)
    assert gradient.evidence.status is DerivativeStatus.UNIQUE
    _, push = karush.jvp(plain, of="z", wrt=("a",))(a=3.0)
    assert push(a=1.0).tangent.tolist() == [12, 2]


@pytest.mark.parametrize(("of", "wrt"), [("q", None), ("dual.limits", None), ("x", ("q",)), ("x", ("at",))])
def test_what_cannot_be_differentiated_is_named(clip, of, wrt):
    with pytest.raises(ValueError, match="`"):
        karush.vjp(clip, of=of, wrt=wrt)(c=C)


HORIZON = """dim T = 5
param x0
var u[T]
minimize sum(u[t]^2 for t in T)
subject to
  reach: sum(u) == x0
"""


def test_a_size_that_no_param_tells_cannot_be_left_open():
    """An exported program learns its sizes from the shapes of its inputs alone."""
    (size,) = jax.export.symbolic_shape("T")
    with pytest.raises(ModelError) as refused:
        loads(HORIZON).compile_for({"T": size})
    (finding,) = refused.value.diagnostics
    assert finding.code == "E0401"
    assert finding.labels[0].span.text == "T"
    assert "--sizes T=" in finding.fixes[0].message
    known = loads(HORIZON.replace("x0\n", "x0, goal[T]\n", 1)).compile_for({"T": size})
    assert known.specification()["goal"].shape == (size,)
