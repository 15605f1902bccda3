"""What did published training runs take, and what may a planned one? `python -m presets.runs` prints them.

training_runs.csv holds whole runs whose tokens, devices and device-hours were published: the share of the devices'
peak that each reached follows. A planned run expects what runs of its size reached on its generation of devices in its
width of numbers; where those are of fewer than four families, on its generation in any width; else on any device, and
it says so.
training_steps.csv holds the same benchmark on several numbers of devices, training.toml power, PUE and generations.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from math import isclose
from statistics import median

from calculators import UNKNOWN, Quantity
from calculators.hardware import Accelerator
from calculators.run import HOUR_S, JOULES_PER_KWH, Power, co2_kg, energy_of, model_flops
from calculators.scaling import FLOPS_PER_PARAMETER_TOKEN
from calculators.utilisation import FEWEST, Expectation, Slope, expectation, slope
from presets.catalog import accelerators, models
from presets.loader import Entry, load, load_rows, table
from presets.rents import standing

FILE = "training.toml"
RUNS = {
    "name": str, "family": str, "model": str, "parameters": int, "tokens": int, "sequence_tokens": int,
    "accelerator": str, "arithmetic": str, "devices": int, "device_hours": float, "source": str, "checked": date,
    "note": str,
}  # fmt: skip
STEPS = {
    "series": str, "accelerator": str, "devices": int, "share": float, "source": str, "checked": date, "note": str,
}  # fmt: skip
PLACES = {
    "place": str, "scope": str, "grams_per_kwh": float, "year": int, "source": str, "checked": date,
}  # fmt: skip
WIDTHS: Mapping[str, int] = {"fp32": 32, "tf32": 32, "bf16": 16, "fp16": 16, "fp8": 8, "int8": 8}
SAME = 0.05  # two sources give one run's figures within this of each other
MANY = 64  # devices from which a slope over cluster sizes is fitted: below, one node or few, other limits hold


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedRun:
    """A training run as published: parameters that a token meets, tokens, device-hours; devices unknown where unstated.

    `model`: the preset whose ledger counts its FLOPs; where there is none, 6 x parameters x tokens.
    """

    name: str
    family: str
    model: str
    parameters: int
    tokens: int
    sequence_tokens: int
    accelerator: str
    arithmetic: str
    devices: float
    device_hours: float
    source: str
    checked: date
    note: str

    @property
    def flops(self) -> float:
        """Model FLOPs of the run."""
        if self.model:
            return float(model_flops(models()[self.model], self.tokens, self.sequence_tokens))
        return float(FLOPS_PER_PARAMETER_TOKEN * self.parameters * self.tokens)

    @property
    def peak_flops(self) -> float:
        """FLOPs that its devices could have done in its device-hours at their dense peak."""
        return self.device_hours * HOUR_S * float(accelerators()[self.accelerator].peak_flops_per_s[self.arithmetic])

    @property
    def utilisation(self) -> float:
        """Share of the peak that the run reached, restarts and evaluation included."""
        return self.flops / self.peak_flops


def _device(entry: Entry) -> str:
    name = entry.text("accelerator")
    if name not in accelerators():
        raise entry.error(f"accelerator {name!r} is not in accelerators.toml")
    return str(name)


def _run(entry: Entry) -> PublishedRun:
    source, checked = entry.origin()
    accelerator, arithmetic, model = _device(entry), entry.text("arithmetic"), entry.text("model", "")
    if arithmetic not in accelerators()[accelerator].peak_flops_per_s:
        raise entry.error(f"arithmetic {arithmetic!r}: {accelerator} has no such peak")
    if model and model not in models():
        raise entry.error(f"model {model!r} is not in models.toml; an empty cell was expected where there is none")
    run = PublishedRun(
        name=entry.text("name"),
        family=entry.text("family"),
        model=model,
        parameters=entry.number("parameters"),
        tokens=entry.number("tokens"),
        sequence_tokens=entry.number("sequence_tokens"),
        accelerator=accelerator,
        arithmetic=arithmetic,
        devices=entry.number("devices", UNKNOWN),
        device_hours=entry.number("device_hours"),
        source=source,
        checked=checked,
        note=entry.text("note", ""),
    )
    if not 0 < run.utilisation < 1:
        raise entry.error(f"{run.name} would have reached {run.utilisation:.0%} of the peak; between 0 and 1 can be")
    return run


@cache
def published_runs() -> Mapping[str, PublishedRun]:
    """Every published run, by name."""
    return {run.name: run for run in load_rows("training_runs.csv", RUNS, _run)}


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedStep:
    """A benchmark's share of the peak on so many devices; a `series` differs in their number alone."""

    series: str
    accelerator: str
    devices: int
    share: float
    source: str
    checked: date
    note: str


def _step(entry: Entry) -> PublishedStep:
    source, checked = entry.origin()
    return PublishedStep(
        series=entry.text("series"),
        accelerator=_device(entry),
        devices=entry.number("devices"),
        share=entry.number("share"),
        source=source,
        checked=checked,
        note=entry.text("note", ""),
    )


@cache
def published_steps() -> tuple[PublishedStep, ...]:
    """Every benchmark of a training step."""
    return load_rows("training_steps.csv", STEPS, _step)


def _generation(entry: Entry) -> tuple[str, ...]:
    entry.origin()
    return tuple(entry.texts("devices"))


@cache
def _generations() -> Mapping[str, tuple[str, ...]]:
    return load(FILE, _generation, table(FILE)["generation"])


def generation(accelerator: str) -> str:
    """The generation of chips that a device is of, by training.toml; its own name where it is of none."""
    found = (name for name, starts in _generations().items() if accelerator.startswith(starts))
    return next(found, accelerator)


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """What a planned run may expect, the runs it rests on, and in words which those are."""

    expectation: Expectation
    runs: tuple[PublishedRun, ...]
    words: str
    wider: bool  # whether they are other than the same generation and width

    @property
    def devices(self) -> float:
        """Devices of such a run, the median of those that state it; unknown where none does."""
        stated = [run.devices for run in self.runs if run.devices == run.devices]
        return median(stated) if stated else UNKNOWN


def _pools(accelerator: str, arithmetic: str) -> Iterable[tuple[str, tuple[PublishedRun, ...]]]:
    """Groups of published runs that may stand for one, the nearest first, in words."""
    name, width = generation(accelerator), WIDTHS.get(arithmetic, 16)
    own = tuple(run for run in published_runs().values() if generation(run.accelerator) == name)
    yield f"on {name} in {width} bits", tuple(run for run in own if WIDTHS[run.arithmetic] == width)
    yield f"on {name} in any width: too few in {width} bits", own
    yield f"on any device: too few on {name}", tuple(published_runs().values())


def expected(
    accelerator: str, arithmetic: str, parameters: Quantity, *, without: Iterable[str] = ()
) -> Evidence:  # fmt: skip
    """The share of a device's peak that a model of so many active parameters may reach, by published runs.

    `without`: names of runs left out, so that a prediction does not see what it is held against.
    """
    out = frozenset(without)
    pools = [
        (words, tuple(run for run in pool if run.name not in out)) for words, pool in _pools(accelerator, arithmetic)
    ]
    place = next((i for i, (_, runs) in enumerate(pools) if len({run.family for run in runs}) >= FEWEST), -1)
    words, runs = pools[place]
    reached = expectation(
        [run.utilisation for run in runs], [run.parameters for run in runs], [run.family for run in runs], parameters
    )
    return Evidence(expectation=reached, runs=runs, words=words, wider=place != 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """A published run's device-hours beside the range that the others predict."""

    run: PublishedRun
    evidence: Evidence

    def hours(self, share: Quantity) -> float:
        """Device-hours that the run would take at a share of the peak."""
        return float(self.run.device_hours * self.run.utilisation / share)

    @property
    def inside(self) -> bool:
        """Whether the published figure lies in the range."""
        return bool(self.evidence.expectation.low <= self.run.utilisation <= self.evidence.expectation.high)


def _is(one: PublishedRun, other: PublishedRun) -> bool:
    """Whether two rows tell of one run: by name, or by its figures up to rounding, on one generation of devices."""
    figures = zip(
        (one.parameters, one.tokens, one.device_hours),
        (other.parameters, other.tokens, other.device_hours),
        strict=True,
    )
    alike = all(isclose(first, second, rel_tol=SAME) for first, second in figures)
    return one.name == other.name or (alike and generation(one.accelerator) == generation(other.accelerator))


def compared(run: PublishedRun, *, by_family: bool = False) -> Comparison:
    """A run against the published ones that are not itself, or against those of other families."""
    without = [
        each.name for each in published_runs().values() if _is(each, run) or (by_family and each.family == run.family)
    ]
    return Comparison(run=run, evidence=expected(run.accelerator, run.arithmetic, run.parameters, without=without))


@cache
def comparisons(*, by_family: bool = False) -> tuple[Comparison, ...]:
    """Every published run against the others, or against those of other families."""
    return tuple(compared(run, by_family=by_family) for run in published_runs().values())


@cache
def scale_slope(accelerator: str = "") -> Slope:
    """Power with which a benchmark's share of the peak follows the number of devices, from MANY on.

    Of one generation, or of all. Raises ValueError where no series of it has two rows.
    """
    wanted = generation(accelerator)
    rows = [
        step
        for step in published_steps()
        if step.devices >= MANY and (not accelerator or generation(step.accelerator) == wanted)
    ]
    counts = [step.series for step in rows]
    rows = [step for step in rows if counts.count(step.series) > 1]
    if not rows:
        raise ValueError(f"{wanted}: no benchmark on several numbers of devices")
    return slope([step.share for step in rows], [step.devices for step in rows], [step.series for step in rows])


@cache
def run_slope() -> Slope:
    """The same over whole runs that state their devices: what is left after their sizes, within a generation."""
    stated = [each for each in comparisons() if each.run.devices == each.run.devices and not each.evidence.wider]
    over = [each.run.utilisation / float(each.evidence.expectation.mid) for each in stated]
    return slope(over, [each.run.devices for each in stated], [generation(each.run.accelerator) for each in stated])


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasuredEnergy:
    """A run whose power was measured: mean watts a device with its part of the host, and the published energy."""

    maker: str
    devices: int
    days: float
    watts: float
    rated_watts: float
    pue: float
    mwh: float
    grams_per_kwh: float
    tonnes_co2: float
    source: str
    checked: date

    @property
    def joules(self) -> float:
        """Joules that the published inputs give."""
        return float(energy_of(self.devices * self.days * 24, self.watts, self.pue))

    @property
    def tonnes(self) -> float:
        """Tonnes of CO2 equivalent that the published energy and electricity give."""
        return float(co2_kg(self.mwh * 1000 * JOULES_PER_KWH, self.grams_per_kwh)) / 1000

    @property
    def share(self) -> float:
        """Watts drawn over watts rated."""
        return self.watts / self.rated_watts


def _measured(entry: Entry) -> MeasuredEnergy:
    source, checked = entry.origin()
    numbers = {
        key: float(entry.number(key))
        for key in ("days", "watts", "rated_watts", "pue", "mwh", "grams_per_kwh", "tonnes_co2")
    }
    return MeasuredEnergy(
        maker=entry.text("maker"), devices=entry.get("devices", int), source=source, checked=checked, **numbers
    )


@cache
def measured_energies() -> Mapping[str, MeasuredEnergy]:
    """Runs whose power was measured, by name."""
    return load(FILE, _measured, table(FILE)["measured"])


def _node(entry: Entry) -> tuple[str, float]:
    entry.origin()
    devices, watts, rated = (entry.number(key) for key in ("devices", "watts", "rated_watts"))
    return entry.text("maker"), watts / devices / rated


def _pue(entry: Entry) -> float:
    entry.origin()
    return float(entry.number("pue"))


@cache
def pues() -> Mapping[str, float]:
    """PUE by whose data centres."""
    return load(FILE, _pue, table(FILE)["pue"])


@cache
def power_shares(maker: str) -> tuple[float, ...]:
    """Measured watts with the host over rated watts of a maker's devices, ascending; of all where none is its own."""
    rows = [(each.maker, each.share) for each in measured_energies().values()]
    rows += load(FILE, _node, table(FILE)["node"]).values()
    own = sorted(share for by, share in rows if by == maker)
    return tuple(own or sorted(share for _, share in rows))


def powers(accelerator: Accelerator) -> tuple[Power, Power, Power]:
    """What a device may draw beside its rated watts and in which data centre: low, middle and high."""
    shares, buildings = power_shares(str(accelerator.name).split()[0]), pues().values()
    low, mid, high = (Power(share=end(shares), pue=end(buildings)) for end in (min, median, max))
    return low, mid, high


@cache
def rents(accelerator: str) -> tuple[float, ...]:
    """What providers ask for a device-hour on demand at prices that stand, US dollars, ascending."""
    return tuple(offer.usd_per_device_hour for offer in standing().get(accelerator, ()))


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Grams of CO2 equivalent that a kilowatt-hour causes in a country or state, in a year."""

    name: str
    scope: str
    grams_per_kwh: float
    year: int
    source: str
    checked: date


def _place(entry: Entry) -> Place:
    source, checked = entry.origin()
    return Place(
        name=entry.text("place"), scope=entry.text("scope"), grams_per_kwh=entry.number("grams_per_kwh"),
        year=entry.get("year", int), source=source, checked=checked,
    )  # fmt: skip


@cache
def places() -> Mapping[str, Place]:
    """Electricity by place: countries, then states, in alphabetical order."""
    return {place.name: place for place in load_rows("electricity.csv", PLACES, _place)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Tariff:
    """What a kilowatt-hour costs, US dollars, and where it costs least and most."""

    usd_per_kwh: float
    low: float
    high: float
    source: str
    checked: date


def _tariff(entry: Entry) -> Tariff:
    source, checked = entry.origin()
    price, low, high = (float(entry.number(key)) for key in ("usd_per_kwh", "low", "high"))
    return Tariff(usd_per_kwh=price, low=low, high=high, source=source, checked=checked)


@cache
def tariffs() -> Mapping[str, Tariff]:
    """Prices of electricity, by whose."""
    return load(FILE, _tariff, table(FILE)["electricity"])
