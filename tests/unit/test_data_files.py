"""Reading of JSON, NPZ, CSV, sparse matrices and -p settings: values, labels, and what is refused with which code."""

import io
import json

import numpy as np
import pytest
import scipy.sparse

from karush.data.csv_file import fit_table, read_csv
from karush.data.files import read_data, read_setting, split_option, unusable
from karush.data.given import Trouble
from karush.data.json_file import read_json
from karush.data.nested import Nested
from karush.data.sparse import read_array


def only(reading):
    assert not reading.refused and not reading.findings
    (value,) = reading.values
    return value


def refusal(reading):
    assert not reading.values
    (refused,) = reading.refused
    return refused.trouble.code


def finding(reading):
    assert not reading.values and not reading.refused
    (found,) = reading.findings
    return found


@pytest.mark.parametrize(
    ("value", "shape"),
    [(1.5, ()), ([1, 2], (2,)), ([[1, 2.5], [3, 4]], (2, 2)), ([], (0,)), ([[], []], (2, 0)), (True, ())],
)
def test_nested_lists_are_row_major(value, shape):
    nested = read_array(value)
    assert nested.array.shape == shape
    assert nested.array.tolist() == value
    assert nested.labels == (None,) * len(shape)


def test_infinities_are_read_as_words_and_as_literals():
    assert only(read_json('{"b": ["inf", "-inf", Infinity, 1]}', "d.json")).value.tolist() == [
        np.inf,
        -np.inf,
        np.inf,
        1,
    ]


def test_objects_carry_labels_on_every_axis_whatever_their_order():
    nested = read_array({"a": {"x": 1, "y": 2}, "b": {"y": 4, "x": 3}})
    assert nested.array.tolist() == [[1, 2], [3, 4]]
    assert nested.labels == (("a", "b"), ("x", "y"))


def test_sparse_coordinates_add_up_and_keep_their_pattern():
    nested = read_array({"coo": [[1, 0, 1, 0], [0, 2, 0, 1], [2.0, 1.0, 3.0, 0.0]], "shape": [2, 3]})
    assert nested.array.tolist() == [0, 1, 5]
    assert (nested.pattern.rows.tolist(), nested.pattern.cols.tolist()) == ([0, 0, 1], [1, 2, 0])
    assert nested.pattern.dense(nested.array).tolist() == [[0, 0, 1], [5, 0, 0]]


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ([[1, 2], [3]], "E0404"),
        ([[1, 2], 3], "E0404"),
        ([1, [2]], "E0404"),
        ([1, None], "E0407"),
        ([1, True, "x"], "E0406"),
        ([True, 2.5, None], "E0407"),
        ({"a": {"x": 1}, "b": {"y": 1}}, "E0402"),
        ({"coo": [[0], [0], [1.0]]}, "E0404"),
        ({"coo": [[2], [0], [1.0]], "shape": [2, 2]}, "E0404"),
        ({"coo": [[0.5], [0], [1.0]], "shape": [2, 2]}, "E0404"),
        ([10**400, "inf"], "E0408"),
    ],
)
def test_what_is_no_array_is_refused(value, code):
    trouble = read_array(value)
    found = trouble.code if isinstance(trouble, Trouble) else None
    if isinstance(trouble, Nested):  # text among numbers is an array of objects, refused when it is bound
        found = "E0406" if trouble.array.dtype == object else None
    assert found == code


def test_deep_nesting_is_refused_not_overflowed():
    text = '{"x": ' + "[" * 100_000 + "]" * 100_000 + "}"
    assert finding(read_json(text, "deep.json")).code == "E0409"
    assert read_array(json.loads("[" * 20 + "1" + "]" * 20)).code == "E0404"


def test_huge_integers_become_numbers_or_a_finding():
    assert only(read_json('{"x": [1, 123456789012345678901234567890]}', "d")).value.tolist() == [
        1,
        123456789012345678901234567890.0,
    ]
    assert only(read_json('{"x": %s}' % ("9" * 5000), "d")).value == np.inf


def test_broken_json_points_at_its_place():
    found = finding(read_json('{\n "x": [1, 2,\n}', "d.json"))
    assert found.code == "E0409"
    assert (found.labels[0].span.source.name, found.labels[0].span.line) == ("d.json", 3)


def test_json_that_is_no_object_is_refused():
    assert finding(read_json("[1, 2]", "d.json")).code == "E0409"


def test_a_key_or_label_that_stands_twice_is_refused():
    twice = read_json('{"x": 1, "x": 2}', "d.json")
    assert [r.trouble.code for r in twice.refused] == ["E0405"]
    assert refusal(read_json('{"x": {"a": 1, "a": 2}}', "d.json")) == "E0405"


@pytest.mark.parametrize(
    ("text", "rank", "value", "labels"),
    [
        ("asset,mu\nA,0.1\nB,0.2\n", 1, [0.1, 0.2], (("A", "B"),)),
        ("A,0.1\nB,0.2\n", 1, [0.1, 0.2], (("A", "B"),)),
        ("0.1\n0.2\n", 1, [0.1, 0.2], (None,)),
        ("mu\n0.1\n0.2\n", 1, [0.1, 0.2], (None,)),
        ("1,2,3\n", 1, [1, 2, 3], (None,)),
        ("A,B\n1,2\n", 1, [1, 2], (("A", "B"),)),
        (",A,B\nA,1,0\nB,0,2\n", 2, [[1, 0], [0, 2]], (("A", "B"), ("A", "B"))),
        (",2020,2021\n1,5,6\n2,7,8\n", 2, [[5, 6], [7, 8]], (("1", "2"), ("2020", "2021"))),
        ("age,sex\n1,2\n3,4\n", 2, [[1, 2], [3, 4]], (None, ("age", "sex"))),
        ("1,2\n3,4\n", 2, [[1, 2], [3, 4]], (None, None)),
        ("3.5\n", 0, 3.5, ()),
        ('"a, b",1\nc,2\n', 1, [1, 2], (("a, b", "c"),)),
        ("x,1\r\ny,inf\r\n", 1, [1, np.inf], (("x", "y"),)),
    ],
)
def test_csv_tables_with_and_without_labels(text, rank, value, labels):
    given = fit_table(only(read_csv(text, "p", "p.csv")), rank)
    assert np.array_equal(given.value, value)
    assert given.labels == labels


@pytest.mark.parametrize(
    ("text", "code"),
    [("", "E0409"), ("a,1\nb\n", "E0404"), ("a,1\nb,\n", "E0407"), ("a,1\na,2\n", "E0405"), ('"a\n', "E0409")],
)
def test_broken_csv_is_refused(text, code):
    assert refusal(read_csv(text, "p", "p.csv")) == code


def test_npz_brings_all_arrays_and_never_a_pickle(tmp_path):
    np.savez(tmp_path / "good.npz", a=np.arange(3), b=np.eye(2, dtype=np.float32))
    reading = read_data(str(tmp_path / "good.npz"))
    assert {v.name: v.value.dtype.kind for v in reading.values} == {"a": "i", "b": "f"}
    np.savez(tmp_path / "bad.npz", a=np.array([{}], dtype=object))
    assert finding(read_data(str(tmp_path / "bad.npz"))).code == "E0409"
    (tmp_path / "cut.npz").write_bytes((tmp_path / "good.npz").read_bytes()[:100])
    assert finding(read_data(str(tmp_path / "cut.npz"))).code == "E0409"


@pytest.mark.parametrize("form", ["csr", "csc", "coo"])
def test_sparse_matrices_as_scipy_saves_them(tmp_path, form):
    matrix = scipy.sparse.random(4, 3, 0.5, random_state=1, format=form)
    scipy.sparse.save_npz(tmp_path / "A.npz", matrix)
    given = only(read_data(f"A={tmp_path / 'A.npz'}"))
    assert np.array_equal(given.pattern.dense(given.value), matrix.toarray())
    assert np.array_equal(matrix.toarray()[given.pattern.rows, given.pattern.cols], given.value)
    assert finding(read_data(str(tmp_path / "A.npz"))).code == "E0409"


def test_text_that_is_not_utf8_is_refused(tmp_path):
    (tmp_path / "d.json").write_bytes(b'{"a": "\xff"}')
    assert finding(read_data(str(tmp_path / "d.json"))).code == "E0409"


def test_settings_are_json_and_bare_words_are_labels():
    assert only(read_setting("gamma=2")).value == 2
    assert only(read_setting("at=London")).value.item() == "London"
    assert only(read_setting("gamma=2")).priority > 0
    found = finding(read_setting("mu=[1, 2"))
    assert found.code == "E0409" and found.labels[0].span.source.text == "mu=[1, 2"


def test_options_say_what_is_unusable_before_anything_is_read(tmp_path):
    (tmp_path / "mu.csv").write_text("1\n")
    (tmp_path / "mu.txt").write_text("1\n")
    assert "no such file" in unusable("nothing.json")
    assert "folder" in unusable(str(tmp_path))
    assert ".npz" in unusable(str(tmp_path / "mu.txt"))
    assert "NAME=" in unusable(str(tmp_path / "mu.csv"))
    assert unusable(f"mu={tmp_path / 'mu.csv'}") is None
    assert split_option("mu=a=b.csv") == ("mu", "a=b.csv")


def test_stdin_is_json(monkeypatch):
    class Stdin:
        buffer = io.BytesIO(b'{"a": 1}')

    monkeypatch.setattr("sys.stdin", Stdin())
    assert only(read_data("-")).value == 1
