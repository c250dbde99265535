"""Imported files: found, called, and refused."""

from pathlib import Path

import numpy as np
import pytest

import karush
from karush.compiler.analyse import analyse
from karush.dsl.files import read_source

RIDGE = """## Ridge regression.
dim m, n, k = 2
param A[m, n], b[m], lam in pos = 1.0
atom twice(x) {
  value = 2 * x
  range nonneg
  affine in x
}
var w[n]
minimize cost: sumsq(A @ w - b) + twice(lam) * sumsq(w)
"""
BOTH = 'import "sub/mid.opt"\nlet w = fitted(A = X, b = y).w\nlet v = mid(X = X, y = y).v\n'
TOP = 'import "{}" as fitted\ndim p, q\nparam X[p, q], y[p]\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    (tmp_path / "ridge.opt").write_text(RIDGE)
    (tmp_path / "sub" / "mid.opt").write_text(
        TOP.format("../ridge.opt") + "let v = fitted(A = X, b = y, lam = 3).objective\n"
    )
    return tmp_path


def findings(folder: Path, text: str) -> list[tuple[str, str, str]]:
    """Code, file and message of what is found in a text that stands in the folder as ``top.opt``."""
    path = folder / "top.opt"
    path.write_text(text)
    found = analyse(read_source(path)).diagnostics
    return [(f.code, Path(f.labels[0].span.source.name).name, f.message) for f in found]


def test_a_file_is_a_model_and_files_import_files(folder) -> None:
    """Its params are the header, with their defaults; its atoms are its own."""
    text = TOP.format("ridge.opt") + BOTH
    assert not findings(folder, text)
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(4, 2)), rng.normal(size=4)
    found = karush.load(folder / "top.opt")(X=X, y=y)
    np.testing.assert_allclose(found.w, np.linalg.solve(X.T @ X + 2 * np.eye(2), X.T @ y), rtol=1e-12)
    w = np.linalg.solve(X.T @ X + 6 * np.eye(2), X.T @ y)
    np.testing.assert_allclose(found.v, np.sum((X @ w - y) ** 2) + 6 * w @ w, rtol=1e-12)


@pytest.mark.parametrize("path", ["../outside.opt", "/etc/passwd", "none.opt", "sub", "\\u0000", ""])
def test_paths_stay_below_the_root_and_lead_to_files(folder, path) -> None:
    (folder.parent / "outside.opt").write_text(RIDGE)
    assert [code for code, _, _ in findings(folder, f'import "{path}" as f\n')] == ["E0208"]


def test_a_link_out_of_the_root_is_refused(folder) -> None:
    (folder.parent / "secret.opt").write_text(RIDGE)
    (folder / "link.opt").symlink_to(folder.parent / "secret.opt")
    assert [code for code, _, _ in findings(folder, 'import "link.opt" as f\n')] == ["E0208"]


def test_files_that_import_each_other_are_refused(folder) -> None:
    (folder / "other.opt").write_text('import "top.opt" as t\nparam a\nlet c = t(a = a).b\n')
    found = findings(folder, 'import "other.opt" as o\nparam a\nlet b = o(a = a).c\n')
    assert [(code, file) for code, file, _ in found] == [("E0208", "other.opt")]
    assert [code for code, _, _ in findings(folder, 'import "top.opt" as me\n')] == ["E0208"]


def test_an_error_in_an_imported_file_is_said_there_and_once(folder) -> None:
    (folder / "ridge.opt").write_text(RIDGE.replace("- b)", "- c)"))
    text = TOP.format("ridge.opt") + BOTH
    assert [(code, file) for code, file, _ in findings(folder, text)] == [("E0201", "ridge.opt")]


def test_a_size_that_no_argument_tells_is_given_by_name(folder) -> None:
    (folder / "steps.opt").write_text("dim T\nparam a\nvar x[T]\nminimize sumsq(x - a)\n")
    text = 'import "steps.opt" as steps\nparam a\nlet x = steps({}a = a).x\n'
    assert [code for code, _, _ in findings(folder, text.format(""))] == ["E0301"]
    assert not findings(folder, text.format("T = 3, "))
    assert karush.load(folder / "top.opt")(a=2.0).x.shape == (3,)
