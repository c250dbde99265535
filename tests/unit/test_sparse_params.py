"""Sparse params: what goes in, what is refused, that products stay sparse, and gradients on the pattern."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse
from jax.experimental import sparse as jax_sparse
from jax.experimental.sparse import BCOO, BCSR

import karush
from karush.cli.app import run
from karush.compiler.lowering.sparse_values import WORTH_KEEPING, canonical, densified, in_order

LEAST_SQUARES = """dim m, n
param A[m, n], b[m]
var x[n]
minimize sumsq(A @ x - b) + sumsq(x)
let first = A[0, 1] + sum(A)
"""
FUNCTION = """dim m, n
param A[m, n], x[n], y[m], at[3] in index(m)
let u = A @ x
let v = (2 * A).T @ y
let w = y @ (A - A / 4) @ x
let e = A[3, 5] + sum(A) + sumsq(A)
let q = sum(A[i, 0] * y[i] for i in m)
let g = [A[at[k], 2] for k in range(3)]
"""
SIDE = 600
assert SIDE * SIDE > WORTH_KEEPING


@pytest.fixture(scope="module")
def model():
    return karush.loads(LEAST_SQUARES)


@pytest.fixture(scope="module")
def data():
    A = scipy.sparse.random(6, 4, 0.5, random_state=1, format="csr")
    return A, np.cos(np.arange(6.0))


def objective(model, matrix, b):
    return model(A=matrix, b=b).objective


# ---------------------------------------------------------------- what goes in


def test_every_sparse_type_gives_what_the_dense_matrix_gives(model, data):
    A, b = data
    wanted = model(A=A.toarray(), b=b)
    coo = A.tocoo()
    listed = {"coo": [coo.row.tolist(), coo.col.tolist(), coo.data.tolist()], "shape": [6, 4]}
    for matrix in (A, A.tocsc(), coo, BCOO.from_scipy_sparse(A), BCSR.from_scipy_sparse(A), listed):
        found = model(A=matrix, b=b)
        assert np.allclose(found.x, wanted.x, atol=1e-9)
        assert np.allclose(found.first, wanted.first)


def test_padding_and_repeated_positions_mean_what_jax_says_they_mean(model, data):
    b = data[1]
    indices = np.array([[5, 3], [0, 0], [5, 3], [6, 4]])
    padded = BCOO((jnp.array([1.0, 2.0, 3.0, 9.0]), jnp.asarray(indices)), shape=(6, 4))
    dense = np.zeros((6, 4))
    dense[5, 3], dense[0, 0] = 4, 2
    assert np.allclose(model(A=padded, b=b).x, model(A=dense, b=b).x, atol=1e-9)
    traced = jax.jit(lambda values: model(A=BCOO((values, padded.indices), shape=(6, 4)), b=b).x)(padded.data)
    assert np.allclose(traced, model(A=dense, b=b).x, atol=1e-9)


def test_a_stored_zero_belongs_to_the_pattern(model, data):
    A = scipy.sparse.coo_matrix((np.array([0.0, 1.0]), (np.array([0, 1]), np.array([0, 0]))), shape=(6, 4))
    _, pull = karush.vjp(model, wrt=("A",))(A=A, b=data[1])
    gradient = pull(1.0).A
    assert gradient.nse == 2 and gradient.data[0] != 0


def test_operations_with_a_sparse_rule_agree_with_the_dense_ones():
    A = scipy.sparse.random(SIDE, SIDE + 1, 0.01, random_state=2, format="csr")
    x, y, at = np.cos(np.arange(SIDE + 1.0)), np.sin(np.arange(float(SIDE))), np.array([3, 500, 3])
    function = karush.loads(FUNCTION)
    found = function(A=A, x=x, y=y, at=at)
    dense = A.toarray()
    assert np.allclose(found.u, dense @ x)
    assert np.allclose(found.v, 2 * dense.T @ y)
    assert np.allclose(found.w, 0.75 * y @ dense @ x)
    assert np.allclose(found.e, dense[3, 5] + dense.sum() + (dense**2).sum())
    assert np.allclose(found.q, dense[:, 0] @ y) and np.allclose(found.g, dense[at, 2])
    lowered = jax.jit(lambda M: function(A=M, x=x, y=y, at=at).u).lower(BCOO.from_scipy_sparse(A)).as_text()
    assert f"tensor<{SIDE}x{SIDE + 1}xf64>" not in lowered


def test_coordinates_are_put_in_order_and_added_up_while_tracing():
    indices = jnp.array([[2, 1], [0, 0], [2, 1], [1, 1], [0, 0]])
    matrix = BCOO((jnp.arange(1.0, 6.0), indices), shape=(3, 2))
    found = jax.jit(canonical)(matrix)
    assert np.allclose(densified(found), matrix.todense())
    assert found.indices.tolist()[:3] == [[0, 0], [1, 1], [2, 1]] and not found.data[3:].any()
    slopes = jax.grad(lambda values: densified(canonical(BCOO((values, indices), shape=(3, 2))))[0, 0] ** 2)(
        matrix.data
    )
    assert np.allclose(slopes, [0, 14, 0, 0, 14])


@pytest.mark.parametrize("shape", [(3, 4), (2**31 - 2, 2**31 - 2)])
def test_positions_are_sorted_whether_or_not_they_fit_into_one_integer(shape):
    m, n = shape
    rows, columns = jnp.array([2, 0, m, 2, 1], jnp.int32), jnp.array([3, 1, n, 0, 2], jnp.int32)
    found = [part.tolist() for part in in_order(rows, columns, shape)]
    assert found == [[0, 1, 2, 2, m], [1, 2, 0, 3, n], [1, 4, 3, 0, 2]]


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("matrix", "code"),
    [
        ({"coo": [[6], [0], [1.0]], "shape": [6, 4]}, "E0404"),
        ({"coo": [[-1], [0], [1.0]], "shape": [6, 4]}, "E0404"),
        ({"coo": [[0], [0], [1.0]], "shape": [5, 4]}, "E0402"),
        ({"coo": [[0, 1], [0], [1.0]], "shape": [6, 4]}, "E0404"),
        ({"coo": [[0], [0], [float("nan")]], "shape": [6, 4]}, "E0407"),
        ({"coo": [[0], [0], ["inf"]], "shape": [6, 4]}, "E0408"),
        ({"coo": [[0], [0], [1.0]], "shape": [10**9, 10**9]}, "E0404"),
        ({"coo": [[0], [0], [1.0]], "shape": [10**400, 4]}, "E0404"),
    ],
)
def test_wrong_coordinates_are_findings(model, data, matrix, code):
    with pytest.raises(karush.ModelError) as caught:
        model(A=matrix, b=data[1])
    assert [finding.code for finding in caught.value.diagnostics] == [code]


def test_a_nan_is_named_by_its_place_in_the_matrix(model, data):
    A = data[0].tolil()
    A[4, 2] = np.nan
    with pytest.raises(karush.ModelError, match=r"`A\[4, 2\]` is not a number"):
        model(A=A.tocsr(), b=data[1])


def test_a_huge_shape_with_few_entries_is_used_sparse_or_refused_with_its_place():
    huge = scipy.sparse.coo_matrix((np.ones(2), (np.array([0, 70_000]), np.array([1, 80_000]))), shape=(10**5, 10**5))
    assert karush.loads("dim n\nparam A[n, n]\nlet y = sum(A)\n")(A=huge).y == 2
    with pytest.raises(karush.ModelError, match="too large to be made dense") as caught:
        karush.loads("dim n\nparam A[n, n]\nlet y = max(A)\n")(A=huge)
    (finding,) = caught.value.diagnostics
    assert finding.code == "E0410" and finding.labels[0].span.line == 3
    with pytest.raises(karush.ModelError, match="real numbers alone"):
        karush.loads("dim n\nparam A[n, n] in int\nlet y = A[0, 1] + 0.5\n")(A=huge)


@pytest.mark.parametrize(
    ("declared", "matrix", "said"),
    [
        ("nonneg", [[1, 0], [0, -2]], r"`A\[1, 1\]` is -2"),
        ("pos", [[1, 0], [0, 2]], r"`A\[0, 1\]` is 0, as every entry that is not stored"),
        ("pos", [[1, 1], [0, 2]], r"`A\[1, 0\]` is 0, as every entry that is not stored"),
        ("box(0.5, 3)", [[1, 1], [0, 2]], "as every entry that is not stored"),
        ("box(0, 1.5)", [[1, 0], [0, 2]], r"`A\[1, 1\]` is 2"),
        ("sym", [[1, 3], [0, 1]], "symmetric"),
        ("psd", [[1, 3], [3, 1]], "eigenvalue"),
    ],
)
def test_sets_are_checked_by_the_entries_and_by_zero_where_none_is_stored(declared, matrix, said):
    text = f"dim n\nparam A[n, n] in {declared}\nlet y = sum(A)\n"
    with pytest.raises(karush.ModelError, match=said):
        karush.loads(text)(A=scipy.sparse.csr_matrix(np.array(matrix, float)))


@pytest.mark.parametrize("declared", ["nonneg", "box(-1, 5)", "sym", "psd", "pd"])
def test_a_matrix_in_its_set_passes(declared):
    text = f"dim n\nparam A[n, n] in {declared}\nlet y = sum(A)\n"
    assert karush.loads(text)(A=scipy.sparse.eye_array(3, format="csr")).y == 3


def test_large_matrices_are_known_to_be_psd_or_not_without_their_dense_form():
    n = 20_000
    second = scipy.sparse.diags_array([-np.ones(n - 1), 2 * np.ones(n), -np.ones(n - 1)], offsets=[-1, 0, 1])
    text = "dim n\nparam A[n, n] in psd\nlet y = sum(A)\n"
    assert karush.loads(text)(A=second.tocsr()).y == 2
    with pytest.raises(karush.ModelError, match="eigenvalue of at most -"):
        karush.loads(text)(A=(second - 3 * scipy.sparse.eye_array(n)).tocsr())


def test_broken_pointers_are_a_finding(tmp_path, capsys):
    (tmp_path / "f.opt").write_text("dim m, n\nparam A[m, n]\nlet y = sum(A)\n")
    parts = {"format": "csr", "shape": [2, 2], "data": [1.0], "indices": [0]}
    for pointers in ([0, 10**12, 10**12], [0, -5, 1], [0, 1]):
        np.savez(tmp_path / "A.npz", indptr=np.array(pointers), **{k: np.asarray(v) for k, v in parts.items()})
        assert run(["run", str(tmp_path / "f.opt"), "-d", f"A={tmp_path / 'A.npz'}"]) in (0, 1)
        told = capsys.readouterr()
        assert "error[E04" in told.err or json.loads(told.out)["values"]["y"] == 1


# ---------------------------------------------------------------- gradients


def test_gradients_on_the_pattern_three_ways(model, data):
    A, b = data
    matrix = BCOO.from_scipy_sparse(A)

    def value(entries):
        return model(A=BCOO((entries, matrix.indices), shape=matrix.shape), b=b).x @ jnp.arange(1.0, 5.0)

    dense = jax.grad(lambda M: model(A=M, b=b).x @ jnp.arange(1.0, 5.0))(jnp.asarray(A.toarray()))
    wanted = dense[matrix.indices[:, 0], matrix.indices[:, 1]]
    backward = jax.grad(value)(matrix.data)
    assert np.allclose(backward, wanted, atol=1e-8)
    direction = jnp.cos(jnp.arange(matrix.nse))
    _, forward = jax.jvp(value, (matrix.data,), (direction,))
    assert np.allclose(forward, backward @ direction, atol=1e-8)
    ends = [value(matrix.data + sign * 1e-5 * direction) for sign in (1, -1)]
    assert np.allclose((ends[0] - ends[1]) / 2e-5, forward, rtol=1e-6, atol=1e-8)


def test_a_sparse_matrix_has_a_sparse_gradient(model, data):
    A, b = data
    matrix = BCOO.from_scipy_sparse(A)
    dense = jax.grad(lambda M: objective(model, M, b))(jnp.asarray(A.toarray()))
    wanted = dense[matrix.indices[:, 0], matrix.indices[:, 1]]
    by_jax = jax_sparse.grad(lambda M: objective(model, M, b))(matrix)
    assert isinstance(by_jax, BCOO) and np.allclose(by_jax.data, wanted, atol=1e-8)
    _, pull = karush.vjp(model, wrt=("A",))(A=A, b=b)
    gradient = pull(1.0).A
    assert isinstance(gradient, BCOO)
    assert np.allclose(gradient.todense(), np.where(A.toarray() != 0, dense, 0), atol=1e-8)
    _, push = karush.jvp(model, wrt=("A",))(A=A, b=b)
    assert np.allclose(push(A=gradient).tangent, gradient.data @ gradient.data, rtol=1e-7)


def test_a_batch_of_entries_maps(model, data):
    A, b = data
    matrix = BCOO.from_scipy_sparse(A)
    batch = jnp.stack([matrix.data, 2 * matrix.data])
    found = jax.vmap(lambda entries: model(A=BCOO((entries, matrix.indices), shape=matrix.shape), b=b).x)(batch)
    assert np.allclose(found[1], model(A=2 * A, b=b).x, atol=1e-9)


def test_the_command_line_takes_both_forms_and_gives_the_gradient_on_the_pattern(tmp_path, capsys, data):
    A, b = data
    coo = A.tocoo()
    (tmp_path / "m.opt").write_text(LEAST_SQUARES)
    scipy.sparse.save_npz(tmp_path / "A.npz", A.tocsc())
    listed = {"coo": [coo.row.tolist(), coo.col.tolist(), coo.data.tolist()], "shape": [6, 4]}
    (tmp_path / "A.json").write_text(json.dumps({"A": listed, "b": b.tolist()}))
    (tmp_path / "b.json").write_text(json.dumps({"b": b.tolist()}))
    file = str(tmp_path / "m.opt")
    answers = []
    for given in (["-d", f"A={tmp_path / 'A.npz'}", "-d", str(tmp_path / "b.json")], ["-d", str(tmp_path / "A.json")]):
        assert run(["grad", file, *given, "--wrt", "A", "--check"]) == 0
        answers.append(json.loads(capsys.readouterr().out))
    for answer in answers:
        gradient = answer["gradients"]["A"]
        assert gradient["shape"] == [6, 4] and gradient["coo"][0] == sorted(coo.row.tolist())
        assert answer["check"]["A"]["difference"] < 1e-6
    assert answers[0]["gradients"] == answers[1]["gradients"]
    rows, columns, values = answers[0]["gradients"]["A"]["coo"]
    again = {"coo": [rows, columns, values], "shape": [6, 4]}  # a gradient is a sparse matrix itself
    assert karush.loads(LEAST_SQUARES)(A=again, b=b).status == 0
    assert run(["run", file, "-d", str(tmp_path / "A.json")]) == 0
    assert json.loads(capsys.readouterr().out)["status"] == "solved"
