"""Quality: every score has its source, belongs to a model of the catalog, and its spread holds what was published."""

import csv

import pytest

from presets import loader
from presets.catalog import format_measurements, formats, models
from presets.loader import PresetError
from presets.quality import (
    FORMS,
    SIZES,
    benchmark_facts,
    benchmarks,
    billions,
    measured_losses,
    published_scores,
    quality,
)


def test_most_models_have_a_score_and_the_benchmarks_go_by_coverage():
    covered = [len(quality(name)) for name in benchmarks()]
    assert covered == sorted(covered, reverse=True)
    assert set(benchmarks()) == set(benchmark_facts())
    assert benchmarks()[0] == "MMLU" and covered[0] >= 90
    assert len({row.model for row in published_scores()}) >= 114 > 0.9 * len(models())


@pytest.mark.parametrize("name", benchmark_facts())
def test_a_score_lies_in_its_spread_and_is_of_the_first_form_that_is_published(name):
    for model, score in quality(name).items():
        rows = [row for row in published_scores() if (row.model, row.benchmark) == (model, name)]
        same = [row.score for row in rows if row.form == score.form]
        assert (score.low, score.high, score.count) == (min(same), max(same), len(same))
        assert score.low <= score.value <= score.high
        forms = benchmark_facts()[name].forms
        assert forms.index(score.form) == min(forms.index(row.form) for row in rows)
        if any(row.by == "publisher" and row.form == score.form for row in rows):
            assert score.by == "publisher"
        assert score.source and score.setting and score.published_as


def test_every_score_has_a_source_and_stands_once():
    rows = published_scores()
    assert all(row.source.strip() and row.setting.strip() and 0 <= row.score <= 100 for row in rows)
    keys = [(row.model, row.benchmark, row.form, row.setting, row.published_as, row.source) for row in rows]
    assert len(set(keys)) == len(keys)


def test_known_scores_are_those_of_their_publishers():
    assert quality("MMLU")["Llama 3.1 8B"].value == 66.7  # 5-shot, the base model
    assert quality("MMLU-Pro")["DeepSeek-R1 671B"].value == 84.0
    assert quality("MMLU-Pro")["DeepSeek-R1 671B"].form == "reasoning"
    assert quality("HumanEval")["Qwen2.5 7B"].value == 84.8
    assert "MoE 175B (32 experts, top-2)" not in quality("MMLU")  # nobody trained it
    assert "Mamba 2.8B" not in {row.model for row in published_scores()}  # nobody's at hand: it stays unknown
    assert quality("MMLU")["Mistral 7B v0.3"].value == 62.33  # measured anew; its publisher's are of v0.1
    assert quality("GPQA Diamond")["GLM-4.5"].value == 79.1
    assert quality("SWE-bench Verified")["Devstral 2 123B"].value == 72.2
    assert quality("AIME 2024")["InternLM3 8B"].form == "reasoning"  # thinking; the others of its card are without
    assert quality("IFEval")["InternLM3 8B"].form == "instruct"


@pytest.fixture
def csv_with(monkeypatch, tmp_path):
    """Reads quality.csv with one more row."""

    def read(**changed):
        header, first = loader.rows("quality.csv")[:2]
        row = dict(zip(header, first, strict=True)) | changed
        with (tmp_path / "quality.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([header, row.values()])
        monkeypatch.setattr(loader, "HERE", tmp_path)
        loader.rows.cache_clear()
        try:
            return published_scores.__wrapped__()
        finally:
            loader.rows.cache_clear()

    return read


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"model": "Llama 3.1 9B"}, "model 'Llama 3.1 9B' is not one of"),
        ({"benchmark": "MMLU Pro"}, "benchmark 'MMLU Pro' is not one of MMLU, MMLU-Pro"),
        ({"form": "chat"}, "form 'chat' is not one of base, instruct, reasoning"),
        ({"by": "me"}, "by 'me' is not one of publisher, evaluation, other"),
        ({"score": "101"}, "score is 101; at most 100 per cent was expected"),
        ({"score": "-1"}, "score is -1.0; a number of zero or more was expected"),
        ({"score": "nan"}, "score is nan; a number of zero or more was expected"),
        ({"source": ""}, "source is missing"),
        ({"setting": ""}, "setting is missing"),
    ],
)
def test_a_row_that_cannot_be_used_is_refused_by_name(csv_with, changed, message):
    with pytest.raises(PresetError) as refusal:
        csv_with(**changed)
    assert str(refusal.value).startswith("presets/quality.csv: 'line 2': ")
    assert message in str(refusal.value)


def test_forms_are_told_apart():
    assert {row.form for row in published_scores()} == set(FORMS)
    assert quality("GPQA Diamond")["Qwen3 32B"].form == "instruct"  # 54.6; thinking reaches 68.4
    assert quality("GPQA Diamond")["Qwen3 32B"].high < 60


def test_measured_losses_span_their_rows_by_size():
    for loss in measured_losses():
        low, high = SIZES[loss.size]
        assert loss.format in formats() and loss.sources
        assert loss.low <= loss.percent <= loss.high
        assert all(low <= billions(model) < high for model in loss.models)
    rows = [
        row for row in format_measurements() if row.format == "GPTQ 4-bit g128" and row.loss_percent == row.loss_percent
    ]
    assert {loss.metric for loss in measured_losses() if loss.format == "GPTQ 4-bit g128"} == {
        row.metric for row in rows
    }
