"""The house itself: packaging matches the tree, files stay short, text is read without JAX."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("dsl", "compiler", "solvers", "stdlib", "karush")


def sources() -> list[Path]:
    """Every Python file of the product, each once."""
    found = [p for room in ROOMS for p in (ROOT / room).rglob("*.py")]
    return [p for p in found if not any(parent.is_symlink() for parent in p.parents)]


def test_package_list_matches_tree() -> None:
    listed = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    folders = {p.parent.relative_to(ROOT) for p in sources() if p.name == "__init__.py"}
    names = {".".join(("karush", *f.parts)) if f.parts[0] != "karush" else ".".join(f.parts) for f in folders}
    assert listed == names


def test_every_package_data_file_is_shipped() -> None:
    data = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    patterns = {(package.replace("karush.", "", 1), pattern) for package, given in data.items() for pattern in given}
    shipped = {p for folder, pattern in patterns for p in (ROOT / folder.replace(".", "/")).glob(pattern)}
    present = {p for room in ROOMS for kind in ("*.opt", "*.lark") for p in (ROOT / room).rglob(kind)}
    assert {p for p in present if not any(parent.is_symlink() for parent in p.parents)} <= shipped


@pytest.mark.parametrize("path", sources(), ids=lambda p: str(p.relative_to(ROOT)))
def test_files_stay_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


def modules_after(code: str) -> set[str]:
    """Top-level modules that a fresh interpreter holds after running the code."""
    script = f"{code}\nimport sys; print(' '.join(sorted({{m.split('.')[0] for m in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.splitlines()[-1].split())


def test_import_of_the_package_imports_nothing_heavy() -> None:
    assert not {"jax", "numpy", "lark", "click", "rich"} & modules_after("import karush")


def test_check_imports_neither_jax_nor_numpy() -> None:
    model = ROOT / "examples" / "portfolio" / "portfolio.opt"
    code = (
        "from karush.cli import main\n"
        "import sys\n"
        "try:\n"
        f"    main(['check', {str(model)!r}])\n"
        "except SystemExit as end:\n"
        "    assert end.code in (0, None), end.code"
    )
    assert not {"jax", "jaxlib", "numpy", "jaxtyping"} & modules_after(code)


def test_solving_imports_jax_and_own_code_only() -> None:
    loaded = modules_after("import karush.solvers.quadratic_driver, karush.solvers.implicit")
    assert not {"lark", "click", "rich", "equinox", "lineax", "scipy.optimize"} & loaded
