"""What does a link say? A visitor's inputs to and from a query string: pure, versioned, and never raising."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

from pages.ui.links.asked import unstated
from pages.ui.links.field import plain_text
from pages.ui.links.fields import FIELDS, SHARED, Inputs
from pages.ui.links.values import PRESET
from presets.importing import from_link

VERSION = "1"
SHOWN = 40  # characters of a wrong value that a problem repeats


def to_query(inputs: Inputs, page: str | None = None) -> str:
    """The query string of a link to a page: the version and every field that matters there, also at its default.

    Without a page, every field there is.
    """
    carried = [name for name, field in FIELDS.items() if page is None or not field.pages or page in field.pages]
    pairs = [("v", VERSION), *((name, FIELDS[name].label(getattr(inputs, name))) for name in carried)]
    return urlencode(pairs, safe=",")


MOST_COMPARED = 4
BETWEEN, WITHIN, AFTER_NAME = "~~", "~", "."
NEUTRAL = ("", PRESET, "auto")  # labels of a field where nothing was chosen, which will always mean that


def labels(inputs: Any) -> dict[str, str]:
    """The shared fields of some inputs as a link writes them."""
    return {name: FIELDS[name].label(getattr(inputs, name)) for name in SHARED}


def comparison(scenarios: Sequence[Any]) -> str:
    """Inputs to compare as text: what the first says, and what differs from it in the others.

    "model.Llama 3.1 8B~weights.BF16~~weights.FP8 per tensor~tp.4": every shared field that says something, so that
    the text keeps its meaning when a default changes.
    """
    parts: list[dict[str, str]] = []
    for number, given in enumerate(map(labels, scenarios)):
        first = parts[0] if number else dict.fromkeys(SHARED, "")
        parts.append(given if not number else {name: text for name, text in given.items() if text != first[name]})
    if parts:
        parts[0] = {name: text for name, text in parts[0].items() if text not in NEUTRAL}
    return BETWEEN.join(WITHIN.join(f"{name}{AFTER_NAME}{text}" for name, text in part.items()) for part in parts)


def compared(text: str) -> "tuple[Any, ...]":
    """The inputs of a comparison's text; raises ValueError saying what would be right."""
    if not text:
        return ()
    parts = text.split(BETWEEN)
    if len(parts) > MOST_COMPARED:
        raise ValueError(f"expected {MOST_COMPARED} scenarios at most, not {len(parts)}")
    found: list[Any] = []
    for part in parts:
        given = labels(found[0]) if found else {}
        for pair in filter(None, part.split(WITHIN)):
            name, _, label = pair.partition(AFTER_NAME)
            if name not in SHARED:
                raise ValueError("expected the fields of scenarios, as the Compare page writes them")
            given[name] = label
        values, wrong = stated(urlencode(given))
        if wrong:
            name, why = wrong[0]
            raise ValueError(f"in its scenario {len(found) + 1}, {name} {why}")
        found.append(Inputs(**values))
    return tuple(found)


def _quoted(text: str) -> str:
    """A value from outside, made safe to repeat: printable, without markup, short."""
    plain = plain_text(text[:SHOWN])
    return f"“{plain}…”" if len(text) > SHOWN else f"“{plain}”"


def from_query(query: str) -> tuple[Inputs, tuple[str, ...]]:
    """The inputs that a query string asks for, and a sentence for each thing in it that could not be used.

    What it does not state is as the job asks that it names, or at its default. Never raises: an unusable value falls
    back to that too, and the sentence says which, why and what would be right.
    """
    values, wrong = stated(query)
    inputs = Inputs(**(unstated(values) | values))
    return inputs, tuple(
        f"{name} {why}; {FIELDS[name].label(getattr(inputs, name)) or 'none'} was used." if name in FIELDS else why
        for name, why in wrong
    )


def stated(query: str) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """The inputs that a query string states, and (name, what is wrong) of those that cannot be used.

    What is wrong with no one input is a whole sentence under an empty name.
    """
    given: dict[str, list[str]] = {}
    try:
        pairs = parse_qsl(query.removeprefix("?"), keep_blank_values=True, max_num_fields=200, errors="replace")
    except ValueError:
        return {}, [("", "The link has more than 200 fields; none was used.")]
    for name, text in pairs:
        given.setdefault(name, []).append(text)
    wrong: list[tuple[str, str]] = []
    values: dict[str, Any] = {}
    version = given.pop("v", [VERSION])
    if version != [VERSION]:
        said = (
            f"The link is of version {_quoted(version[0])}, this page reads version {VERSION}: what it knows was used."
        )
        wrong.append(("", said))
    for name, texts in sorted(given.items(), key=lambda item: item[0] != "own"):  # it adds a model to choose
        if name not in FIELDS:
            wrong.append(("", f"{_quoted(name)} is no input of this page and was left out."))
            continue
        if len(texts) > 1:
            wrong.append((name, f"stands {len(texts)} times in the link"))
            continue
        field = FIELDS[name]
        if name == "model" and values.get("own"):
            field = replace(field, options=(*field.options, from_link(values["own"]).name))
        try:
            values[name] = field.read(texts[0])
        except ValueError as error:
            wrong.append((name, f"cannot be {_quoted(texts[0])}: {error}"))
    return values, wrong
