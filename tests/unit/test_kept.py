"""What was found of a text is kept between runs of ``karush check``."""

import subprocess
import sys
from pathlib import Path

import pytest

from karush.cli import kept
from karush.cli.check import check_file
from karush.cli.checking import analysed
from karush.dsl.codes import CODES
from karush.dsl.source import Source

TEXTS = [page.trigger for page in CODES.values() if page.trigger is not None]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "karush"


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: text.splitlines()[0][:30])
def test_what_is_recalled_is_what_was_found(cache: Path, text: str) -> None:
    source = Source("model.opt", text)
    found = analysed(source, (), ())
    recalled = kept.recall(source)
    assert recalled is None if text.startswith("import") else recalled == found


def test_another_text_another_name_and_another_package_are_not_known(cache: Path, monkeypatch) -> None:
    analysed(Source("model.opt", "param a\nlet b = a\n"), (), ())
    assert kept.recall(Source("model.opt", "param a\nlet b = a\n")) is not None
    assert kept.recall(Source("model.opt", "param a\nlet b = 2\n")) is None
    assert kept.recall(Source("other.opt", "param a\nlet b = a\n")) is None
    monkeypatch.setattr(kept, "fingerprint", lambda: "another version")
    assert kept.recall(Source("model.opt", "param a\nlet b = a\n")) is None


@pytest.mark.parametrize("record", ["", "{}", "[]", "null", '{"summary": "QP", "findings": [{}]}', "\x80", '{"a": 1'])
def test_a_spoilt_record_is_none(cache: Path, record: str) -> None:
    source = Source("model.opt", "param a\nlet b = c\n")
    analysed(source, (), ())
    (path,) = cache.glob("check-*.json")
    path.write_text(record)
    assert kept.recall(source) is None


def test_a_record_that_others_could_have_written_is_not_read(cache: Path) -> None:
    source = Source("model.opt", "param a\nlet b = c\n")
    analysed(source, (), ())
    (path,) = cache.glob("check-*.json")
    path.chmod(0o666)
    assert kept.recall(source) is None


def test_no_more_than_a_few_are_kept(cache: Path, monkeypatch) -> None:
    monkeypatch.setattr(kept, "MOST_KEPT", 3)
    for number in range(5):
        analysed(Source("model.opt", f"let b = {number}\n"), (), ())
    assert len(list(cache.glob("check-*.json"))) == 3
    assert kept.recall(Source("model.opt", "let b = 4\n")) is not None


def test_requirements_are_looked_into_every_time(cache: Path, tmp_path: Path) -> None:
    path = tmp_path / "m.opt"
    path.write_text("param p\nlet y = abs(p)\n")
    assert check_file(str(path), (), ()).is_good
    assert not check_file(str(path), (), ("smooth",)).is_good
    assert check_file(str(path), (), ()).is_good


def test_an_unchanged_file_is_checked_without_the_parser(cache: Path, tmp_path: Path) -> None:
    path = tmp_path / "m.opt"
    path.write_text("param p\nvar x\nminimize (x - p)^2\n")
    assert check_file(str(path), (), ()).is_good
    code = (
        "import sys; from karush.cli.app import run; assert run(['check', sys.argv[1]]) == 0;"
        "sys.exit(any(m in sys.modules for m in ('jax', 'numpy', 'lark', 'karush.compiler.model')))"
    )
    assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode == 0
