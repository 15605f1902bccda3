"""The articles' claims: each has a source and a verdict, and what is computed is what a hand computes."""

import re
from dataclasses import replace
from inspect import getdoc
from math import inf, log

import pytest

from calculators.scaling import compute_optimal_tokens
from pages.ui.evidence import claims as shown
from presets import PresetError, loader
from presets.checks import CHECKS, Reading, training
from presets.claims import (
    HOLDS,
    KINDS,
    NOT_CHECKABLE,
    OFF,
    UNITS,
    VERDICTS,
    articles,
    claims,
    finding,
    findings,
)
from presets.loader import table
from presets.scaling import scaling_laws
from tests.test_pages import app

FINDINGS = {each.claim.name: each for each in findings()}
EVERY = pytest.mark.parametrize("name", FINDINGS)
PAGE = "pages/evidence.py"


@EVERY
def test_every_claim_has_a_source_a_verdict_and_its_working(name):
    each = FINDINGS[name]
    assert each.verdict in VERDICTS
    assert each.claim.source and each.claim.checked and each.claim.printed
    assert shown.working(each)
    assert bool(each.readings) is (each.verdict != NOT_CHECKABLE)
    assert all(reading.low <= reading.high and reading.working for reading in each.readings)
    assert not re.search("[\u3000-\u9fff]", each.claim.says)  # in words of our own


def test_the_claims_spread_over_articles_and_kinds_and_most_are_checked():
    assert len(FINDINGS) >= 45
    assert sum(each.verdict != NOT_CHECKABLE for each in FINDINGS.values()) >= 32
    for each in articles():
        assert sum(claim.article == each for claim in claims().values()) >= 10
    assert {claim.kind for claim in claims().values()} == set(KINDS)


def test_every_computation_and_input_serves_a_claim_and_says_what_it_computes():
    assert {claim.check for claim in claims().values()} - {""} == set(CHECKS)
    assert all(getdoc(function) for function in CHECKS.values())
    arguments = str([dict(claim.arguments) for claim in claims().values()])
    assert all(repr(name) in arguments or f'"{name}"' in arguments for name in training.inputs())


LAYER = 2 * 4096 * 4096 + 2 * 4096 * 1024 + 3 * 4096 * 14_336 + 2 * 4096  # of Llama 3.1 8B
OUTER = 2 * 128_256 * 4096 + 4096
MLA = 7168 * 1536 + 1536 * 128 * 192 + 7168 * (512 + 64) + 512 * 128 * (128 + 128) + 128 * 128 * 7168
EXPERT = 3 * 7168 * 2048
LLAMA_2_7B = 2 * 32_000 * 4096 + 4096 + 32 * (4 * 4096**2 + 3 * 4096 * 11_008 + 2 * 4096)
GPT_3 = 96 * (12 * 12_288**2 + 13 * 12_288) + (50_257 + 2048 + 2) * 12_288
LATE = scaling_laws()["Chinchilla refit (Besiroglu et al. 2024)"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("An 8B in 12 layers of 4,096", 12 * LAYER + OUTER),
        ("GPT-3 has 175B", GPT_3),
        ("The 671B's attention", 61 * MLA),
        ("The 671B's embedding", 129_280 * 7168),
        ("The 671B's head", 129_280 * 7168),
        ("The 671B's MLPs", 3 * 3 * 7168 * 18_432 + 58 * (256 + 1) * EXPERT),
        ("The 671B's norms", 7168 + 61 * (2 * 7168 + 1536 + 512)),
        ("The 671B's remainder", 58 * 256 * 7168),
        ("An expert has 10B", 58 * EXPERT),
        ("All experts have 640B", 58 * 256 * EXPERT),
        ("671B take 1.34 TB", 2 * 671_026_404_352),
        ("64 experts", 256),
        ("Positions up to 4,096 take 3B", 4096 * 7168),
        ("A dense layer's parameters", 2_362_368),
        ("A convolution's parameters", 1_180_160),
        ("An attention layer's parameters", 4 * 512 * 512),
        ("A 7B that works like a 9B", LLAMA_2_7B + 0.6 * 32 * 3 * 4096 * 11_008),
        ("An 8B takes 16 GB", 2 * (32 * LAYER + OUTER) + 2048 * 32 * 2 * 8 * 128 * 2),
        ("Two of 32 experts save 94 %", 1 - 2 / 32),
        ("A 3B needs 12 GB", 12e9),
        ("A 3B in 8 bits needs 3 GB", 3e9),
        ("ZeRO-3 relieves the memory", 16 * (32 * LAYER + OUTER) / 8),
        ("GPT-3's electricity", 1_287_000 * 3.6e6),
        ("GPT-3's electricity in households", 1_287_000 / 10_715),
        ("38 requests a second at 800 ms", 38 * 0.8),
        ("3.2 times the throughput", 38 / 12),
        ("58 % cheaper", 1 - 1 / 3.2),
        ("Recomputation grows with the root", 0.5),
        ("The 671B's parts add up", 671e9),
    ],
)
def test_what_is_computed_is_what_a_hand_computes(name, value):
    assert FINDINGS[name].nearest.low == FINDINGS[name].nearest.high == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        # Kaplan's, the nearest: C grows as N^(1 / 0.73)
        (
            "Ten times the size, thirty times the cost",
            10 ** (1 / 0.73),
        ),
        # G (C / 6)^b = N for b = beta / (alpha + beta), so D = (N / G)^(1 / b) / N
        (
            "8B is best at 100B tokens",
            (LATE.token_exponent * LATE.token_scale / LATE.parameter_exponent / LATE.parameter_scale)
            ** (1 / LATE.token_exponent)
            * (32 * LAYER + OUTER) ** (LATE.parameter_exponent / LATE.token_exponent),
        ),
        # attention scores and inputs of 2,048 tokens in 32 layers against 2 bytes for each of the weights
        (
            "Checkpointing saves 65 %",
            32 * 2048 * 4096 * (32 + 5 * 32 * 2048 / 4096)
            / (2 * (32 * LAYER + OUTER) + 32 * 2048 * 4096 * (34 + 5 * 32 * 2048 / 4096)),
        ),
        ("Quality in proportion to size", 0.3526596),
        ("Attention grows with the square", 2 + log((1 + 1 / 163_840) / (1 + 2 / 163_840), 2)),
    ],
)  # fmt: skip
def test_what_the_laws_give_is_their_equation_solved_by_hand(name, value):
    assert FINDINGS[name].nearest.low == FINDINGS[name].nearest.high == pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("One card, one day", 6 * 1e9 * compute_optimal_tokens(scaling_laws()["Llama 3 (2024)"], 1e9) / 989.4e12, inf),
        ("Edge models within 50 ms", 2 * (128_256 * 2048 + 16 * 60_817_408) / 76.8e9, inf),
        ("Busier GPUs answer 37 % more", 0, 82 / 58 - 1),
        ("Mixed precision is 25 % faster", 0, 312 / 156 - 1),
        ("Mixed precision saves 40 % memory", 0, 0.5),
        ("A wider MLP costs 15 % of memory", (4 * 4096 + 2 * 4096) / (4 * 4096 + 2 * 3072) - 1,
         (4 * 512 + 2 * 4096) / (4 * 512 + 2 * 3072) - 1),
        ("Flash attention is three times as fast", 0, 1 + (8 / 2039e9) / (512 / 312e12)),
    ],
)  # fmt: skip
def test_a_range_or_a_bound_is_open_where_nothing_more_is_known(name, low, high):
    nearest = FINDINGS[name].nearest
    assert (nearest.low, nearest.high) == pytest.approx((low, high), rel=1e-9)


@pytest.mark.parametrize(
    ("name", "ratio"),
    [
        ("An 8B in 12 layers of 4,096", 8e9 / 3_668_021_248),
        ("The 671B's attention", 180e9 / (61 * MLA)),
        ("4 bits are an eighth", None),
        ("GPT-3's electricity", 10),
        ("Positions up to 4,096 take 3B", 3e9 / 29_360_128),
    ],
)
def test_figures_known_to_be_wrong_are_off_by_what_they_are(name, ratio):
    assert FINDINGS[name].verdict == OFF
    assert ratio is None or FINDINGS[name].ratio == pytest.approx(ratio)


def test_an_8b_in_4_bits_is_a_third_of_16_bits_not_an_eighth():
    of_16, of_32 = FINDINGS["4 bits are an eighth"].readings
    assert 2.5 < of_16.low < 3 and of_32.low == 2 * of_16.low


CLAIM = replace(claims()["3.2 times the throughput"], rounding=0.5)


@pytest.mark.parametrize(
    ("claimed", "reading", "verdict", "ratio"),
    [
        ((3, 3), (3.4, 3.4), HOLDS, 3 / 3.4),  # within the rounding
        ((3, 3), (3.6, 3.6), OFF, 3 / 3.6),
        ((4, 4), (2, 2), OFF, 2),
        ((3, 3), (2, 5), HOLDS, 1),
        ((1, 1), (2, 5), OFF, 1 / 2),
        ((8, 8), (2, 5), OFF, 8 / 5),
        ((0, 3), (2, inf), HOLDS, 1),  # below, and no bound forbids it
        ((0, 1), (2, inf), OFF, 1 / 2),
        ((9, inf), (0, 3), OFF, 3),
        ((2, inf), (0, 3), HOLDS, 1),
        ((2, 2), (0, 0), OFF, inf),
    ],
)
def test_a_claim_holds_where_it_meets_what_is_computed_up_to_its_rounding(
    monkeypatch, claimed, reading, verdict, ratio
):
    monkeypatch.setattr(
        "presets.claims.CHECKS", {"ratio": lambda **_: (Reading(low=reading[0], high=reading[1], working="made up"),)}
    )
    found = finding(replace(CLAIM, low=claimed[0], high=claimed[1]))
    assert (found.verdict, found.ratio) == (verdict, pytest.approx(ratio))
    assert found.possible is (verdict == HOLDS and reading[0] != reading[1])


def test_of_several_readings_the_one_that_comes_nearest_counts(monkeypatch):
    made_up = [Reading(low=value, high=value, working="made up") for value in (1, 2.2, 30)]
    monkeypatch.setattr("presets.claims.CHECKS", {"ratio": lambda **_: made_up})
    assert finding(CLAIM).nearest == made_up[1]
    assert finding(replace(CLAIM, low=29.8, high=29.8)).nearest == made_up[2]
    made_up[:] = [Reading(low=value, high=value, working="made up") for value in (3.71, 2.7)]
    assert finding(CLAIM).nearest == made_up[1]  # 3.71 is nearer as a factor, and beyond the rounding


def test_a_figure_that_nobody_published_is_no_verdict():
    with pytest.raises(ValueError, match=r"Q4_0: .* a figure is unknown"):
        CHECKS["score_lost"](weight_formats=["Q4_0"])


@pytest.mark.parametrize(("kind", "name"), [("input", None), ("article", "004")])
def test_inputs_and_articles_without_a_source_are_refused(monkeypatch, kind, name):
    content = dict(table("claims.toml"))
    name = name or next(iter(content[kind]))
    content[kind] = content[kind] | {name: {key: v for key, v in content[kind][name].items() if key != "source"}}
    for module in (loader, training):
        monkeypatch.setattr(module, "table", lambda _: content)
    monkeypatch.setattr("presets.claims.table", lambda _: content)
    reader = {"input": training.inputs, "article": articles}[kind]
    with pytest.raises(PresetError, match="source is missing"):
        reader.__wrapped__()


def test_the_sentence_counts_the_verdicts():
    some = [FINDINGS[name] for name in ("GPT-3 has 175B", "GPT-3's electricity", "64 experts")]
    assert shown.summary(some) == "Of **3 claims**, **1 holds**, **2 are off**."
    counts = [sum(each.verdict == verdict for each in findings()) for verdict in VERDICTS]
    assert sum(counts) == len(claims())
    assert re.findall(r"\*\*(\d+)", shown.summary(findings())) == [str(count) for count in (len(claims()), *counts)]


@pytest.mark.parametrize(
    ("name", "computed", "verdict", "ratio"),
    [
        ("An 8B in 12 layers of 4,096", "3.67B", "off: 2.18 × too high", "2.18"),
        ("INT8 halves the memory", "53.1 %", "off: 6\u202f% too low", "0.941"),
        ("One card, one day", "at least 27.2 h", "off: 13\u202f% too low", "0.882"),
        ("Busier GPUs answer 37 % more", "at most 41.4 %", "holds: possible", "within"),
        ("A wider MLP costs 15 % of memory", "9.09 to 25.0 %", "holds: possible", "within"),
        ("A dense layer's parameters", "2,362,368 parameters", "holds", "1.00"),
        ("The 671B's norms", "1.01M", "off: 4,970 × too high", "4,970"),
        ("Images matched above 95 %", "", "not checkable", ""),
    ],
)
def test_a_row_shows_what_was_computed_and_by_how_much_a_claim_is_off(name, computed, verdict, ratio):
    (row,) = shown.frame([FINDINGS[name]]).to_dict("records")
    assert (row["Computed"], row["Verdict"], row["Claimed ÷ computed"]) == (computed, verdict, ratio)


def test_every_unit_serves_a_claim():
    assert {claim.unit for claim in claims().values()} == set(UNITS)


def listed(at):
    """The page's table of claims."""
    (frame,) = (frame.value for frame in at.main.dataframe if "Claim" in frame.value)
    return frame


def test_the_section_answers_first_and_lists_every_claim():
    at = app("", PAGE)
    assert any(text.value.startswith(shown.summary(findings())) for text in at.main.markdown)
    assert list(listed(at)["Claim"]) == [claim.says for claim in claims().values()]


def test_a_filter_by_verdict_and_article_leaves_their_claims_and_says_how_many():
    at = app("", PAGE)
    title = articles()["002"].title
    at.pills(key="verdicts").set_value([OFF]).run()
    at.selectbox(key="article").set_value(title).run()
    assert not at.exception
    expected = [each for each in findings() if each.verdict == OFF and each.claim.article == "002"]
    assert list(listed(at)["Claim"]) == [each.claim.says for each in expected]
    assert set(listed(at)["Article"]) == {title}
    assert at.main.markdown[-1].value == shown.summary(expected)
    at.switch_page("pages/memory.py").run()
    at.switch_page(PAGE).run()
    assert len(listed(at)) == len(expected)


def test_a_chosen_claim_opens_to_each_reading(monkeypatch):
    monkeypatch.setattr("streamlit.text", lambda text: said.append(text))
    monkeypatch.setattr("streamlit.subheader", lambda text, **_: said.append(text))
    monkeypatch.setattr("streamlit.caption", lambda text: said.append(text))
    for each in (FINDINGS["4 bits are an eighth"], FINDINGS["Mixed hardware saves 40 %"]):
        said: list[str] = []
        shown.opened(each)
        assert said[0] == each.claim.name and len(said) == 3 + max(len(each.readings), 1)
        assert articles()[each.claim.article].title in said[-1]
