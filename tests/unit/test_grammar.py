"""The grammar has no conflicts, and its table is kept safely."""

import json
import os
import re
import stat
from pathlib import Path

import pytest

from karush.dsl import grammar
from karush.dsl.cache import private_cache
from karush.dsl.tokens import KEYWORDS, STATEMENT_WORDS


def test_the_grammar_has_no_conflict_and_no_ambiguous_terminal() -> None:
    parser = grammar.build(grammar.grammar_text(), strict=True)
    assert parser.options.lexer == "basic"


def test_the_keywords_are_the_terminals_of_the_grammar() -> None:
    words = set(re.findall(r'^[A-Z]+: "([a-z]+)"$', grammar.grammar_text(), re.MULTILINE))
    assert words == KEYWORDS
    assert {word.lower() for word in STATEMENT_WORDS} - {"subject_to"} <= KEYWORDS


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "karush"


def load() -> grammar.Lark:
    """As in a fresh process."""
    return grammar.load.__wrapped__()


def test_a_kept_table_parses_as_the_grammar_does(cache: Path) -> None:
    built = load()
    (path,) = cache.iterdir()
    kept = grammar.read_table(path)
    assert kept is not None
    for text in ("let", "let a", "minimize"):
        assert [t.type for t in kept.lex(text)] == [t.type for t in built.lex(text)]
    assert len(kept.rules) == len(built.rules)
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    json.loads(path.read_text())


def test_a_table_that_others_could_have_written_is_not_read(cache: Path) -> None:
    load()
    (path,) = cache.iterdir()
    path.chmod(0o666)
    assert grammar.read_table(path) is None
    cache.chmod(0o777)
    assert private_cache() is None


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"data": {}, "memo": {}}', '{"data": 1', "\x80"])
def test_a_spoilt_table_is_built_anew(cache: Path, text: str) -> None:
    load()
    (path,) = cache.iterdir()
    path.write_text(text)
    assert grammar.read_table(path) is None
    assert load().parse("dim n").data == "dim"
    assert grammar.read_table(path) is not None


def test_a_home_that_cannot_be_written_is_no_trouble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    assert private_cache() is None
    assert load().parse("dim n").data == "dim"


def test_a_link_in_the_place_of_the_cache_is_not_followed(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    os.symlink(tmp_path / "elsewhere", cache)
    assert private_cache() is None


def test_nothing_is_left_behind_when_a_table_is_written(cache: Path) -> None:
    parser = load()
    for path in cache.iterdir():
        grammar.write_table(path, parser)
    assert len(list(cache.iterdir())) == 1
