"""Binding of data to params: names, sizes, labels, entries and sets, each finding with its code and its place."""

import json

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from karush.compiler.analyse import analyse_text
from karush.compiler.lowering.infinities import bounding_params
from karush.data.bind import bind
from karush.data.csv_file import read_csv
from karush.data.files import read_setting
from karush.data.given import Reading
from karush.data.json_file import read_json
from karush.dsl.render import render

MODEL = """dim n, T = 3
param mu[n], Sigma[n, n] in psd
param x[T + 1] = 0.0, at[T] in index(n) = 0
param gamma in pos = 1.0, cap[n] = 1.0
var w[n] in simplex
let ret = mu @ w
maximize ret - gamma * (w @ Sigma @ w)
subject to
  limit: w <= cap
"""
GOOD = {"mu": [1.0, 2.0], "Sigma": [[1, 0], [0, 2]]}


def model_of(text):
    analysis = analyse_text(text, "m.opt")
    assert analysis.model is not None, analysis.diagnostics
    return analysis.model


@pytest.fixture(scope="module")
def model():
    return model_of(MODEL)


def bound(model, data, *settings):
    reading = read_json(json.dumps(data), "data.json")
    for setting in settings:
        reading += read_setting(setting)
    return bind(model, reading)


def codes(result):
    assert isinstance(result, list)
    return [finding.code for finding in result]


def said(result):
    (finding,) = result
    return finding


def test_sizes_come_from_data_then_from_defaults(model):
    binding = bound(model, GOOD)
    assert binding.dims == {"n": 2, "T": 3}
    assert binding.params.keys() == {"mu", "Sigma"}


def test_a_linear_size_is_solved_and_an_explicit_one_wins_over_a_default(model):
    assert bound(model, {**GOOD, "x": [0, 0, 0]}).dims["T"] == 2
    assert bound(model, GOOD, "T=7").dims["T"] == 7


def test_a_linear_size_with_a_factor_is_solved_exactly_or_refused():
    model = model_of("dim T = 1\nparam x[2 * T + 1]\nlet y = sum(x)\n")
    assert bound(model, {"x": [0] * 7}).dims == {"T": 3}
    assert codes(bound(model, {"x": [0] * 6})) == ["E0404"]


def test_two_values_of_a_size_name_both_sources(model):
    finding = said(bound(model, {"mu": [1, 2, 3], "Sigma": [[1, 0], [0, 1]]}))
    assert finding.code == "E0402"
    assert [label.span.text for label in finding.labels] == ["mu[n]", "Sigma[n, n]"]
    assert "n = 3" in finding.labels[0].message and "data.json" in finding.labels[0].message


def test_an_explicit_size_that_the_data_contradict_is_reported(model):
    assert codes(bound(model, GOOD, "n=5")) == ["E0402", "E0402"]


def test_a_literal_index_asks_for_enough_data():
    model = model_of("dim T\nparam x[T]\nlet y = x[4]\n")
    assert bound(model, {"x": [0] * 5}).dims == {"T": 5}
    assert codes(bound(model, {"x": [0] * 4})) == ["E0404"]


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        ({"mu": [1, 2]}, ["E0401"]),
        ({**GOOD, "Gamma": 1}, ["E0403"]),
        ({**GOOD, "ret": 1}, ["E0403"]),
        ({**GOOD, "mu": [[1, 2]]}, ["E0404"]),
        ({**GOOD, "gamma": [1.0]}, ["E0404"]),
        ({**GOOD, "gamma": float("nan")}, ["E0407"]),
        ({**GOOD, "gamma": "inf"}, ["E0408"]),
        ({**GOOD, "gamma": 0}, ["E0406"]),
        ({**GOOD, "gamma": "two"}, ["E0406"]),
        ({**GOOD, "gamma": True}, ["E0406"]),
        ({**GOOD, "Sigma": [[1, 1], [0, 1]]}, ["E0406"]),
        ({**GOOD, "Sigma": [[1, 0], [0, -1]]}, ["E0406"]),
        ({**GOOD, "at": [0, 1, 2]}, ["E0406"]),
        ({**GOOD, "at": [0, 1, 0.5]}, ["E0406"]),
        ({**GOOD, "at": [0, 1, "b"]}, ["E0406"]),
        ({**GOOD, "mu": [1, None], "gamma": -1}, ["E0407"]),
        ({**GOOD, "T": 2.5}, ["E0406"]),
    ],
)
def test_wrong_data_have_one_finding_with_its_code(model, data, wanted):
    assert codes(bound(model, data)) == wanted


def test_several_findings_come_at_once(model):
    assert sorted(codes(bound(model, {**GOOD, "gamma": -1, "at": [0, 9, 0]}))) == ["E0406", "E0406"]


def test_every_finding_points_into_the_model_and_names_the_source(model):
    finding = said(bound(model, {**GOOD, "mu": [1.0, float("nan")]}))
    assert finding.labels[0].span.source.name == "m.opt"
    assert finding.labels[0].span.text == "mu[n]"
    assert "`mu[1]`" in finding.message
    assert any("mu in data.json" in text for _, text in finding.notes)


def test_an_unknown_name_is_met_with_the_nearest_and_without_a_follow_up(model):
    finding = said(bound(model, {"mu": [1, 2], "Sgima": [[1, 0], [0, 1]]}))
    assert finding.code == "E0403"
    assert finding.fixes[0].message == "Sigma"


def test_settings_win_over_files_and_files_do_not_win_over_each_other(model):
    assert bound(model, {**GOOD, "gamma": 3}, "gamma=4").params["gamma"] == 4
    reading = read_json(json.dumps(GOOD), "a.json") + read_json('{"mu": [1, 2]}', "b.json")
    assert codes(bind(model, reading)) == ["E0405"]
    assert codes(bound(model, GOOD, "gamma=1", "gamma=2")) == ["E0405"]


def test_labels_put_values_into_the_order_of_the_first_param(model):
    binding = bound(model, {"mu": {"a": 1, "b": 2}, "Sigma": {"b": {"b": 5, "a": 0}, "a": {"b": 0, "a": 3}}})
    assert binding.labels == {"n": ("a", "b")}
    assert binding.params["Sigma"].tolist() == [[3, 0], [0, 5]]


def test_labels_that_stand_on_one_side_only_are_listed(model):
    sigma = {k: {j: float(j == k) for j in "abc"} for k in "abc"}
    finding = said(bound(model, {"mu": {"a": 1, "b": 2}, "Sigma": sigma}))
    assert finding.code == "E0402"
    assert any("c" in text for _, text in finding.notes)
    other = {k: {j: float(j == k) for j in "ac"} for k in "ac"}
    assert "differ" in said(bound(model, {"mu": {"a": 1, "b": 2}, "Sigma": other})).message


def test_an_index_param_takes_labels_and_integral_floats(model):
    data = {"mu": {"a": 1, "b": 2}, "Sigma": [[1, 0], [0, 1]], "at": ["b", "a", "b"]}
    assert bound(model, data).params["at"].tolist() == [1, 0, 1]
    assert bound(model, {**GOOD, "at": [1.0, 0.0, 1.0]}).params["at"].dtype == np.int64
    finding = said(bound(model, {**data, "at": ["b", "aa", "b"]}))
    assert 'did you mean "a"?' in finding.labels[0].message


def test_infinity_means_no_bound_where_a_param_is_a_bound_and_nothing_else(model):
    assert bounding_params(model) == {"cap"}
    assert bound(model, {**GOOD, "cap": ["inf", 1]}).params["cap"].tolist() == [np.inf, 1]
    both = model_of("param c\nvar x\nminimize (x - c)^2\nsubject to\n  a: x <= c\n")
    assert bounding_params(both) == frozenset()
    inside = model_of("param c, p\nvar x\nminimize x^2\nsubject to\n  a: c * x <= p\n")
    assert bounding_params(inside) == {"p"}


@pytest.mark.parametrize(
    ("statements", "may"),
    [
        ("minimize sumsq(x)\nsubject to\n  a: x <= 2 * d + 1", True),
        ("minimize sumsq(x)\nsubject to\n  a: -d[0] <= x[0] <= d[1]", True),
        ("minimize sumsq(x)\nsubject to\n  a: x[i] <= d[i]  for i in n", True),
        ("minimize sumsq(x)\nsubject to\n  a: x in box(-d, d)", True),
        ("param e[n] = 2 * d\nminimize sumsq(x)\nsubject to\n  a: x <= d\n  b: x >= -e", True),
        ("minimize sumsq(x)\nsubject to\n  a: x <= B @ d", False),
        ("minimize sumsq(x)\nsubject to\n  a: x <= d\n  b: x <= B @ d", False),
        ("minimize sumsq(x)\nsubject to\n  a: x <= 1 / d", False),
        ("minimize sumsq(x)\nsubject to\n  a: x <= exp(d)", False),
        ("minimize sumsq(x)\nsubject to\n  a: x <= d\n  b: x[0] + d[0] <= 1", False),
        ("minimize sumsq(x - d)\nsubject to\n  a: x <= d", False),
        ("minimize sumsq(x)\nsubject to\n  a: x <= d\n  b: x[i] >= 0  for i in n if d[i] > 0", False),
        ("minimize sumsq(x)\nsubject to\n  a: x == d", False),
        ("minimize sumsq(x)\nsubject to\n  let c = 2 * d\n  a: x <= c", False),
        ("param e[n] = 2 * d\nminimize e @ x\nsubject to\n  a: x <= d", False),
        ("param e[n] = exp(d)\nminimize sumsq(x)\nsubject to\n  a: x <= d\n  b: x >= -e", False),
    ],
)
def test_infinity_is_refused_where_it_would_meet_arithmetic(statements, may):
    model = model_of(f"dim n\nparam d[n], B[n, n]\nvar x[n]\n{statements}\n")
    binding = bound(model, {"d": [1, "-inf"], "B": [[1, 0], [0, 1]]})
    if may:
        assert binding.params["d"].tolist() == [1, -np.inf]
    else:
        (finding,) = binding
        assert (finding.code, finding.message) == ("E0408", "`d[1]` is -inf")
        assert finding.labels[0].span.text == "d[n]"


def test_values_slightly_outside_their_set_pass(model):
    exact = np.eye(2) * 1e-9 - 1e-18
    assert not isinstance(bound(model, {**GOOD, "Sigma": exact.tolist()}), list)
    assert codes(bound(model_of("dim n\nparam w[n] in simplex\nlet s = sum(w)\n"), {"w": [0.5, 0.50001]})) == ["E0406"]
    assert not isinstance(
        bound(model_of("dim n\nparam w[n] in simplex\nlet s = sum(w)\n"), {"w": [0.5, 0.5 + 1e-9]}), list
    )


@pytest.mark.parametrize(
    ("declaration", "good", "bad"),
    [
        ("p in nonneg", 0, -1e-3),
        ("p in nonpos", 0, 1e-3),
        ("p in pos", 1e-9, 0),
        ("p in neg", -1e-9, 0),
        ("p in box(-1, 2)", 2, 2.1),
        ("p[2] in ball(1)", [0.6, 0.8], [0.7, 0.8]),
        ("p[2] in l1_ball(1)", [0.5, -0.5], [0.6, 0.5]),
        ("p[2] in linf_ball(1)", [1, -1], [1, 1.1]),
        ("p[3] in soc", [5, 3, 4], [4, 3, 4]),
        ("p[2, 2] in sym", [[0, 1], [1, 0]], [[0, 1], [2, 0]]),
        ("p[2, 2] in pd", [[2, 1], [1, 2]], [[1, 1], [1, 1]]),
        ("p in int", 3.0, 3.5),
        ("p[3] in simplex", [0.2, 0.3, 0.5], [-0.2, 0.7, 0.5]),
    ],
)
def test_sets_hold_or_name_what_was_expected(declaration, good, bad):
    model = model_of(f"param {declaration}\nlet q = p\n")
    assert not isinstance(bound(model, {"p": good}), list)
    assert codes(bound(model, {"p": bad})) == ["E0406"]


def test_a_box_may_depend_on_other_params():
    model = model_of("param hi = 2.0, p in box(0, hi)\nlet q = p\n")
    assert codes(bound(model, {"p": 3, "hi": 2.5})) == ["E0406"]
    assert not isinstance(bound(model, {"p": 3, "hi": 3.5}), list)


def test_nothing_at_all_misses_every_param_and_no_size(model):
    assert codes(bind(model, Reading())) == ["E0401", "E0401"]


NUMBERS = st.one_of(
    st.integers(-3, 3), st.floats(allow_nan=True, allow_infinity=True), st.just(10**400), st.booleans(), st.none()
)
JSON = st.recursive(
    NUMBERS | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=2), inner, max_size=4),
    max_leaves=12,
)


@hypothesis.given(
    st.dictionaries(st.sampled_from([*"nT", "mu", "Sigma", "x", "at", "gamma", "cap", "Mu", "coo"]), JSON)
)
def test_any_json_gives_data_or_findings_never_an_exception(data):
    result = bind(model_of(MODEL), read_json(json.dumps(data), "data.json"))
    assert not isinstance(result, list) or all(finding.labels for finding in result)
    if isinstance(result, list):
        assert render(result, "full")


@hypothesis.given(st.text(alphabet='{}[]":,01.eE-ab \n\t', max_size=40))
def test_any_text_is_json_data_or_a_finding(text):
    reading = read_json(text, "data.json")
    assert reading.findings or reading.refused or text.strip().startswith("{")


@hypothesis.given(st.text(alphabet='ab,"\n\r 01.-e\x00', max_size=40))
def test_any_text_is_a_table_or_is_refused(text):
    reading = read_csv(text, "p", "p.csv")
    assert len(reading.values) + len(reading.refused) == 1
