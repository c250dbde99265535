"""Reading model files."""

from pathlib import Path

import pytest

from karush.dsl.diagnostics import Diagnostic
from karush.dsl.files import MAX_BYTES, read_source
from karush.dsl.render import render
from karush.dsl.source import Source


def refused(path: Path) -> str:
    found = read_source(path)
    assert isinstance(found, Diagnostic)
    assert found.code == "E0111"
    assert found.fixes
    return render([found])


def test_a_file_and_its_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "a.opt"
    path.write_bytes(b"\xef\xbb\xbfdim n\r\n# \xc3\xa9")
    assert read_source(path) == Source(str(path), "dim n\r\n# é")


def test_what_is_not_there_or_no_file(tmp_path: Path) -> None:
    assert "no such file" in refused(tmp_path / "missing.opt")
    assert "directory" in refused(tmp_path)
    assert "E0111" in refused(tmp_path / ("x" * 5_000))
    assert "E0111" in refused(Path("a\0b"))


def test_a_file_without_rights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr("builtins.open", denied)
    found = read_source(tmp_path / "a.opt")
    assert isinstance(found, Diagnostic)
    assert "may not be opened" in found.message


def test_bytes_that_are_not_utf8_are_shown_in_their_place(tmp_path: Path) -> None:
    path = tmp_path / "a.opt"
    path.write_bytes("dim n\n# é and ".encode() + b"\xe9\n")
    text = refused(path)
    assert f"{path}:2:9" in text
    assert "0xE9" in text
    path.write_bytes(b"\xef\xbb\xbf# \xff")
    assert f"{path}:1:3" in refused(path)


def test_other_encodings_and_sizes(tmp_path: Path) -> None:
    path = tmp_path / "a.opt"
    path.write_bytes("dim n".encode("utf-16"))
    assert "UTF-16" in refused(path)
    path.write_bytes(b" " * (MAX_BYTES + 1))
    assert "more than" in refused(path)
