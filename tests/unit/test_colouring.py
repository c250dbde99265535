"""Sparse Jacobians by coloured products: patterns, colours, the entries, the check, and when they are not taken."""

import json
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export

import karush
from karush.cli.app import run
from karush.compiler.library import load_library
from karush.compiler.lowering.colouring import WORTH_COLOURING, Colouring, colouring_of
from karush.compiler.lowering.compressed import coloured_jacobian, jacobian
from karush.compiler.lowering.tangent_program import tangent_program
from karush.derivative import differentiated
from karush.jacobian import choose_mode
from karush.jacobian import jacobian as whole_jacobian
from karush.solvers.evidence import DerivativeStatus
from karush.stdlib.primitive_names import ELEMENTWISE
from karush.stdlib.primitives.table import PRIMITIVES

needs_asdex = pytest.mark.skipif(find_spec("asdex") is None, reason="the extra `sparsity` is not installed")
SIZE = 128
POINT = np.cos(np.arange(SIZE)) + 1.5


def banded(u):
    return u[:-2] - 2 * u[1:-1] ** 2 + jnp.exp(u[2:])


def found(function, point=POINT, modes=("jvp", "vjp")):
    return colouring_of(tangent_program(function, jnp.asarray(point)), modes)


FUNCTIONS = {
    "banded": (banded, "jvp", 3),
    "separable": (jnp.sin, "jvp", 1),
    "one column is full": (lambda u: u[0] * u + u**2, "jvp", 2),
    "one row is full": (lambda u: jnp.concatenate([u[1:] ** 2, jnp.sum(u**2)[None]]), "vjp", 2),
    "gathered": (lambda u: u[jnp.asarray((7 * np.arange(SIZE)) % SIZE)] ** 2 * u, "jvp", None),
    "sorted differences": (lambda u: PRIMITIVES["abs"](jnp.diff(u)) + PRIMITIVES["relu"](u[1:] - 1), "jvp", 2),
    "square roots": (lambda u: PRIMITIVES["sqrt"](u[1:]) * PRIMITIVES["log"](u[:-1]), "jvp", 2),
    "clipped": (lambda u: PRIMITIVES["clip"](u[1:], u[:-1], 3.0), "jvp", 2),
    "sums of pairs": (lambda u: u.reshape(-1, 2).sum(axis=1) ** 2, "jvp", None),
    "blocks": (lambda u: (jnp.asarray([[1.0, 2.0], [3.0, 4.0]]) @ u.reshape(2, -1)).ravel() * u, "jvp", 2),
}


@needs_asdex
@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("modes", [("jvp", "vjp"), ("jvp",), ("vjp",)], ids="-".join)
def test_the_entries_are_those_of_the_whole_jacobian(name, modes):
    function, mode, count = FUNCTIONS[name]
    colouring = found(function, modes=modes)
    if isinstance(colouring, str):
        assert len(modes) == 1 and mode not in modes, colouring
        return
    if modes == ("jvp", "vjp"):
        assert colouring.count == (count or colouring.count) and (colouring.mode == mode or count is None)
    value, entries, _ = jax.jit(lambda u: coloured_jacobian(function, u, colouring))(jnp.asarray(POINT))
    np.testing.assert_allclose(value, function(jnp.asarray(POINT)), rtol=1e-14)
    np.testing.assert_allclose(entries, jax.jacrev(function)(jnp.asarray(POINT)), rtol=1e-13, atol=1e-14)


@needs_asdex
def test_every_elementwise_function_of_the_library_keeps_its_entries_apart():
    library = load_library()
    atoms = (library.atom(name) for name in sorted(library.atom_names()))
    arities = {atom.primitive: len(atom.params) for atom in atoms if atom and atom.primitive in ELEMENTWISE}
    assert set(arities) == ELEMENTWISE
    point = jnp.linspace(0.05, 0.95, WORTH_COLOURING)

    def function(u):
        return jnp.concatenate([PRIMITIVES[name](u, *[0.8] * (arity - 1)) for name, arity in arities.items()])

    colouring = found(function, point)
    assert colouring.mode == "jvp" and colouring.count == 1
    entries = coloured_jacobian(function, point, colouring)[1]
    np.testing.assert_allclose(entries, jax.jacfwd(function)(point), rtol=1e-12, atol=1e-14)


@needs_asdex
@pytest.mark.parametrize("seed", range(5))
def test_random_sparse_programs(seed):
    random = np.random.default_rng(seed)
    places = random.integers(0, SIZE, (3, SIZE))
    places[0] = np.arange(SIZE)

    def function(u):
        a, b, c = (u[jnp.asarray(p)] for p in places)
        low = jnp.where(a > 1, a * jnp.tanh(b), PRIMITIVES["relu"](a - b))
        return PRIMITIVES["maximum"](low, a)[: SIZE - 7] + (c * c if seed % 2 else c)[7:]

    colouring = found(function)
    for point in (POINT, random.normal(size=SIZE), np.zeros(SIZE)):
        expected = jax.jacfwd(function)(jnp.asarray(point))
        np.testing.assert_allclose(jacobian(function, jnp.asarray(point)), expected, rtol=1e-13, atol=1e-14)
        if isinstance(colouring, Colouring):
            missing = np.asarray(expected).copy()
            missing[colouring.rows, colouring.columns] = 0
            assert not missing.any()


@needs_asdex
def test_the_pattern_is_one_for_all_inputs():
    """At 0 the derivative of a square is 0, and yet its entry is in the pattern."""
    colouring = found(lambda u: u[1:] ** 2 * u[:-1], np.zeros(SIZE))
    assert len(colouring.rows) == 2 * (SIZE - 1)
    held = jnp.zeros(SIZE - 1)
    assert len(found(lambda u: held * u[1:]).rows) == SIZE - 1


STATED = f"""
atom flat(x) {{      ## a constant, of which the file says that its slope is 1
  value = 3 + 0 * x
  rule x = 1
}}
param u[{SIZE}]
let r = flat(u)
let J = jacobian(r, u)
"""


@needs_asdex
def test_the_pattern_follows_the_rules_not_the_operations():
    np.testing.assert_array_equal(karush.loads(STATED)(u=POINT).J, np.eye(SIZE))


@needs_asdex
def test_an_infinite_slope_stays_in_its_entry():
    point = jnp.asarray(POINT).at[3].set(0.0)
    entries = np.asarray(jacobian(PRIMITIVES["sqrt"], point))
    assert np.isposinf(entries[3, 3]) and np.isfinite(np.delete(entries.ravel(), 3 * SIZE + 3)).all()
    assert np.count_nonzero(entries) == SIZE


@needs_asdex
@pytest.mark.parametrize("mode", ["jvp", "vjp"])
def test_a_pattern_that_lacks_an_entry_gives_no_number(mode):
    colouring = found(banded, modes=(mode,))
    kept = np.arange(len(colouring.rows)) != 5
    wrong = replace(colouring, rows=colouring.rows[kept], columns=colouring.columns[kept])
    point = jnp.asarray(POINT)
    assert np.isfinite(coloured_jacobian(banded, point, colouring)[1]).all()
    assert np.isnan(coloured_jacobian(banded, point, wrong)[1]).all()
    merged = replace(colouring, colours=np.minimum(colouring.colours, 1))
    assert np.isnan(coloured_jacobian(banded, point, merged)[1]).all()


@needs_asdex
def test_the_evidence_says_that_a_pattern_was_wrong():
    model = karush.loads(MODEL)
    prepared = model.prepare(DATA)
    function = differentiated(model, prepared.compiled, "r", ("u", "h"))
    _, _, colouring = choose_mode(function, prepared.arrays, "auto")
    kept = np.arange(len(colouring.rows)) != 5
    wrong = replace(colouring, rows=colouring.rows[kept], columns=colouring.columns[kept])
    statuses = []
    for one in (colouring, wrong):
        answer = whole_jacobian(function, one.mode, prepared.arrays, one)
        statuses.append(int(answer.evidence["status"]))
        assert bool(np.isnan(answer.gradients["u"]).any()) == (one is wrong)
    assert statuses == [DerivativeStatus.UNIQUE, DerivativeStatus.UNDEFINED]


REFUSED = {
    "full": (lambda u: jnp.sum(u) * u, POINT, "no sparse pattern"),
    "small": (jnp.sin, POINT[: WORTH_COLOURING - 1], "fewer than"),
    "large": (lambda u: jnp.ones((600, 1000)) @ jnp.tile(u, 13)[:1000] + u[0], POINT, "too large"),
    "a loop": (lambda u: jax.lax.while_loop(lambda s: s[0] < 9, lambda s: (s[0] + 1, s[1] * u), (0.0, u))[1], POINT,
               "too large"),
    "an operation without a pattern": (lambda u: jnp.fft.fft(u).real, POINT, "no pattern"),
}  # fmt: skip


@needs_asdex
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_taken_whole_says_why(name):
    function, point, why = REFUSED[name]
    assert why in found(function, point)
    forward = jax.jacfwd(function)(jnp.asarray(point))
    np.testing.assert_allclose(jacobian(function, jnp.asarray(point), ("jvp",)), forward, rtol=1e-12)


def test_symbolic_sizes_are_taken_whole():
    def whole(u):
        return jacobian(lambda v: v**2, u)

    (n,) = export.symbolic_shape("n")
    exported = export.export(jax.jit(whole))(jax.ShapeDtypeStruct((n,), jnp.float64))
    np.testing.assert_allclose(exported.call(jnp.asarray(POINT)), np.diag(2 * POINT))


MODEL = """
dim n
param u[n], h, left, src[n] in index(n)
let inner = [u[i - 1] - 2 * u[i] + u[i + 1] - h^2 * exp(u[i]) for i in range(1, n - 1)]
let r = concat([u[0] - left], inner, [u[n - 1]])
let picked = [u[src[i]]^2 for i in n]
let energy = sum(u[i]^2 * u[i + 1] + sqrt(u[i]) * log(u[i + 1]) for i in range(n - 1))
let total = sum(r)
let full = [sum(u) * u[i] for i in n]
"""
DATA = {"u": POINT, "h": 0.1, "left": 1.0, "src": (7 * np.arange(SIZE)) % SIZE}
EXPRESSIONS = MODEL + "let J = jacobian(r, u)\nlet K = jacobian(picked, u)\nlet H = hessian(energy, u)\n"


def residual(u, h=0.1, left=1.0):
    return jnp.concatenate([u[:1] - left, u[:-2] - 2 * u[1:-1] + u[2:] - h**2 * jnp.exp(u[1:-1]), u[-1:]])


def energy(u):
    return jnp.sum(u[:-1] ** 2 * u[1:] + jnp.sqrt(u[:-1]) * jnp.log(u[1:]))


@needs_asdex
def test_jacobians_and_hessians_in_a_file():
    model = karush.loads(EXPRESSIONS)
    u = jnp.asarray(POINT)
    solution = model(**DATA)
    np.testing.assert_allclose(solution.J, jax.jacfwd(residual)(u), rtol=1e-13)
    np.testing.assert_allclose(solution.K, jax.jacfwd(lambda v: v[DATA["src"]] ** 2)(u), rtol=1e-13)
    np.testing.assert_allclose(solution.H, jax.hessian(energy)(u), rtol=1e-12, atol=1e-14)
    batch = jax.vmap(lambda v: model(**{**DATA, "u": v}).J)(jnp.stack([u, u + 1]))
    np.testing.assert_allclose(batch[1], jax.jacfwd(residual)(u + 1), rtol=1e-13)
    again = jax.jvp(lambda v: model(**{**DATA, "u": v}).J, (u,), (jnp.ones(SIZE),))[1]
    np.testing.assert_allclose(again, jax.jvp(jax.jacfwd(residual), (u,), (jnp.ones(SIZE),))[1], rtol=1e-12)
    pulled = jax.grad(lambda v: jnp.sum(model(**{**DATA, "u": v}).H ** 2))(u)
    assert np.isfinite(pulled).all() and pulled.any()


@needs_asdex
def test_no_callback_is_lowered():
    prepared = karush.loads(EXPRESSIONS).prepare(DATA)
    text = jax.jit(prepared.compiled.function).lower(dict(prepared.arrays)).as_text()
    assert "callback" not in text and f"tensor<4x{SIZE}x" in text  # three colours and the check


@pytest.fixture
def files(tmp_path):
    (tmp_path / "m.opt").write_text(MODEL)
    plain = {name: np.asarray(value).tolist() for name, value in DATA.items()}
    (tmp_path / "m.json").write_text(json.dumps(plain))
    return tmp_path


GRADS = {
    "r": ("jvp", "3 tangents: columns that share no row, coloured, against 128 cotangents"),
    "picked": ("jvp", "1 tangent: columns that share no row, coloured, against 128 cotangents"),
    "full": ("vjp", "128 cotangents against 128 tangents; not coloured: no sparse pattern"),
    "total": ("vjp", "1 cotangents against 128 tangents"),
}


@needs_asdex
@pytest.mark.parametrize("of", GRADS)
def test_grad_says_which_products_it_takes(files, capsys, of):
    command = ["grad", "m.opt", "-d", "m.json", "--of", of, "--wrt", "u", "--explain", "--check", "--json"]
    assert run([str(files / a) if a.startswith("m.") else a for a in command]) == 0
    output = capsys.readouterr()
    record = json.loads(output.out)
    mode, why = GRADS[of]
    assert record["mode"] == mode and f"mode {mode}: {why}" in output.err
    assert record["check"]["u"]["difference"] < 1e-8 and record["derivative"]["status"] == "unique"
    if of == "r":
        np.testing.assert_allclose(record["gradients"]["u"], jax.jacfwd(residual)(jnp.asarray(POINT)), rtol=1e-6)


@needs_asdex
def test_several_params_and_a_mode_that_is_asked_for(files, capsys):
    command = ["grad", str(files / "m.opt"), "-d", str(files / "m.json"), "--of", "r", "--wrt", "u,left,h", "--explain"]
    assert run([*command, "--mode", "vjp", "--json"]) == 0
    output = capsys.readouterr()
    assert "mode vjp: " in output.err
    record = json.loads(output.out)
    expected = jax.jacfwd(residual, (0, 1, 2))(jnp.asarray(POINT), 0.1, 1.0)
    for name, array in zip(("u", "h", "left"), expected, strict=True):
        np.testing.assert_allclose(record["gradients"][name], array, rtol=1e-6, atol=1e-8)


QUIET = """
import sys
from karush.cli.app import run
assert run(["run", sys.argv[1], "-d", sys.argv[2], "--json"]) == 0
assert run(["grad", sys.argv[1], "-d", sys.argv[2], "--of", "total", "--json"]) == 0
assert "asdex" not in sys.modules and "numba" not in sys.modules
"""


def test_a_run_and_the_gradient_of_a_number_do_not_load_the_package(files):
    command = [sys.executable, "-c", QUIET, str(files / "m.opt"), str(files / "m.json")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert ended.returncode == 0, ended.stderr
