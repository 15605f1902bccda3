"""What is said of a format? What it loses, what runs it, and why the tree ends in it."""

from collections.abc import Mapping, Sequence
from math import isfinite
from textwrap import wrap

from calculators.architecture import Architecture, parameters
from calculators.choose import Choice
from calculators.formats import Format
from calculators.hardware import Accelerator
from calculators.memory import weight_bytes
from calculators.recommend import runs_on, smallest_deployment
from pages.ui.explain.answers import devices_text, least
from pages.ui.explain.wording import digits, plural, short_device, show_bytes, show_loss, show_seconds


def what_fits(found: Choice) -> str:
    """How many of its devices would hold a choice that does not fit, in a sentence."""
    deployment = smallest_deployment(found.scenario)
    card = short_device(str(found.scenario.deployment.accelerator.name))
    if deployment is None:
        return f"Even 64 × {card} do not hold {found.name}: a smaller model would have to do."
    return f"{int(deployment.devices):,} × {card} would hold {found.name}: set how many share the model in the sidebar."


def lossless(loss: float) -> str:
    """A published loss in words: none, or its per cent."""
    return "no loss" if loss == 0 else f"{show_loss(loss)} published loss"


def smallest_format(model: Architecture, name: str, size: float, loss: float, accepted: float, unknown: int) -> str:
    """The smallest format within the accepted loss, against 16 bits."""
    sixteen = 2 * parameters(model)
    within = (
        f"loses at most {accepted:g}\u202f%"
        if loss <= accepted
        else f"loses least, though more than {accepted:g}\u202f%"
    )
    return (
        f"**{name}** is the smallest of the measured formats that {within}: it holds {model.name} in "
        f"**{show_bytes(size)}**, {digits(100 * size / sixteen)}\u202f% of its {show_bytes(sixteen)} in 16 bits, with "
        f"{lossless(loss)}. Of {unknown} formats nobody published a loss."
    )


def frontier(points: Mapping[str, Sequence[tuple[str, float, float]]], front: Sequence[str], accepted: float) -> str:
    """What the formats that no other beats say together: how far down the loss stays small, and where it goes."""
    dots = {name: (size, loss) for family in points.values() for name, size, loss in family if name in front}
    within = [name for name in front if dots[name][1] <= accepted]
    size, loss = dots[front[0]]
    end = f"{front[0]}, the smallest at {show_bytes(size)}, loses {show_loss(loss)}"
    if not within or within[0] == front[0]:
        return end
    return f"Down to {show_bytes(dots[within[0]][0])} formats lose at most {accepted:g}\u202f%; {end}"


def on_device(card: Accelerator, fmt: Format) -> str:
    """Whether a device computes in a format's type, widens what it stores to 16 bits, or does not run it."""
    if not runs_on(card, fmt):
        return "does not run it"
    wide = {"bf16": "16 bits", "fp32": "32 bits"}.get(fmt.arithmetic)
    if wide:
        return f"stores it, computes in {wide}" if fmt.bits < 16 else f"computes in {wide}"
    known = isfinite(float(card.peak_flops_per_s.get(fmt.arithmetic, float("nan"))))
    return f"computes in {fmt.arithmetic.upper()}" if known else "stores it, computes in 16 bits"


def computed_in(card: Accelerator, fmt: Format) -> str:
    """The type that a device computes a format in, as `tables.rates` calls it."""
    known = isfinite(float(card.peak_flops_per_s.get(fmt.arithmetic, float("nan"))))
    return fmt.arithmetic.upper() if known and fmt.arithmetic not in ("bf16", "fp32") else "16 bits"


def average_bits(model: Architecture, shown: Format, chosen: Format) -> str:
    """What a format takes on average, and why it is shown where another was chosen."""
    average = (
        f"{shown.name} takes {digits(8 * weight_bytes(model, shown) / parameters(model))} bits a weight on average"
    )
    return average if shown is chosen else f"{average}; {chosen.name} takes {chosen.bits} everywhere"


def branches(model: Architecture, found: Sequence[Choice]) -> str:
    """What the branches of the tree come to."""
    names = {choice.name for choice in found}
    sizes = sorted(choice.weight_bytes for choice in found)
    lost = sum(not choice.estimate.fits for choice in found)
    ends = f"{show_bytes(sizes[0])} to {show_bytes(sizes[-1])}"
    missed = f"; on {lost} of them nothing fits" if lost else ""
    return f"{model.name}: {len(found)} branches end in {plural(len(names), 'format')}, {ends}{missed}"


def branch(target: str, found: Choice) -> str:
    """A target of the tree with the device it stands for, in lines that a phone has room for."""
    lines = (*wrap(devices_text(found.scenario), 15), plural(found.scenario.workload.batch, "request"))
    return "<br>".join((f"<b>{target}</b>", *lines))


def leaf(found: Choice) -> str:
    """A format of the tree with its two figures."""
    return f"<b>{found.name}</b><br>{show_bytes(found.weight_bytes)} · {show_loss(found.loss_percent)}"


def choice(found: Choice, target: str, priority: str, accepted: float) -> str:
    """A branch of the tree in words: the format, why, and the figures behind it."""
    figures, scenario = found.estimate, found.scenario
    card, fmt, load = (
        scenario.deployment.accelerator,
        scenario.weight_format,
        plural(scenario.workload.batch, "request"),
    )
    reason = {
        "latency": f"the fastest answer of those that lose at most {accepted:g}\u202f%",
        "quality": "the least loss of all that fit",
        "memory": f"the smallest of those that lose at most {accepted:g}\u202f%",
    }[priority]
    if priority == "latency" and not isfinite(figures.token_s):
        reason = f"its times are unknown, and it is the smallest of those that lose at most {accepted:g}\u202f%"
    if figures.fits and found.loss_percent > accepted and priority != "quality":
        reason = f"nothing that loses at most {accepted:g}\u202f% fits, and this loses least of what does"
    words = (
        f"**{found.name}** for {scenario.model.name} on {devices_text(scenario)} ({target}, {load} at once), where "
        f"**{priority}** comes first: {reason}. **{show_bytes(found.weight_bytes)}** of weights, "
        f"{lossless(found.loss_percent)}"
    )
    if not figures.fits:
        return (
            f"**Nothing fits** {devices_text(scenario)} ({target}, {load} at once). The smallest that loses at most "
            f"{accepted:g}\u202f% is **{found.name}**: **{show_bytes(figures.used_bytes)}** on "
            f"{show_bytes(figures.capacity_bytes)} a device, {lossless(found.loss_percent)}."
        )
    first = f"first token after **{show_seconds(figures.first_token_s)}**, " if isfinite(figures.first_token_s) else ""
    step = (
        f"each further one **{least(scenario)}{show_seconds(figures.token_s)}**, " if isfinite(figures.token_s) else ""
    )
    return (
        f"{words}; {first}{step}{show_bytes(figures.free_bytes)} a device to spare. The device {on_device(card, fmt)}."
    )
