"""Links: any inputs survive the way into a link and back; any text gives usable inputs and named problems."""

from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calculators.calibrate import NAMES as FACTORS
from calculators.calibrate import Factors
from pages.ui.links.calibration import WIDEST, Calibration, device_mark, read_calibration
from pages.ui.links.field import Number, Size, short
from pages.ui.links.fields import FIELDS, NAMES, Inputs
from pages.ui.links.query import VERSION, from_query, to_query
from pages.ui.links.values import PRESET, SIZES
from pages.ui.shell import PAGES
from presets.catalog import accelerators, engines


def sizes(name: str) -> st.SearchStrategy[int | None]:
    low, high, step = SIZES[name]
    return st.none() | st.integers(low // step + (low % step > 0), high // step).map(lambda n: n * step)


def values(name: str) -> st.SearchStrategy[object]:
    field = FIELDS[name]
    return sizes(name) if isinstance(field, Size) else st.sampled_from(field.options)


INPUTS = st.builds(Inputs, **{name: values(name) for name in NAMES})
HOSTILE = st.text(max_size=60) | st.sampled_from(
    ["NaN", "1e999", "-1", "-inf", "0", "8192", "1e3", "x" * 10_000, "<script>alert(1)</script>", "'; DROP TABLE",
     "\uff11\uff16", "%00", "\u202e", "[x](javascript:alert(1))", "$1$", "`a`", "64 ", "64.0", "", " ", "\n", "🙂" * 50]
)  # fmt: skip


@given(INPUTS)
def test_any_inputs_come_back_from_their_link(inputs):
    assert from_query(to_query(inputs)) == (inputs, ())


@given(INPUTS)
def test_a_link_carries_its_version_and_every_field(inputs):
    pairs = parse_qsl(to_query(inputs), keep_blank_values=True, strict_parsing=True)
    assert pairs[0] == ("v", VERSION)
    assert [name for name, _ in pairs[1:]] == list(NAMES) == list(FIELDS)


@given(INPUTS, st.sampled_from(sorted({page for field in FIELDS.values() for page in field.pages} | {"", "memory"})))
def test_a_link_to_a_page_carries_the_scenario_and_what_matters_there(inputs, page):
    back, problems = from_query(to_query(inputs, page))
    assert problems == ()
    for name, field in FIELDS.items():
        carried = not field.pages or page in field.pages
        assert getattr(back, name) == (getattr(inputs, name) if carried else field.default), name


def test_the_pages_of_fields_are_pages():
    addresses = {Path(file).stem for file in PAGES}
    assert {page for field in FIELDS.values() for page in field.pages} <= addresses


@given(st.dictionaries(st.sampled_from((*NAMES, "v", "zz", "<b>")) | st.text(max_size=10), HOSTILE, max_size=12))
def test_any_fields_give_usable_inputs_and_a_problem_for_each_that_is_not(fields):
    inputs, problems = from_query(urlencode(fields))
    assert from_query(to_query(inputs)) == (inputs, ())
    for name in NAMES:
        value, field = getattr(inputs, name), FIELDS[name]
        bare = isinstance(field, Number) and f"{value:g}" == fields.get(name)  # as older links have it
        if name in fields and field.label(value) != fields[name] and not bare:
            assert value == field.default
            assert any(problem.startswith(f"{name} ") for problem in problems), name


@given(st.text(max_size=300) | st.binary(max_size=300).map(lambda raw: raw.decode("latin-1")))
def test_any_text_gives_usable_inputs(text):
    inputs, problems = from_query(text)
    assert isinstance(inputs, Inputs)
    assert all(isinstance(problem, str) for problem in problems)


@given(HOSTILE)
def test_a_problem_repeats_no_markup_and_is_short(text):
    for problem in from_query(urlencode({"model": text, text: "1"}))[1]:
        assert not set(problem) & set("<>`$[]*\\|~\u202e\n")
        assert len(problem) < 250


def test_a_repeated_field_falls_back_and_is_named():
    inputs, problems = from_query("batch=8&batch=16")
    assert inputs == Inputs()
    assert problems == ("batch stands 2 times in the link; 64 was used.",)


def test_an_unknown_version_is_named_and_what_is_known_is_used():
    inputs, problems = from_query("v=7&batch=8")
    assert inputs == Inputs(batch=8)
    assert problems == ("The link is of version “7”, this page reads version 1: what it knows was used.",)


def test_an_unusable_value_says_what_would_be_right():
    assert from_query("prompt=5000")[1] == (
        "prompt cannot be “5000”: expected one of 64, 128, 256, 512, … 1M; 1k was used.",
    )
    assert from_query("layers=0")[1] == (
        f"layers cannot be “0”: expected {PRESET}, or a whole number from 1 to 160 in steps of 1; {PRESET} was used.",
    )


def test_more_than_200_fields_are_refused_with_one_sentence():
    assert from_query("&".join(f"a{i}=1" for i in range(300))) == (
        Inputs(),
        ("The link has more than 200 fields; none was used.",),
    )


@pytest.mark.parametrize("name", [name for name in NAMES if not isinstance(FIELDS[name], Size)])
def test_each_default_is_one_of_its_options_and_labels_are_distinct(name):
    field = FIELDS[name]
    assert field.default in field.options
    assert len({field.label(option) for option in field.options}) == len(field.options)
    assert getattr(Inputs(), name) == field.default


@given(st.integers(1, 2**30))
def test_a_short_number_means_what_it_says(number):
    text = short(number)
    factor = {"k": 2**10, "M": 2**20}.get(text[-1], 1)
    assert abs(float(text.rstrip("kM")) * factor - number) <= number * 1e-5


TIMES_OFF = st.just(0.0) | st.floats(1, WIDEST).map(lambda number: float(f"{number:.3g}"))
FITS = st.builds(
    Calibration,
    factors=st.builds(Factors, **dict.fromkeys(FACTORS, st.floats(0.2, 5).map(lambda number: float(f"{number:.3g}")))),
    rows=st.integers(1, 9999),
    engine=st.sampled_from(sorted(engines())),
    first_token=TIMES_OFF,
    token=TIMES_OFF,
    mark=st.text("0123456789abcdef", min_size=4, max_size=4),
)


@given(FITS)
def test_any_calibration_comes_back_from_its_link(found):
    assert read_calibration(found.text) == found
    inputs = Inputs(fit=found.text)
    assert from_query(to_query(inputs)) == (inputs, ())
    assert len(found.text) < 80
    older = replace(found, first_token=0.0, token=0.0, mark="")
    assert read_calibration(older.text) == older and older.text.count(",") == len(FACTORS) + 1


def test_devices_have_marks_of_their_own():
    assert len({device_mark(name) for name in accelerators()}) == len(accelerators())


def test_a_calibration_says_how_far_off_times_are_on_its_device_and_elsewhere():
    found = read_calibration(f"1,1,1,1,1.5,0,{device_mark('NVIDIA H200 SXM')},6,vLLM")
    for device, here in (("NVIDIA H200 SXM", True), ("NVIDIA L40S", False)):
        own = found.own(device)
        assert (own.rows, own.here, own.token) == (6, here, None)
        assert (own.first_token.low, own.first_token.high) == (1 / 1.5, 1.5)


@pytest.mark.parametrize(
    "text",
    [
        "0.97,1.05,1.2,0.9", "0.97,1.05,1.2,0.9,6", "0.97,1.05,1.2,0.9,6,Excel", "0.19,1,1,1,6,vLLM",
        "5.01,1,1,1,6,vLLM", "1,1,1,nan,6,vLLM", "1,1,1,1e0,6,vLLM", "1,1,1,-1,6,vLLM", "1,1,1,1,0,vLLM",
        "1,1,1,1,10000,vLLM", "1.00,1,1,1,6,vLLM", "1,1,1,1,06,vLLM", "1, 1,1,1,6,vLLM", "1,1,1,1,1,6,vLLM",
        "\uff11,1,1,1,6,vLLM", "1,1,1,1.2345,6,vLLM", "1,1,1,1,6,vLLM\n", "1,1,1,1,1.5,1.2,6,vLLM",
        "1,1,1,1,0.9,1.2,3ae0,6,vLLM", "1,1,1,1,100,1.2,3ae0,6,vLLM", "1,1,1,1,1.5,nan,3ae0,6,vLLM",
        "1,1,1,1,1.5,1.2,3AE0,6,vLLM", "1,1,1,1,1.5,1.2,3ae,6,vLLM", "1,1,1,1,1.50,1.2,3ae0,6,vLLM",
    ],
)  # fmt: skip
def test_a_calibration_that_the_page_would_not_write_is_none(text):
    inputs, problems = from_query(urlencode({"fit": text}))
    assert inputs.fit == ""
    assert len(problems) == 1 and problems[0].startswith("fit cannot be")
    assert "expected 4 factors from 0.2 to 5" in problems[0] and problems[0].endswith("none was used.")
