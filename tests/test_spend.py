"""Spending: exact break-evens, and what holds of any prices."""

from dataclasses import replace
from math import inf, isnan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calculators import UNKNOWN
from calculators.spend import (
    HOUR_S,
    YEAR_S,
    Called,
    Owned,
    Rented,
    Side,
    Split,
    break_even_use,
    cheapest_by_use,
    payback_s,
    paying_share,
)

DAY_S = 24 * HOUR_S
# 36,000 dollars, four years, 1 kW at 0.10 a kWh: 0.10 dollars an hour at full use.
BOUGHT = Owned(purchase_usd=36_000, life_s=4 * YEAR_S, power_w=1000, usd_per_kwh=0.1)
HIRED = Rented(usd_per_hour=4.1)
API = Called(input_usd=1e-6, output_usd=3e-6, prompt_tokens=1000, output_tokens=1000, requests_per_s=1.0)


def test_running_costs_are_power_times_price_and_upkeep():
    assert BOUGHT.running_usd_per_s(1.0) * HOUR_S == pytest.approx(0.1)
    assert BOUGHT.running_usd_per_s(0.0) == 0
    assert replace(BOUGHT, pue=1.5, idle_share=0.4).running_usd_per_s(0.5) * HOUR_S == pytest.approx(0.1 * 1.5 * 0.7)
    assert replace(BOUGHT, upkeep_per_year=0.1, power_w=0).running_usd_per_s(1.0) * YEAR_S == pytest.approx(3600)
    assert BOUGHT.usd_per_s(0.0) * 4 * YEAR_S == pytest.approx(36_000)


def test_a_purchase_is_paid_at_once_and_again_when_its_life_is_over():
    idle = replace(BOUGHT, power_w=0)
    years = np.array([0, 1, 4, 4.001, 8, 8.001]) * YEAR_S
    np.testing.assert_array_equal(idle.usd(years, 1.0), [36_000, 36_000, 36_000, 72_000, 72_000, 108_000])


def test_rent_pays_the_reserved_share_always_and_the_rest_while_used():
    half = Rented(usd_per_hour=4, reserved_share=0.5, discount=0.25)
    hourly = [half.usd_per_s(use) * HOUR_S for use in (0.0, 0.5, 0.75, 1.0)]
    assert hourly == pytest.approx([1.5, 1.5, 2.5, 3.5])
    assert Rented(usd_per_hour=4, reserved_share=0).usd_per_s(0.25) * HOUR_S == pytest.approx(1.0)


def test_payback_is_the_purchase_over_what_is_saved():
    # 4.10 rented less 0.10 of power saves 4 dollars an hour: 9,000 hours
    assert payback_s(BOUGHT, HIRED, 1.0) == pytest.approx(9000 * HOUR_S)
    assert payback_s(BOUGHT, Rented(usd_per_hour=0.1), 1.0) == inf
    assert payback_s(BOUGHT, Rented(usd_per_hour=1.1), 1.0) == inf  # 36,000 hours are more than its 35,064
    assert payback_s(BOUGHT, Rented(usd_per_hour=1.13), 1.0) == pytest.approx(36_000 / 1.03 * HOUR_S)
    assert isnan(payback_s(replace(BOUGHT, purchase_usd=UNKNOWN), HIRED, 1.0)) or isnan(
        payback_s(BOUGHT, Rented(usd_per_hour=UNKNOWN), 1.0)
    )


def test_an_api_costs_nothing_unused_and_hardware_pays_from_a_use_on():
    assert API.usd_per_request == pytest.approx(0.004) and API.usd_per_s(0.0) == 0
    # rent of 4.10 an hour against 0.004 a request, one a second: 14.40 an hour at full use
    assert break_even_use(HIRED, API) == pytest.approx(4.1 / 14.4)
    flat = replace(BOUGHT, power_w=0)
    assert break_even_use(flat, API) == pytest.approx(36_000 / (4 * YEAR_S) / 0.004)
    assert break_even_use(HIRED, replace(API, requests_per_s=0.1)) == inf
    assert break_even_use(API, HIRED) == 0


def test_two_ways_that_cost_nothing_unused_break_even_only_where_the_first_stays_no_dearer():
    on_demand = Rented(usd_per_hour=4.1, reserved_share=0)  # nothing unused, as an API
    assert break_even_use(on_demand, replace(API, requests_per_s=0.1)) == inf  # 4.10 against 1.44 an hour in use
    assert break_even_use(on_demand, API) == 0  # 4.10 against 14.40
    assert break_even_use(on_demand, on_demand) == 0
    half, cheap = Rented(usd_per_hour=4, reserved_share=0.5), replace(API, requests_per_s=4 / 14.4)
    assert break_even_use(half, cheap) == pytest.approx(0.5)  # 4 u from the kink on, as the API
    assert break_even_use(replace(BOUGHT, purchase_usd=0, power_w=0), replace(API, requests_per_s=0)) == 0


def test_the_cheapest_way_changes_where_lines_cross_and_at_kinks():
    assert cheapest_by_use({"rent": HIRED, "call": API}) == ((0.0, "call"), (pytest.approx(4.1 / 14.4), "rent"))
    assert cheapest_by_use({"rent": HIRED}) == ((0.0, "rent"),)
    half, flat = Rented(usd_per_hour=4, reserved_share=0.5), replace(BOUGHT, purchase_usd=3 * 35_064, power_w=0)
    found = cheapest_by_use({"buy": flat, "rent": half, "call": API})
    # 14.40 u, 2 an hour up to half and 4 u then, 3 an hour
    assert found == ((0.0, "call"), (pytest.approx(2 / 14.4), "rent"), (pytest.approx(0.75), "buy"))


@given(
    hourly=st.floats(0.01, 10), reserved=st.floats(0, 1), price=st.floats(0, 1e-2), purchase=st.floats(0, 1e6),
    use=st.floats(0, 1),
)  # fmt: skip
def test_none_costs_less_than_the_cheapest_by_use(hourly, reserved, price, purchase, use):
    ways = {
        "buy": replace(BOUGHT, purchase_usd=purchase),
        "rent": Rented(usd_per_hour=hourly, reserved_share=reserved),
        "call": replace(API, input_usd=price / 1000, output_usd=0),
    }
    found = cheapest_by_use(ways)
    best = [name for start, name in found if start <= use][-1]
    assert [start for start, _ in found] == sorted({start for start, _ in found}) and found[0][0] == 0
    least = min(float(way.usd_per_s(use)) for way in ways.values())
    assert float(ways[best].usd_per_s(use)) <= least * (1 + 1e-9) + 1e-15


def test_a_kink_at_the_reserved_share_is_met_exactly():
    half = Rented(usd_per_hour=4, reserved_share=0.5)  # 2 an hour up to half, then 4 more for each further whole
    # against a dearer API the crossing lies before the kink, against a cheaper one behind it
    assert break_even_use(half, replace(API, requests_per_s=8 / 14.4)) == pytest.approx(0.25)
    assert break_even_use(half, replace(API, requests_per_s=3 / 14.4)) == inf  # 4 u never comes under 3 u
    bought = replace(BOUGHT, purchase_usd=3 * 35_064, power_w=0)  # 3 an hour whatever its use
    assert break_even_use(bought, half) == pytest.approx(0.75)


@given(
    purchase=st.floats(0, 1e6), hourly=st.floats(0.01, 100), reserved=st.floats(0, 1), price=st.floats(0, 1e-2),
    power=st.floats(0, 1e4), idle=st.floats(0, 1), upkeep=st.floats(0, 0.5),
)  # fmt: skip
def test_below_a_break_even_the_other_way_is_cheaper_and_from_it_on_it_is_not(
    purchase, hourly, reserved, price, power, idle, upkeep
):
    owned = Owned(
        purchase_usd=purchase, life_s=4 * YEAR_S, power_w=power, usd_per_kwh=0.2, pue=1.3, idle_share=idle,
        upkeep_per_year=upkeep,
    )  # fmt: skip
    rented = Rented(usd_per_hour=hourly, reserved_share=reserved)
    called = replace(API, input_usd=price / 1000, output_usd=0)
    for first, second in ((owned, rented), (owned, called), (rented, called)):
        least = float(break_even_use(first, second))
        for use in np.linspace(0, 1, 21):
            costs, other = float(first.usd_per_s(use)), float(second.usd_per_s(use))
            if use < least * (1 - 1e-9):
                assert costs > other or costs == pytest.approx(other)
        if least <= 1:
            assert float(first.usd_per_s(least)) <= float(second.usd_per_s(least)) * (1 + 1e-6) + 1e-12
    after = float(payback_s(owned, rented, 0.7))
    if after < inf and after > 0:
        assert float(owned.usd(after, 0.7)) == pytest.approx(float(rented.usd(after, 0.7)), rel=1e-6)
    elif after == inf:
        lives = np.array([1, 2, 3]) * owned.life_s  # the best moments: just before the next purchase
        assert np.all(owned.usd(lives, 0.7) >= rented.usd(lives, 0.7) * (1 - 1e-9))


def test_a_sweep_equals_its_single_costs():
    uses, hours = np.linspace(0, 1, 7), np.array([0.5, 1, 2, 4, 8, 16, 32])
    rents = Rented(usd_per_hour=hours, reserved_share=0.3)
    single = [Rented(usd_per_hour=hour, reserved_share=0.3) for hour in hours]
    assert list(break_even_use(rents, API)) == [float(break_even_use(one, API)) for one in single]
    assert list(payback_s(BOUGHT, rents, uses)) == [
        float(payback_s(BOUGHT, one, use)) for one, use in zip(single, uses, strict=True)
    ]


def test_unknown_prices_stay_unknown():
    assert isnan(break_even_use(Rented(usd_per_hour=UNKNOWN), API))
    assert isnan(break_even_use(HIRED, replace(API, input_usd=UNKNOWN)))
    assert isnan(payback_s(BOUGHT, Rented(usd_per_hour=UNKNOWN), 1.0))
    assert isnan(payback_s(replace(BOUGHT, purchase_usd=UNKNOWN), HIRED, 1.0))
    assert isnan(paying_share(replace(HALF, near_usd_per_s=UNKNOWN)))


NEAR = Side(network_s=0, first_token_s=0.05, token_s=0.1, output_tokens=11)
FAR = Side(network_s=0.1, first_token_s=0.4, token_s=0.02, output_tokens=11)
HALF = Split(near=NEAR, far=FAR, near_usd_per_s=0.001, paid=API, use=1.0, requests_per_s=1.0, share=0.5)


def test_a_split_blends_costs_and_waits_by_its_share():
    assert (NEAR.answer_s, FAR.answer_s) == pytest.approx((1.05, 0.7))
    assert HALF.usd_per_request == pytest.approx(0.001 + 0.5 * 0.004)
    assert HALF.heard_s == pytest.approx(0.5 * 0.05 + 0.5 * 0.5)
    assert HALF.answer_s == pytest.approx(0.5 * 1.05 + 0.5 * 0.7)
    assert replace(HALF, share=0.0).answer_s == FAR.answer_s and replace(HALF, share=1.0).answer_s == NEAR.answer_s


def test_what_is_passed_on_is_paid_and_waited_for_twice():
    passed = replace(HALF, share=1.0, passed_on=0.2)
    assert passed.far_share == pytest.approx(0.2)
    assert passed.usd_per_request == pytest.approx(0.001 + 0.2 * 0.004)
    assert passed.answer_s == pytest.approx(1.05 + 0.2 * 0.7)
    assert passed.heard_s == pytest.approx(0.8 * 0.05 + 0.2 * (1.05 + 0.5))


def test_what_is_bought_or_reserved_costs_the_same_however_little_is_left_to_answer():
    for paid in (replace(BOUGHT, power_w=0), HIRED):
        kept = replace(HALF, paid=paid, near_usd_per_s=0.0)
        for share in (0.0, 0.5, 1.0):
            assert replace(kept, share=share).usd_per_s == paid.usd_per_s(1.0)
        assert paying_share(kept) == 0 and paying_share(replace(kept, near_usd_per_s=1e-6)) == inf
    bought = replace(HALF, paid=BOUGHT, near_usd_per_s=0.0)
    assert (BOUGHT.usd_per_s(1.0) - bought.usd_per_s) * HOUR_S == pytest.approx(0.05)  # half of its power alone


def test_rent_falls_only_by_what_exceeds_the_reserved_part():
    rent = replace(HALF, paid=Rented(usd_per_hour=4, reserved_share=0.8), near_usd_per_s=0.0)
    assert rent.usd_per_s * HOUR_S == pytest.approx(3.2) and replace(rent, share=0.1).usd_per_s * HOUR_S == (
        pytest.approx(3.6)
    )
    # 0.4 an hour near the user is earned by a tenth of the requests, 0.9 never by the 0.8 that rent can fall
    assert paying_share(replace(rent, near_usd_per_s=0.4 / HOUR_S)) == pytest.approx(0.1)
    assert paying_share(replace(rent, near_usd_per_s=0.9 / HOUR_S)) == inf


def test_a_far_side_of_several_copies_gives_up_whole_ones():
    four = replace(HALF, paid=replace(BOUGHT, power_w=0), near_usd_per_s=0.0, use=0.6, copies=4)
    all_of_it = BOUGHT.purchase_usd / BOUGHT.life_s
    kept = {0.0: 4, 0.25: 3, 0.3: 3, 0.5: 2, 0.75: 1, 1.0: 1}
    for share, copies in kept.items():
        assert replace(four, share=share).far_copies == copies
        assert replace(four, share=share).usd_per_s == pytest.approx(all_of_it * copies / 4)
    shares = np.array(list(kept))
    np.testing.assert_array_equal(replace(four, share=shares).far_copies, list(kept.values()))
    assert replace(four, copies=1, share=0.9).usd_per_s == pytest.approx(all_of_it)
    assert replace(four, paid=API).usd_per_s == pytest.approx(0.3 * 0.004)  # by the token, copies mean nothing


def test_a_split_pays_from_the_share_that_earns_its_fixed_cost():
    assert paying_share(HALF) == pytest.approx(0.001 / 0.004)
    alone = replace(HALF, share=0.0, near_usd_per_s=0.0)
    at = replace(HALF, share=paying_share(HALF))
    assert at.usd_per_request == pytest.approx(alone.usd_per_request)
    assert paying_share(replace(HALF, passed_on=0.9)) == inf  # 0.0004 saved of 0.001 spent
    assert paying_share(replace(HALF, use=0.1)) == inf  # too few to earn it
    assert paying_share(replace(HALF, near_usd_per_s=0.0)) == 0
    shares = paying_share(replace(HALF, near_usd_per_s=np.array([0.0, 0.001, 0.002, 0.005])))
    np.testing.assert_allclose(shares, [0, 0.25, 0.5, inf])
