"""``karush new``: starters and data templates; the JSON schema of the data."""

import json
from pathlib import Path

import jsonschema
import pytest

from karush.cli.app import run
from karush.cli.check import check_file
from karush.compiler.analyse import analyse_text
from karush.compiler.show.stages import interface_schema
from karush.dsl.diagnostics import Severity
from karush.stdlib.lattice import FREE, Interval
from karush.template import data_template, number_in, sizes_for

ROOT = Path(__file__).parents[2]
MODELS = [
    path
    for path in sorted((ROOT / "tests" / "models").glob("*.opt")) + sorted((ROOT / "examples").glob("*/*.opt"))
    if path.stem != "every_statement"
]


def template(text: str, **sizes: int) -> dict:
    analysis = analyse_text(text)
    assert analysis.model is not None and analysis.facts is not None
    return data_template(analysis.model, analysis.facts, sizes)


@pytest.mark.parametrize("path", MODELS, ids=lambda p: p.stem)
def test_the_template_of_a_model_is_data_that_the_model_takes(path: Path, tmp_path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    analysis = analyse_text(text, path.name)
    assert analysis.model is not None
    found = template(text)
    (tmp_path / "d.json").write_text(json.dumps(found))
    (tmp_path / path.name).write_text(text)
    findings = check_file(str(tmp_path / path.name), [str(tmp_path / "d.json")], ()).findings
    assert not [f for f in findings if f.severity is Severity.ERROR and f.code.startswith("E04")]
    schema = interface_schema(analysis.model)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(found, schema)


@pytest.mark.parametrize("folder", ["mpc", "portfolio"])
def test_the_schema_takes_the_data_of_the_examples_and_no_others(folder: str) -> None:
    (path,) = (ROOT / "examples" / folder).glob("*.opt")
    model = analyse_text(path.read_text(encoding="utf-8")).model
    assert model is not None
    schema = interface_schema(model)
    data = json.loads((path.parent / "data.json").read_text())
    jsonschema.validate(data, schema)
    some = next(name for name, param in model.params.items() if param.default is None and param.shape)
    for wrong in ({**data, "strange": 1}, {**data, some: "text"}, {k: v for k, v in data.items() if k != some}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema)


@pytest.mark.parametrize(
    ("declared", "value"),
    [
        ("a", 1.0),
        ("a in pos", 1.0),
        ("a in neg", -1.0),
        ("a in box(3, 4)", 3.5),
        ("a in bool", False),
        ("a in int", 0),
        ("a[n] in simplex", [0.5, 0.5]),
        ("a[n, n] in psd", [[1.0, 0.0], [0.0, 1.0]]),
        ("a[n + 1]", [1.0, 1.0, 1.0]),
        ("a[2] in index(n)", [0, 0]),
        ("a[3] in soc", [1.0, 0.0, 0.0]),
        ("a[3] in exp_cone", [0.0, 1.0, 1.0]),
    ],
)
def test_a_placeholder_has_the_shape_and_lies_in_the_set(declared: str, value: object) -> None:
    assert template(f"dim n\nparam b[n], {declared}\nlet y = sum(b)\n")["a"] == value


def test_sizes_are_given_defaults_or_small_and_different() -> None:
    model = analyse_text("dim n, m, T = n + 1\nparam a[n, m]\nlet y = sum(a) * T\n").model
    assert model is not None
    assert sizes_for(model, {}) == {"n": 2, "m": 3, "T": 3}
    assert sizes_for(model, {"n": 7}) == {"n": 7, "m": 2, "T": 8}


def test_a_size_that_no_param_shows_stands_in_the_template() -> None:
    assert template("dim n, T\nparam a[n]\nvar x[T]\nminimize sumsq(x) + sum(a)\n") == {"T": 3, "a": [1.0, 1.0]}


@pytest.mark.parametrize("interval", [FREE, Interval(2, 3), Interval(-9, -4), Interval(5), Interval(0.1, 0.2)])
def test_a_number_of_an_interval_lies_in_it(interval: Interval) -> None:
    assert number_in(interval) in interval


def test_a_starter_is_a_model_that_runs_on_its_template(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["new", "fit"]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fit.json", "fit.opt"]
    assert "karush run fit.opt -d fit.json" in capsys.readouterr().err
    assert run(["check", "fit.opt", "-d", "fit.json"]) == 0
    assert run(["fmt", "--check", "fit.opt"]) == 0


def test_nothing_is_overwritten(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fit.json").write_text("mine")
    assert run(["new", "fit"]) == 2
    assert "fit.json is there already" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["fit.json"]


def test_a_template_goes_to_stdout_or_to_a_new_file(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.opt").write_text("dim n\nparam A[n, n]\nlet y = sum(A)\n")
    assert run(["new", "--data", "m.opt", "--sizes", "n=3"]) == 0
    text = capsys.readouterr().out
    assert json.loads(text) == {"A": [[1.0] * 3] * 3}
    assert text.count("\n") == 7
    assert run(["new", "d", "--data", "m.opt"]) == 0
    assert json.loads((tmp_path / "d.json").read_text()) == {"A": [[1.0] * 2] * 2}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("new",), "--data FILE"),
        (("new", "2bad"), "no name for a model"),
        (("new", "param"), "no name for a model"),
        (("new", "no/where"), "no such folder"),
        (("new", "x", "--sizes", "k=2"), "the sizes are: m, d"),
        (("new", "x", "--sizes", "k"), "NAME=NUMBER"),
    ],
)
def test_wrong_usage(arguments, said, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(list(arguments)) == 2
    assert said in " ".join(capsys.readouterr().err.split())
    assert list(tmp_path.iterdir()) == []
