"""``karush cost``: its record and its tables, and how it ends."""

import json

import pytest

import karush
from karush.cli.app import run
from karush.cost import price
from karush.outputs import DerivativeError

NET = """dim m, d, h, k
param X[m, d], y[m] in index(k), W1[h, d], b1[h], W2[k, h], b2[k]
fn net(x[d]) = W2 @ relu(W1 @ x + b1) + b2
let logits = [net(X[i]) for i in m]
let loss   = mean(cross_entropy(logits[i], y[i]) for i in m)
"""
LP = "dim n = 3\nparam c[n] = 2.0, b = 1.0\nvar x[n] in nonneg\nminimize c @ x\nsubject to\n  total: sum(x) >= b\n"
SIZES = ("--sizes", "m=6,d=5,h=4,k=3")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "net.opt").write_text(NET)
    (tmp_path / "lp.opt").write_text(LP)
    (tmp_path / "f.opt").write_text("param x = 2.0, n[2] in index(9)\nlet y = x * exp(x)\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def answer(capsys, *arguments):
    assert run(["cost", *arguments]) == 0
    return json.loads(capsys.readouterr().out)


def said(capsys, code, *arguments):
    assert run(["cost", *arguments]) == code
    return capsys.readouterr().err


def test_the_record_of_a_network(capsys, folder):
    record = answer(capsys, "net.opt", *SIZES, "--of", "loss", "--wrt", "W1,b1,W2,b2")
    assert list(record) == [
        "v", "model", "of", "wrt", "dims", "program", "vjp", "jvp", "residuals", "operations", "apart", "loops",
        "parts",
    ]  # fmt: skip
    assert record["of"] == ["loss"] and record["dims"] == {"m": 6, "d": 5, "h": 4, "k": 3}
    matmul = record["operations"][0]
    assert matmul["name"] == "dot_general" and matmul["cost"] == 2 * 6 * (5 * 4 + 4 * 3)
    assert 1 < record["vjp"]["ratio"] <= record["vjp"]["bound"] == record["vjp"]["omega"] <= 4
    assert record["vjp"]["operations"] == pytest.approx(record["program"] * record["vjp"]["ratio"], abs=1)
    assert record["jvp"]["ratio"] <= record["jvp"]["bound"] and "relu" in record["vjp"]["made_by"]
    assert record["residuals"]["bytes"] > 0 and record["loops"] == [] and record["parts"] == {}


def test_without_of_all_lets_are_counted_together(capsys, folder):
    assert answer(capsys, "net.opt", *SIZES)["of"] == ["logits", "loss"]
    record = answer(capsys, "f.opt")
    assert (record["of"], record["wrt"], record["program"]) == (["y"], ["x"], 3)


def test_the_parts_of_a_model_with_a_solver(capsys, folder):
    record = answer(capsys, "lp.opt")
    assert list(record["parts"]) == ["params to form", "solve", "recovery"]
    assert record["of"] == ["objective"] and [entry["name"] for entry in record["apart"]] == ["solve"]
    assert record["parts"]["solve"]["vjp"]["bound"] is None
    assert any(loop["name"].startswith("interior_point") for loop in record["loops"])
    for part in ("params to form", "recovery"):
        found = record["parts"][part]["vjp"]
        assert found["ratio"] <= found["bound"]


def test_tables_say_the_same(capsys, folder):
    assert run(["cost", "net.opt", *SIZES, "--table"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("net: logits, loss in X, W1, b1, W2, b2; m = 6, d = 5, h = 4, k = 3\n")
    assert "with one VJP" in text and "memory: the reverse derivative stores" in text and "dot_general" in text
    assert run(["cost", "lp.opt", "--table"]) == 0
    text = capsys.readouterr().out
    assert "apart: solve" in text and "per iteration" in text and "params to form" in text


def test_data_give_the_sizes_and_are_measured(capsys, folder):
    record = answer(capsys, "f.opt", "-p", "x=1.5", "-p", "n=[0, 1]", "--measure", "--dtype", "f32")
    assert "float32" in record["measured"]["on"]
    assert all(record["measured"][name]["rounds"] >= 1 for name in ("program", "vjp", "jvp"))
    assert record["measured"]["program"]["flops"] > 0


def test_sizes_are_measured_on_the_data_template(capsys, folder):
    assert run(["cost", "net.opt", *SIZES, "--measure", "--table"]) == 0
    assert "XLA flops" in capsys.readouterr().out


def test_wrong_use(capsys, folder):
    assert "E0401" in said(capsys, 1, "net.opt", "--sizes", "m=3")
    assert "`q` is not a size" in said(capsys, 2, "net.opt", "--sizes", "q=3")
    assert "not an output" in said(capsys, 2, "net.opt", *SIZES, "--of", "lost")
    assert "E0704" in said(capsys, 1, "net.opt", *SIZES, "--wrt", "y")
    assert "not a param" in said(capsys, 2, "net.opt", *SIZES, "--wrt", "z")
    assert "--sizes counts without data" in said(capsys, 2, "f.opt", "--sizes", "n=2", "-p", "x=1")
    assert "exclude each other" in said(capsys, 2, "f.opt", "--json", "--table")
    assert "no such file" in said(capsys, 2, "none.opt")


def test_a_solver_outside_xla_cannot_be_counted(capsys, folder):
    pytest.importorskip("highspy")
    (folder / "host.opt").write_text(LP.replace("minimize", "using highs\nminimize"))
    assert "runs outside XLA" in said(capsys, 2, "host.opt")


def test_from_python():
    net = karush.loads(NET)
    found = price(net, of="loss", wrt=("W1",), sizes={"m": 2, "d": 2, "h": 2, "k": 2})
    assert found.whole.ratio("vjp") <= found.whole.bound("vjp") == 4
    with pytest.raises(karush.ModelError):
        price(net)
    with pytest.raises(DerivativeError, match="no real param"):
        price(karush.loads("dim n = 3\nparam k in index(n)\nlet y = 2.0 * k\n"))
