"""What would make a scenario fit? Single changes in words, with what a format of the weights loses."""

from collections.abc import Sequence

from calculators.estimate import Scenario
from calculators.recommend import Change, changes_that_fit
from pages.ui.explain.wording import show_loss
from presets.catalog import abilities, losses_of, offered_caches, offered_formats, published_in, runnable_formats


def ways(scenario: Scenario, model: str) -> list[Change]:
    """The changes that would make a scenario of a preset fit: what its engine runs, the published format first."""
    engine, original = scenario.engine.name, published_in(model)
    weights = dict(offered_formats(engine))
    if original in runnable_formats(engine):
        weights[original] = runnable_formats(engine)[original]
    return changes_that_fit(
        scenario, list(weights.values()), list(offered_caches(engine).values()), abilities()[engine],
        losses_of(model), original,
    )  # fmt: skip


def words(change: Change, scenario: Scenario, model: str) -> str:
    """A change with what it costs in quality: published so, the published loss, or that nobody measured one."""
    name = change.scenario.weight_format.name
    if name == scenario.weight_format.name:
        return change.words
    if name == published_in(model):
        return f"{change.words}, as the model is published"
    loss = losses_of(model).get(name)
    return f"{change.words} ({'loss not measured' if loss is None else f'{show_loss(loss)} published loss'})"


def rescue(found: Sequence[Change], scenario: Scenario, model: str) -> str | None:
    """The first change that costs no hardware, and how many devices would do as well; None where nothing would."""
    free = [words(change, scenario, model) for change in found if change.free][:1]
    said = ", or ".join((*free, *(change.words for change in found if not change.free)))
    return said[0].upper() + said[1:] if said else None
