"""``karush fmt``: what is written, what is said, exit codes."""

import io
import subprocess
import sys
from pathlib import Path

import pytest

from karush.cli.app import run

UGLY = "dim n\nvar x[ n ] in nonneg   # shares\nminimize sum( x )"
NEAT = "dim n\nvar x[n] in nonneg  # shares\nminimize sum(x)\n"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "m.opt"
    path.write_text(UGLY)
    return path


def test_a_file_is_rewritten_and_named(model, capsys):
    model.chmod(0o640)
    assert run(["fmt", str(model)]) == 0
    assert model.read_text() == NEAT
    assert model.stat().st_mode & 0o777 == 0o640
    assert capsys.readouterr().err == f"formatted {model}\n"
    assert list(model.parent.iterdir()) == [model]
    assert run(["fmt", str(model)]) == 0
    assert capsys.readouterr() == ("", "")


def test_check_writes_nothing_and_fails_if_something_would_change(model, capsys):
    assert run(["fmt", "--check", str(model)]) == 1
    assert model.read_text() == UGLY
    assert "would format" in capsys.readouterr().err
    model.write_text(NEAT)
    assert run(["fmt", "--check", str(model)]) == 0


def test_diff_prints_what_would_change(model, capsys):
    assert run(["fmt", "--diff", str(model)]) == 0
    assert model.read_text() == UGLY
    shown = capsys.readouterr().out
    assert "-minimize sum( x )\n" in shown
    assert "+minimize sum(x)\n" in shown
    assert run(["fmt", "--diff", "--check", str(model)]) == 1


def test_stdin_goes_to_stdout(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(UGLY.encode())))
    assert run(["fmt", "-"]) == 0
    assert capsys.readouterr().out == NEAT


def test_a_file_with_an_error_is_left_alone_and_the_others_are_formatted(model, tmp_path, capsys):
    broken = tmp_path / "broken.opt"
    broken.write_text("let a =\n")
    assert run(["fmt", str(broken), str(model)]) == 1
    assert broken.read_text() == "let a =\n"
    assert model.read_text() == NEAT
    assert "error[E01" in capsys.readouterr().err


def test_a_folder_stands_for_its_model(tmp_path):
    (tmp_path / "model.opt").write_text(UGLY)
    assert run(["fmt", str(tmp_path)]) == 0
    assert (tmp_path / "model.opt").read_text() == NEAT


def test_a_file_that_cannot_be_written_is_told(model, monkeypatch, capsys):
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("karush.cli.format.write_whole", refuse)
    assert run(["fmt", str(model)]) == 2
    assert "cannot be written: Permission denied" in capsys.readouterr().err
    assert model.read_text() == UGLY


def test_neither_jax_nor_numpy_is_imported(model):
    code = (
        "import sys; from karush.cli.app import run; run(['fmt', sys.argv[1]]);"
        "sys.exit(any(m in sys.modules for m in ('jax', 'numpy')))"
    )
    assert subprocess.run([sys.executable, "-c", code, str(model)], check=False).returncode == 0
