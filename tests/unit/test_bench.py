"""The figures of the papers at tiny sizes: rows, what must hold of counts and values, and the verb."""

from __future__ import annotations

import json

import numpy as np
import pytest

from karush.cli import run
from karush.figures.clarke import clarke
from karush.figures.figure import Figure, markdown
from karush.figures.measuring import slope
from karush.figures.memory import memory
from karush.figures.overhead import overhead
from karush.figures.plot import draw
from karush.figures.pool_tie import pool_tie
from karush.figures.relu_matmul import relu_matmul
from karush.figures.relu_tie import relu_tie

LARGEST_OF_RELU_NETS = 4.0


def column(figure: Figure, name: str, **where: object) -> list:
    return [row[name] for row in figure.rows if all(row[key] == value for key, value in where.items())]


def test_the_overhead_of_a_gradient_is_bounded_and_flat() -> None:
    found = overhead((1, 2, 8), (4, 32), (2, 16), data="synthetic", rounds=0)
    assert len(found.rows) == 7
    for row in found.rows:
        assert 1 < row["ratio"] <= row["ω"] <= LARGEST_OF_RELU_NETS + 1
        assert row["ratio"] <= LARGEST_OF_RELU_NETS and abs(row["ratio"] / row["JAX ratio"] - 1) < 0.02
    for varied in ("layers", "neurons", "batch"):
        ratios = column(found, "ratio", varied=varied)
        assert max(ratios) / min(ratios) < 1.5


def test_directional_derivatives_cost_as_many_functions_and_a_product() -> None:
    found = relu_matmul((8, 32, 128), rounds=0)
    sizes = column(found, "p")
    assert 0.85 < slope(sizes, column(found, "p directions / F")) < 1.05
    assert abs(slope(sizes, column(found, "gradient / F"))) < 0.05 and max(column(found, "gradient / F")) < 3
    assert abs(slope(sizes, column(found, "p directions / product"))) < 0.15
    assert max(column(found, "error")) < 1e-5


def test_clarke_elements_are_true_and_cost_at_most_six_programs() -> None:
    found = clarke((3, 12), rounds=0)
    assert max(column(found, "operations / P", method="clarke")) <= 6
    assert column(found, "off", method="clarke") == [0, 0, 0, 0]
    assert column(found, "off", method="p forward derivatives") == [0, 0, 0, 0]
    assert column(found, "off", method="lexicographic")[:3] == [0, 0, 0]
    assert column(found, "vertices", method="plain")[:2] == [1, 1] and column(found, "vertices", p=3)[0] > 4
    assert column(found, "value", method="plain")[:2] == [0, 1] and column(found, "off", method="plain")[:2] == [1, 1]
    assert column(found, "value", method="clarke")[:2] == [1, 0]
    dear = column(found, "operations / P", method="p forward derivatives", program="network")
    assert dear[1] / dear[0] > 2


def test_double_precision_never_differs_at_relu_ties() -> None:
    found = relu_tie((1,), (8,), 8, "synthetic", draws=2, steps=3, precisions=("f16", "f64"))
    assert [row["precision"] for row in found.rows] == ["f16", "f64"]
    assert column(found, "differ", precision="f64") == [0] and column(found, "zeros per relu", precision="f64") == [0]
    assert all(np.isfinite(column(found, "loss")))


def test_elements_at_ties_of_equal_patches_agree() -> None:
    pytest.importorskip("sklearn")
    found = pool_tie((0.0, 10.0), batch=8, draws=1, steps=2, precisions=("f64",))
    assert column(found, "differ") == [0, 0] and 0 < found.rows[0]["tied"] < 1
    np.testing.assert_allclose(*column(found, "accuracy"))


def test_blocks_keep_the_root_of_what_reverse_keeps() -> None:
    found = memory((64, 256, 1024), width=16, rounds=0)
    lengths = column(found, "T")
    assert slope(lengths, column(found, "reverse bytes")) > 0.9 and slope(lengths, column(found, "blocks bytes")) < 0.6
    assert max(column(found, "operations")) < 1.5


def test_a_figure_is_a_table_a_record_and_a_picture() -> None:
    found = relu_matmul((2, 4), rounds=1)
    lines = markdown(found).splitlines()
    assert lines[0].startswith("| p |") and lines[2].startswith("| 2 |") and lines[-1].startswith("- ")
    assert draw([found], "svg").lstrip().startswith(b"<?xml") and draw([found], "png")[1:4] == b"PNG"


# ---------------------------------------------------------------- the verb


def test_the_verb_writes_json_tables_and_pictures(capsys, tmp_path) -> None:
    picture, page = tmp_path / "figure.svg", tmp_path / "figure.md"
    assert run(["bench", "clarke", "--p", "2", "--rounds", "0", "--json", "--plot", str(picture)]) == 0
    (figure,) = json.loads(capsys.readouterr().out)["figures"]
    assert figure["figure"] == "clarke" and {row["method"] for row in figure["rows"]} >= {"plain", "clarke"}
    assert picture.read_text().lstrip().startswith("<?xml")
    assert run(["bench", "relu-matmul", "--p", "4", "--layers", "2", "--rounds", "0", "-o", str(page)]) == 0
    assert "| p directions / F |" in page.read_text()
    assert run(["bench", "memory", "--T", "16,64", "--rounds", "0", "--table"]) == 0
    assert "reverse bytes" in capsys.readouterr().out


WRONG = [
    (("bench",), "overhead, relu-matmul"),
    (("bench", "speed"), "relu-matmul"),
    (("bench", "memory", "--p", "3"), "it takes: --T, --rounds"),
    (("bench", "clarke", "--p", "3,0"), "positive whole numbers"),
    (("bench", "clarke", "--p", "many"), "positive whole numbers"),
    (("bench", "relu-matmul", "--layers", "2,3"), "one number"),
    (("bench", "clarke", "--plot", "figure.pdf"), ".png, .svg"),
    (("bench", "clarke", "-o", "no/rows.json"), "no such folder"),
    (("bench", "clarke", "--json", "--table"), "exclude"),
    (("bench", "clarke", "--speed"), "--rounds"),
]


@pytest.mark.parametrize(("arguments", "said"), WRONG, ids=lambda v: " ".join(v) if isinstance(v, tuple) else "")
def test_a_wrong_call_is_told_before_any_work(capsys, arguments, said) -> None:
    assert run(list(arguments)) == 2
    assert said in " ".join(capsys.readouterr().err.split())


def test_without_the_packages_it_is_said_what_to_install(capsys, monkeypatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert run(["bench", "clarke", "--plot", "figure.png"]) == 2
    assert 'pip install "karush[plot]"' in capsys.readouterr().err
    assert run(["bench", "overhead"]) == 2
    assert "--data synthetic" in capsys.readouterr().err
