"""Which values may an input take? The round values of each slider and the choices of each list."""

from collections.abc import Iterable, Mapping
from math import inf
from types import MappingProxyType

from calculators.recommend import changes
from presets.catalog import accelerator_facts
from presets.scenarios import scenarios

PRESET = "preset"  # a what-if field left as the model has it
AUTO = -1  # an engine's setting left to the engine

BATCHES = (1, 2, 4, 8, 16, 24, 32, 50, 64, 100, 128, 200, 256, 384, 512, 768, 1024)
PROMPTS = tuple(sorted({*(2**i for i in range(6, 21)), 1500, 10_000}))  # with the lengths that the jobs have
OUTPUTS = tuple(sorted({*(2**i for i in range(3, 16)), 13}))
DEVICES, STAGES = changes.WIDTHS, changes.STAGES
COPIES = (*range(1, 33), 64)
OWNED = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 24, 32)  # devices that one has
PRICES = (0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500)
WAITS_MS = (50, 80, 100, 200, 300, 450, 700, 1000, 2000, 5000, 10_000, 60_000, inf)  # inf: no limit
STEPS_MS = (5, 10, 20, 30, 40, 50, 80, 100, 200, 500, 1000, inf)
SCORES = tuple(range(0, 95, 5))
EXPONENTS = tuple(i / 2 for i in range(36, 55))
TOKENS_SERVED = (0.0, *(lead * 10.0**power for power in range(9, 16) for lead in (1, 3)))
UNIQUE_TOKENS = (*(lead * 10.0**power for power in range(9, 14) for lead in (1, 3)), inf)  # inf: no limit
SHARES = tuple(i / 100 for i in (20, 30, 40, 50, 60, 70, 75, 80, 85, 88, 90, 92, 94, 95, 96, 97, 98))
CHUNKS = tuple(2**i for i in range(6, 16))
SEQUENCES = tuple(2**i for i in range(11))
GPU_LAYERS = (4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 48, 56, 64, 72, 80, 96, 128)
FAMILIES = ("server formats", "llama.cpp formats", "all formats", "usual formats")
LOSSES = (0.1, 0.5, 1, 2, 3, 5, 10, 30)
HITS = tuple(i / 20 for i in range(20))
DRAFTS = (0, 1, 2, 3, 4, 5, 7)
ACCEPTED = tuple(i / 20 for i in range(21))
DRAFTERS = ("free", "a twentieth of a step", "a fifth of a step", "the model's own layer")
USES = tuple(i / 20 for i in range(1, 21))
PARTS = tuple(i / 20 for i in range(21))
YEARS = (1, 2, 3, 4, 5, 6, 7, 8)
KWH_USD = (0.03, 0.05, 0.08, 0.1, 0.12, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)
SITES = (1, 1.1, 1.2, 1.3, 1.4, 1.5, 1.58, 1.7, 2)  # power of the site over power of the hardware
UPKEEP = (0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5)
BOUGHT_USD = (500, 1000, 1500, 2000, 3000, 5000, 7000, 10_000, 15_000, 20_000, 25_000, 30_000, 40_000, 50_000, 70_000)
HIRED_USD = (0.2, 0.5, 1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10, 15)
TOKENS_USD = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 3, 5, 10, 15, 30, 60)  # for a million
DELAYS_MS = (0, 10, 20, 50, 100, 200, 500)
NEAR_USD = (0, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50)
CORPORA = ("C4", "RedPajama", "RefinedWeb")
SOURCES = ("devices I have", "devices I rent", "devices I buy", "devices I rent by the month", "any devices")
OWN_LOAD = "my own load"
RATES = (0, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)  # 0: a steady number at once instead
READS = (0, *(2**i for i in range(11, 21)))  # 0: no more than a request has
MONTHLY_USD = (50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 200_000)
CAPITAL_USD = (500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000)
WATTS = (0.5, 1, 5, 10, 30, 100, 300, 700, 1500, 3000, 7000, 15_000, 50_000, 150_000, inf)
MOST = (1, 2, 4, 8, 16, inf)
RACK_UNITS = (1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 32, 42, 48, 96, inf)
WALL_W = (300, 500, 1000, 2000, 3500, 5000, 7000, 11_000, 15_000, 22_000, 30_000, 40_000, 60_000, 100_000, 150_000, inf)
LENGTHS = tuple(2**i for i in range(8, 18))
STEP_TOKENS = tuple(2**i for i in range(13, 25))
TRAINED_ON = tuple(lead * 10**power for power in range(6, 14) for lead in (1, 2, 5))
RANKS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
OFFLOADED: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "nothing": frozenset(), "optimizer": frozenset({"optimizer"}),
        "all state": frozenset({"weights", "optimizer"}), "inputs": frozenset({"activations"}),
    }
)  # fmt: skip
NETWORKS = (10, 25, 50, 100, 200, 400, 800)  # Gbit/s, one direction of one device beyond its host
ANYWHERE = "any country"
VIEWS = ("Memory", "Cost", "Savings", "Smaller")
KEPT = tuple(i / 20 for i in range(1, 21))
HELD = ("all", "this one", "by size")  # what a recommendation may choose from; this: the sidebar's
# Numbers of parameters between the usual ones, so that what is called a 70B lies between 60 and 80.
BILLIONS = tuple(
    each * 1e9 for each in (0.5, 1, 2, 4, 6, 10, 15, 20, 25, 40, 60, 80, 100, 150, 200, 300, 500, 600, 700, 1000)
)
NO_DEVICE, ANY_MAKER, ANY_KIND = "nothing else", "any maker", "any kind"
ANY_PROVIDER, ANY_REGION = "any provider", "any region"
# Sizes that a visitor may try out: lowest, highest, step.
SIZES: Mapping[str, tuple[int, int, int]] = MappingProxyType(
    {
        "layers": (1, 160, 1),
        "hidden": (64, 20_480, 64),
        "heads": (1, 256, 1),
        "kv_heads": (1, 256, 1),
        "ffn": (64, 65_536, 64),
        "experts": (1, 512, 1),
        "top_k": (1, 64, 1),
        "sharing": (1, 16, 1),
    }
)


def kind_of(kinds: Iterable[str]) -> str:
    """Kinds of devices as one choice: data centre, workstation, desktop."""
    return ", ".join(kinds)


KINDS = (
    ANY_KIND,
    *dict.fromkeys(
        (*(kind_of(job.kinds) for job in scenarios().values()), *sorted({f.kind for f in accelerator_facts().values()}))
    ),
)
