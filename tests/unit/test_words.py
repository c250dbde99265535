"""One list of words feeds editors, highlighter and language server: it is that of the grammar and of the library."""

from __future__ import annotations

import importlib
import importlib.util
import json
import re
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
from pygments.token import Comment, Error, Keyword, Name, String, Token

from karush import words as listed
from karush.compiler.library import load_library
from karush.compiler.resolving.calls import LANGUAGE_NAMES
from karush.dsl import grammar
from karush.dsl.source import Source
from karush.dsl.tokens import CLAUSE_WORDS, lex
from karush.pygments_lexer import KarushLexer

ROOT = Path(__file__).parents[2]
MODELS = sorted((ROOT / "examples").glob("*/*.opt"))
WORDS = listed.words()


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_editors", ROOT / "editors" / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_keywords_are_those_of_the_grammar() -> None:
    text = grammar.grammar_text()
    terminals = set(re.findall(r'^[A-Z_]+: "([a-z]+)"$', text, re.MULTILINE))
    assert set(WORDS.keywords) == terminals | {"subject to"}
    declared = re.search(r"^%declare (.*)$", text, re.MULTILINE)
    assert declared is not None
    assert set(WORDS.clauses) == set(CLAUSE_WORDS)
    assert set(CLAUSE_WORDS.values()) | {"_OVER", "_AS", "_PRIMITIVE"} == set(declared[1].split())


def test_names_are_those_of_the_library() -> None:
    library = load_library()
    assert set(WORDS.functions) == library.atom_names() | LANGUAGE_NAMES
    assert set(WORDS.sets) == library.set_names()


def test_every_word_has_a_meaning() -> None:
    assert set(listed.STATEMENTS) == set(WORDS.statements)
    assert set(listed.OPERATORS) == set(WORDS.operators)
    assert set(listed.CONSTANTS) == set(WORDS.constants)
    assert set(listed.CLAUSES) == set(WORDS.clauses)
    assert set(listed.FUNCTIONS) == LANGUAGE_NAMES


def test_editor_files_are_what_the_script_writes() -> None:
    module = generator()
    for name, text in module.files(WORDS).items():
        assert (ROOT / "editors" / name).read_text(encoding="utf-8") == text, f"run editors/generate.py: {name}"
    assert set(module.AFTER_CLAUSE) == set(WORDS.clauses)


def test_the_textmate_grammar_knows_every_word() -> None:
    written = json.loads((ROOT / "editors/vscode/syntaxes/karush.tmLanguage.json").read_text(encoding="utf-8"))
    text = " ".join(pattern["match"] for pattern in written["repository"]["word"]["patterns"])
    known = set(re.findall(r"[a-z_0-9]+", text))
    every = {*WORDS.keywords, *WORDS.functions, *WORDS.sets, *WORDS.clauses} - {"subject to"}
    assert every <= known


def test_the_vim_syntax_knows_every_word() -> None:
    text = (ROOT / "editors/vim/syntax/karush.vim").read_text(encoding="utf-8")
    every = {*WORDS.keywords, *WORDS.functions, *WORDS.sets, *WORDS.clauses} - {"subject to"}
    assert every <= set(re.findall(r"[a-z_0-9]+", re.sub(r"\\z[se]", " ", text)))
    groups = set(re.findall(r"^syntax (?:match|keyword) (\w+)", text, re.MULTILINE))
    assert groups == set(re.findall(r"^highlight default link (\w+)", text, re.MULTILINE))


# ---------------------------------------------------------------- Pygments


def test_the_lexer_is_an_entry_point() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    module, _, name = project["entry-points"]["pygments.lexers"]["karush"].partition(":")
    assert getattr(importlib.import_module(module), name) is KarushLexer
    assert KarushLexer.filenames == ["*.opt"] and "karush" in KarushLexer.aliases


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_pygments_agrees_with_the_grammar(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    found = {index: (kind, value) for index, kind, value in KarushLexer().get_tokens_unprocessed(text) if value.strip()}
    assert all(kind not in Error for kind, _ in found.values())
    keywords = set(WORDS.keywords)
    for token in lex(Source("m.opt", text), grammar.load()).tokens:
        kind, value = found[token.start_pos or 0]
        if token.type == "SUBJECT_TO" or token in keywords:
            assert kind in Keyword or kind in Token.Operator.Word
        elif token.type == "NAME":
            assert kind in Name and value == token
        elif token.type == "STRING":
            assert kind in String


def test_pygments_kinds() -> None:
    text = "## doc\nlet a = abs(w.T) # why\nsubject to\n  cap: a in nonneg\n"
    found = {value: kind for kind, value in KarushLexer().get_tokens(text)}
    assert found["## doc"] in String.Doc and found["# why"] in Comment
    assert found["abs"] is Name.Builtin and found["cap"] is Name.Label and found["T"] is Name.Attribute
    assert found["nonneg"] is Name.Builtin.Pseudo and found["a"] is Name
