"""Twelve people with a job and a budget: what they are told is what was read and reviewed, and their link says it."""

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from calculators.recommend import choose
from pages.ui.controls import records
from pages.ui.links.query import from_query, to_query
from pages.ui.recommend import jobs, needs
from pages.ui.recommend.surveys import answered, surveyed
from presets.scenarios import scenarios

PAIRS = tomllib.loads((Path(__file__).parent / "golden" / "recommendations.toml").read_text(encoding="utf-8"))
EVERY = pytest.mark.parametrize("title", PAIRS)


def recommended(chosen):
    return choose(surveyed(chosen), needs.need(chosen), needs.budget(chosen))


def test_there_are_twelve_and_the_articles_four_jobs_are_among_them():
    jobs_asked = {from_query(pair["link"])[0].job for pair in PAIRS.values()}
    assert len(PAIRS) == 12
    assert jobs_asked == set(scenarios())


@EVERY
def test_the_link_gives_the_pick_and_the_reasons_that_were_reviewed(title):
    pair = PAIRS[title]
    chosen, problems = from_query(pair["link"])
    assert problems == () and to_query(chosen, "recommend") == pair["link"]
    for found in (answered(chosen), recommended(chosen)):
        assert jobs.said(found, scenarios()[chosen.job]) == [pair["answer"], *pair["reasons"]]
    assert pair["review"], "the answer is new: read it as the person who asked and write the review"


@EVERY
def test_the_pick_is_the_scenario_of_every_page_once_it_is_used(title):
    chosen, _ = from_query(PAIRS[title]["link"])
    found = recommended(chosen)
    if found.pick is None:
        return
    taken = jobs.taken(chosen, found.pick)
    steps = found.pick.scenario.workload.batch if chosen.rate else chosen.batch
    used = records.scenario(taken)
    cached = chosen.hits  # other pages read the whole prompt, but where they ask for this share
    assert replace(used, workload=replace(used.workload, batch=steps, prefix_hits=cached)) == found.pick.scenario
    assert from_query(to_query(taken)) == (taken, ())
    assert jobs.said(recommended(taken), None)[0] == PAIRS[title]["answer"]
