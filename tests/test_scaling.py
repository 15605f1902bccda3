"""The laws give the published figures, and their optima are optima."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from calculators.scaling import (
    compute_optimal_tokens,
    loss,
    optimal_parameters,
    optimal_tokens,
    training_flops,
)
from presets.catalog import RUNS, scaling_laws, training_runs
from presets.loader import table

LAWS = scaling_laws()
CHINCHILLA, REFIT = LAWS["Chinchilla approach 3 (2022)"], LAWS["Chinchilla refit (Besiroglu et al. 2024)"]
ANY_LAW, BUDGETS = st.sampled_from(list(LAWS.values())), st.floats(1e17, 1e28)


@pytest.mark.parametrize("law", LAWS.values(), ids=lambda law: law.name)
@pytest.mark.parametrize("flops", [1e18, 5.76e23, 1e26])
def test_no_other_size_reaches_a_lower_loss_for_the_budget(law, flops):
    def at(log_parameters):
        parameters = np.exp(log_parameters)
        return loss(law, parameters, flops / (6 * parameters))

    best = minimize_scalar(at, bounds=(np.log(1e5), np.log(1e15)), method="bounded", options={"xatol": 1e-10})
    assert optimal_parameters(law, flops) == pytest.approx(np.exp(best.x), rel=1e-4)
    assert loss(law, optimal_parameters(law, flops), optimal_tokens(law, flops)) <= best.fun * (1 + 1e-12)


@given(law=ANY_LAW, flops=BUDGETS)
def test_the_optimum_spends_exactly_the_budget(law, flops):
    parameters, tokens = optimal_parameters(law, flops), optimal_tokens(law, flops)
    assert training_flops(parameters, tokens) == pytest.approx(flops, rel=1e-12)


@given(law=ANY_LAW, flops=BUDGETS)
def test_compute_optimal_tokens_invert_the_optimum(law, flops):
    parameters = optimal_parameters(law, flops)
    assert compute_optimal_tokens(law, parameters) == pytest.approx(optimal_tokens(law, flops), rel=1e-9)


def test_a_sweep_of_budgets_equals_its_single_optima():
    flops = np.logspace(18, 26, 9)
    singles = [optimal_parameters(CHINCHILLA, budget) for budget in flops]
    assert list(optimal_parameters(CHINCHILLA, flops)) == pytest.approx(singles, rel=1e-12)


def test_chinchilla_has_the_papers_exponents_of_the_optimum():
    grown = optimal_parameters(CHINCHILLA, 1e24) / optimal_parameters(CHINCHILLA, 1e21)
    assert np.log(grown) / np.log(1000) == pytest.approx(0.46, abs=0.005)  # Hoffmann et al. 2022, table 2: a
    grown = optimal_tokens(CHINCHILLA, 1e24) / optimal_tokens(CHINCHILLA, 1e21)
    assert np.log(grown) / np.log(1000) == pytest.approx(0.54, abs=0.005)  # b
    grown = optimal_parameters(REFIT, 1e24) / optimal_parameters(REFIT, 1e21)
    assert np.log(grown) / np.log(1000) == pytest.approx(0.5126, abs=0.0005)  # Besiroglu et al. 2024


def test_gophers_budget_asks_for_the_model_that_approach_3_projects():
    # Hoffmann et al. 2022, section 3.4: 5.76e23 FLOPs, 40 billion parameters by approach 3.
    assert optimal_parameters(CHINCHILLA, 5.76e23) == pytest.approx(40e9, rel=0.05)


def test_the_refit_asks_for_about_twenty_tokens_a_parameter():
    flops = training_flops(70e9, 1.4e12)  # Chinchilla itself
    assert optimal_tokens(REFIT, flops) / optimal_parameters(REFIT, flops) == pytest.approx(20, rel=0.3)


def test_the_published_runs_are_245_and_lie_near_the_law():
    runs = training_runs()
    assert {len(column) for column in runs.values()} == {table("scaling.toml")[RUNS]["runs"]} == {245}
    assert runs["flops"] == pytest.approx(training_flops(runs["parameters"], runs["tokens"]), rel=1e-4)
    for law in LAWS.values():
        assert law.fitted_flops == (runs["flops"].min(), runs["flops"].max())
        error = np.abs(loss(law, runs["parameters"], runs["tokens"]) / runs["loss"] - 1)
        assert np.median(error) < 0.02
