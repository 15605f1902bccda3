"""Servers: known systems take the rack units and watts that their makers state, and what nobody stated is unknown."""

from copy import deepcopy
from dataclasses import replace
from math import inf, isnan

import pytest

from calculators.estimate import Workload
from calculators.hardware import NO_SERVER
from calculators.recommend import Budget, Catalog, Need, recommend
from presets import PresetError, accelerator_facts, accelerators, cache_formats, engines, formats, models
from presets.loader import table
from presets.servers import server_facts, servers

H100 = "NVIDIA H100 SXM5 80GB"

# (accelerator, devices, rack units, watts from the wall, source); None: nobody published it.
FACTS = [
    (H100, 1, 8, 10_200, "docs.nvidia.com/dgx/dgxh100-user-guide: eight in 8U, 10.2 kW max."),
    (H100, 8, 8, 10_200, "the same"),
    (H100, 9, 16, 20_400, "two of the same"),
    (H100, 16, 16, 20_400, "two of the same"),
    ("NVIDIA H200 SXM", 8, 8, 10_200, "docs.nvidia.com/dgx/dgxh100-user-guide, of both"),
    ("NVIDIA A100 SXM4 80GB", 8, 6, 6_500, "docs.nvidia.com/dgx/dgxa100-user-guide: 6U, 6.5 kW max."),
    ("NVIDIA A100 SXM4 40GB", 12, 12, 13_000, "two of the same"),
    ("NVIDIA B200 SXM (HGX/DGX)", 8, 10, 14_300, "docs.nvidia.com/dgx/dgxb200-user-guide: 10U, 14.3 kW max."),
    ("NVIDIA B300 SXM (HGX)", 8, 10, 15_100, "DGX B300 data sheet of February 2026: 15.1 kW with supplies"),
    ("NVIDIA V100 SXM2 16GB", 8, 3, 3_500, "run.ai/guides/nvidia-a100/nvidia-dgx: DGX-1, 3U, 3500W"),
    ("NVIDIA GB200 (per GPU, NVL72)", 4, 48, 135_000, "Supermicro SRS-GB200-NVL72: 48U, up to 135 kW; a whole rack"),
    ("NVIDIA GB200 (per GPU, NVL72)", 72, 48, 135_000, "the same"),
    ("NVIDIA L40S", 8, 3, None, "Lenovo ThinkSystem SR675 V3: 3U, eight double-wide cards"),
    ("NVIDIA L40", 8, 4, None, "Dell PowerEdge R760xa: 2U, four double-wide cards"),
    ("AMD Instinct MI300X", 8, 6, None, "Dell PowerEdge XE9680: 6U, eight"),
    ("AMD Instinct MI250 (2 GCD)", 8, 4, None, "GIGABYTE G262-ZO0: 2U, four"),
    ("NVIDIA GH200 96GB HBM3", 3, 3, None, "Supermicro ARS-111GL-NHR: 1U, one"),
    ("Apple M3 Ultra (80-core GPU)", 2, None, 540, "support.apple.com/en-us/102027: 270 W each, on a desk"),
    ("NVIDIA GeForce RTX 4090", 1, None, None, "sold for no rack"),
    ("Qualcomm Snapdragon 8 Elite", 1, None, None, "a phone"),
    ("Google TPU v5e", 4, None, None, "rented, not sold"),
]


def known(figure):
    return None if isnan(figure) else figure


@pytest.mark.parametrize(("name", "devices", "rack_units", "power_w", "source"), FACTS)
def test_devices_take_the_rack_units_and_the_watts_that_their_servers_maker_states(
    name, devices, rack_units, power_w, source
):
    server = servers().get(name, NO_SERVER)
    assert name in accelerators() and source
    assert (known(server.rack_units_of(devices)), known(server.power_w_of(devices))) == (rack_units, power_w)


def test_a_server_draws_more_than_the_devices_in_it():
    for name, server in servers().items():
        if not isnan(server.power_w) and not isnan(accelerators()[name].power_w):
            assert server.power_w > server.devices * accelerators()[name].power_w


def test_a_model_is_cut_over_devices_of_one_server():
    """Tensor parallel reaches as far as a node. Of two kinds no larger server was published than of four."""
    for name, server in servers().items():
        assert server.devices >= accelerators()[name].node_devices or name in (
            "NVIDIA L40",
            "AMD Instinct MI250 (2 GCD)",
        )


def test_no_device_that_is_sold_for_no_rack_has_rack_units():
    for name, server in servers().items():
        rackable = accelerator_facts()[name].kind in ("data centre", "workstation")
        assert isnan(server.rack_units) is not rackable


def test_a_device_in_two_servers_is_refused_by_name(monkeypatch):
    twice = deepcopy(dict(table("servers.toml")))
    twice["NVIDIA DGX H200"]["accelerators"].append(H100)
    monkeypatch.setattr("presets.loader.table", lambda name: twice)
    monkeypatch.setattr("presets.servers.server_facts", server_facts.__wrapped__)
    with pytest.raises(PresetError, match=f"presets/servers.toml: '{H100}' is in 'NVIDIA DGX H100' and in "):
        servers.__wrapped__()


CATALOG = Catalog(
    models={"Llama 3.1 405B": models()["Llama 3.1 405B"]},
    weight_formats={name: formats()[name] for name in ("FP8 per tensor", "BF16")},
    cache_formats={"BF16": cache_formats()["BF16"]},
    accelerators={H100: accelerators()[H100]},
    engine=engines()["vLLM"],
    quality={"Llama 3.1 405B": 87.3},
    kept={("Llama 3.1 405B", "BF16"): 1.0, ("Llama 3.1 405B", "FP8 per tensor"): 0.99},
    servers=servers(),
)
NEED = Need(workload=Workload(batch=1, prompt_tokens=1000, output_tokens=100))


@pytest.mark.parametrize(
    ("limits", "weights"),
    [
        ({}, "BF16"),  # 812 GB on two servers
        ({"rack_units": 16, "server_power_w": 20_400}, "BF16"),
        ({"rack_units": 15}, "FP8 per tensor"),  # 406 GB on one
        ({"server_power_w": 20_000}, "FP8 per tensor"),
        ({"rack_units": 8, "server_power_w": 10_200}, "FP8 per tensor"),
        ({"rack_units": 7}, None),
        ({"server_power_w": 10_000}, None),
    ],
)
def test_a_rack_decides_between_one_dgx_h100_and_two(limits, weights):
    pick = recommend(NEED, replace(Budget(devices={H100: 16}), **limits), CATALOG).pick
    assert (pick and pick.scenario.weight_format.name) == weights


def test_the_rated_power_of_devices_is_not_that_of_their_servers():
    """Eight H100 are rated at 5.6 kW, their server at 10.2 kW."""
    both = Budget(devices={H100: 16}, power_w=5_600)
    assert recommend(NEED, both, CATALOG).pick is not None
    assert recommend(NEED, replace(both, server_power_w=5_600), CATALOG).pick is None
    assert recommend(NEED, replace(both, power_w=inf, server_power_w=10_200), CATALOG).pick is not None
