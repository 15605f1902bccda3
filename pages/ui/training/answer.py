"""What is the answer to a training? The sentence, what is lacking, what binds, and remarks."""

from math import isfinite

from calculators.training import Training
from calculators.training_memory import MOMENTS, fullest_moment
from calculators.training_plan import COUNTS
from pages.ui.explain.wording import plural, short_device, show_bytes
from pages.ui.links.fields import Inputs
from pages.ui.links.values import AUTO
from pages.ui.training.divided import NAMES, STEP_NAMES, slowest
from pages.ui.training.planning import Found, Outcome, rescues, sequences, training
from pages.ui.training.words import (
    between,
    device_of,
    devices_words,
    doing,
    holding,
    how,
    recipe_words,
    show_money,
    show_time,
    tokens,
)
from presets.catalog import accelerators
from presets.training import recipes

TIGHT = 0.03  # of a device's memory: what an allocator may lose in fragments


def answer(chosen: Inputs, found: Found, taken: Outcome | None) -> str:
    """The answer in words: how many devices, how divided, how long, for how much; or what stands in the way."""
    one, card = training(chosen), accelerators()[chosen.device]
    who = f"{doing(chosen, one)} with {one.optimizer.name} in {recipe_words(one.recipe)}"
    holds = holding(card)
    plan = found.plan
    if plan is None or taken is None:
        return f"{who} {lacking(chosen, found, holds)}"
    verb = "fits" if plan.devices == 1 else "takes" if chosen.cluster == AUTO else "fits"
    words = (
        f"{who} {verb} **{devices_words(plan.devices, card)}**: {how(plan.training)}; "
        f"**{show_bytes(plan.used_bytes)}** of {holds} on {'it' if plan.devices == 1 else 'each'}."
    )
    corpus = f"{tokens(chosen)} tokens"
    if not isfinite(taken.seconds[1]):
        return f"{words} How long {corpus} take is **unknown**: no peak rate of {card.name} in this type is published."
    span, price = between(taken.seconds, show_time), between(taken.usd, show_money)
    cost = f" and **{show_money(taken.usd[1])}** ({price})" if price else ", at a price that is unknown"
    if taken.least:
        cost = f" and **{show_money(taken.usd[1])}**" if price else ", at a price that is unknown"
        return f"{words} **{corpus}** take **at least {show_time(taken.seconds[1])}**{cost}: the plan's steps at best."
    return f"{words} **{corpus}** take **{show_time(taken.seconds[1])}** ({span}){cost}."


def lacking(chosen: Inputs, found: Found, holds: str) -> str:
    """Why there is no plan on what was asked, and what there is."""
    card = device_of(chosen)
    most = f"{COUNTS[-1]:,} {short_device(str(card.name))}"
    asked = f"{most}, the most that are tried" if chosen.cluster == AUTO else devices_words(chosen.cluster, card)
    why = "each copy needs a sequence, each stage of a pipeline a micro-batch"
    if found.leanest is None and found.smallest is None:
        where = f"any number up to {most}" if chosen.cluster == AUTO else asked
        return (
            f"**cannot be divided** over {where} with the degrees that are stated. Leave some of them to the plan, or "
            f"take more tokens a step: {why}."
        )
    if found.leanest is None and found.smallest is not None:
        many = plural(sequences(chosen), "sequence")
        return (
            f"**cannot be divided** over {asked}: a step has {many}, and {why}. The fewest devices that hold it are "
            f"**{found.smallest.devices:,}**: {how(found.smallest.training)}."
        )
    least = ""
    if found.leanest:
        where = "one alone" if chosen.cluster == AUTO else "each"
        least = f": {where} would have to hold **{show_bytes(found.leanest.used_bytes)}** at least, of {holds}"
    if found.smallest is None:
        return f"**does not fit** {asked}{least}."
    return f"**does not fit** {asked}{least}. The fewest that do are **{found.smallest.devices:,}**: " + (
        f"{how(found.smallest.training)}."
    )


def binding(chosen: Inputs, found: Found) -> str:
    """What takes the memory and the time of the plan, and which single change would need fewer devices."""
    said, card = [], device_of(chosen)
    plan = found.plan
    if plan:
        largest = max(plan.memory_bytes, key=lambda name: plan.memory_bytes[name])
        moment = MOMENTS[int(fullest_moment(plan.training))]
        when = "between steps" if moment == "between steps" else f"at the {moment}"
        said.append(
            f"**What binds.** {NAMES[largest]} take most of a device, {show_bytes(plan.memory_bytes[largest])}; it is "
            f"fullest {when}."
        )
        spare = float(card.memory_bytes) - plan.used_bytes
        if spare < TIGHT * card.memory_bytes:
            said.append(f"It is tight: with {show_bytes(spare)} to spare an allocator's fragments may not fit.")
        if isfinite(plan.step_s):
            part, share = slowest(chosen, plan)
            said.append(f"A step takes {show_time(plan.step_s)} at best, {share:.0%} of it {STEP_NAMES[part]}.")
        if chosen.cluster == AUTO and plan.devices > 1 and found.leanest:
            said.append(f"One device alone would have to hold {show_bytes(found.leanest.used_bytes)} at least.")
    fewer = [f"**{words}** ({devices_words(each.devices, card)})" for words, each in rescues(chosen)]
    if fewer and (chosen.cluster == AUTO or plan is None):
        what = "Fewer devices would do" if found.smallest else "It would fit"
        said.append(f"{what} with {' or '.join(fewer)}.")
    return " ".join(said)


def remarks(chosen: Inputs, one: Training) -> list[str]:
    """What a visitor should know of these settings, a sentence each."""
    said, card = [], device_of(chosen)
    wanted = recipes()[one.recipe.name].arithmetic
    if wanted == "fp8" and one.recipe.arithmetic != "fp8":
        said.append(f"{card.name} multiplies no FP8: times are those of 16 bits.")
    if chosen.seq > one.model.max_context:
        said.append(f"{one.model.name} was made for {one.model.max_context:,} tokens at most.")
    if chosen.gbs < chosen.seq:
        said.append(f"A step takes one whole sequence at least: {chosen.seq:,} tokens.")
    if one.offload:
        said.append("Times leave out what moves between device and host: with offload they are a lower bound.")
    if one.method.trains != "all":
        said.append(
            "Published runs trained every parameter: their share of the peak stands for this method too, on the FLOPs "
            "that it needs."
        )
    return said
