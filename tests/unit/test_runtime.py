"""Artefacts: written, read back, run and differentiated, damaged ones refused; the runtime's imports."""

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import jax
import numpy as np
import pytest

import karush
from karush.export import export_model
from karush.problem import loads
from karush.runtime import LARGEST_META, META, PROGRAM, ArtifactError, open_artifact

ROOT = Path(__file__).parents[2]
FUNCTION = """dim n
param a[n], k in index(n), scale = 2.0
let y = [scale * a[i]^2 for i in n]
let first = a[k]
"""
PROJECTION = "param p\nvar x in nonneg\nminimize (x - p)^2 / 2\n"


@pytest.fixture(scope="module")
def function_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("artefact") / "f.karush"
    export_model(loads(FUNCTION, "f.opt"), {"n": 3}, vjp=True).save(path)
    return path


def test_an_artefact_runs_as_the_model(function_file):
    artefact = karush.open(function_file)
    found = artefact(a=[1.0, 2, 3], k=1)
    assert found.y.tolist() == [2, 8, 18] and float(found.first) == 2
    assert artefact(a=[1.0, 2, 3], k=1, scale=1.0).y.tolist() == [1, 4, 9]
    assert artefact.metadata.dims == {"n": 3}


def test_an_artefact_compiled_with_its_derivative_can_be_differentiated(function_file):
    artefact = open_artifact(function_file)
    gradient = jax.grad(lambda a: artefact(a=a, k=0).y.sum())(np.array([1.0, 2, 3]))
    assert gradient.tolist() == [4, 8, 12]


def test_a_problem_keeps_its_status_duals_and_objective(tmp_path):
    path = tmp_path / "p.karush"
    export_model(loads(PROJECTION, "p.opt"), {}).save(path)
    found = open_artifact(path)(p=-2.0)
    assert found.status.word == "solved"
    assert np.allclose([found.x, found.objective, found.dual.x], [0, 2, 2], atol=1e-7)


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"a": [1, 2, 3]}, "E0401"),
        ({"a": [1, 2], "k": 0}, "E0404"),
        ({"a": [1, 2, 3], "k": 0, "z": 1}, "E0403"),
        ({"a": [1, np.nan, 3], "k": 0}, "E0407"),
        ({"a": ["x", "y", "z"], "k": 0}, "E0406"),
        ({"a": [1, 2, 3], "k": 0.5}, "E0406"),
    ],
)
def test_wrong_inputs_are_refused_with_a_code(function_file, params, code):
    with pytest.raises(ArtifactError) as caught:
        open_artifact(function_file)(**params)
    assert caught.value.code == code


def rewritten(path, changes):
    """The artefact with some of its files replaced or (None) left out."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
        for name in (META, PROGRAM):
            data = changes.get(name, old.read(name))
            if data is not None:
                new.writestr(name, data)
    return buffer.getvalue()


def test_damaged_artefacts_are_refused(function_file, tmp_path):
    meta = json.loads(zipfile.ZipFile(function_file).read(META))
    whole = function_file.read_bytes()
    cases = [
        b"",
        b"not a zip",
        whole[: len(whole) // 2],
        rewritten(function_file, {META: None}),
        rewritten(function_file, {META: b"[]"}),
        rewritten(function_file, {META: b"[" * 100_000}),
        rewritten(function_file, {META: json.dumps({**meta, "format": 99})}),
        rewritten(function_file, {META: json.dumps({**meta, "outputs": []})}),
        rewritten(function_file, {META: json.dumps({**meta, "inputs": [{"name": "a"}]})}),
        rewritten(function_file, {PROGRAM: b"\x00" * 64}),
        rewritten(function_file, {META: b" " * (LARGEST_META + 1)}),
    ]
    for place, data in enumerate(cases):
        path = tmp_path / f"{place}.karush"
        path.write_bytes(data)
        with pytest.raises(ArtifactError) as caught:
            open_artifact(path)
        assert caught.value.code == "E0409"
    with pytest.raises(ArtifactError):
        open_artifact(tmp_path / "absent.karush")


def test_double_precision_asks_for_the_switch(function_file):
    with jax.enable_x64(False), pytest.raises(ArtifactError, match="jax_enable_x64"):
        open_artifact(function_file)


def test_sizes_and_platforms_are_checked():
    with pytest.raises(ValueError, match="`m` is not a size"):
        export_model(loads(FUNCTION), {"m": 3})
    with pytest.raises(ValueError, match="tpu"):
        export_model(loads(FUNCTION), {"n": 3}, ["abacus"])
    with pytest.raises(karush.ModelError):
        export_model(loads(FUNCTION), {})


def test_texts_of_a_program_and_of_its_derivative():
    model = loads(FUNCTION)
    export = export_model(model, {"n": 3}, ("cpu", "tpu"))
    assert "stablehlo" in export.stablehlo()
    assert "lambda" in export.jaxpr()
    assert export_model(model, {"n": 3}, vjp=True).jaxpr() != export.jaxpr()


def test_the_runtime_needs_jax_numpy_flatbuffers_and_python_alone(function_file):
    script = f"""
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("lark", "click", "rich", "scipy.optimize", "lineax", "optimistix", "equinox"):
            raise ImportError("blocked: " + name)
        if name.startswith(("karush.compiler", "karush.dsl", "karush.stdlib", "karush.data")):
            raise ImportError("blocked: " + name)
        return None
sys.meta_path.insert(0, Block())
import jax
jax.config.update("jax_enable_x64", True)
import karush
print(karush.open({str(function_file)!r})(a=[1.0, 2.0, 3.0], k=2).first)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "3.0"
