"""What does a stranger's JSON say? Read strictly: bounded in size and depth, without what JSON does not have."""

import json
import re
from collections.abc import Mapping
from math import inf, isinf
from typing import Any
from urllib.parse import quote_plus

CONFIG_BYTES = 1 << 20  # the largest config.json of a published model is a few tens of KiB
DEEPEST = 32  # objects and lists within each other
LONGEST_NUMBER = 25  # digits
LONGEST_NAME = 100  # characters in a link, where a letter beyond ASCII takes up to twelve


def safe_name(text: object, otherwise: str = "My model") -> str:
    """A name from outside that can stand in a sentence: letters, digits and a few signs, 40 characters at most.

    >>> safe_name("org/My_model-7B <b>"), safe_name("**")
    ('org/My-model-7B b', 'My model')
    """
    plain = "".join(c if c.isalnum() or c in ".,+-()/" else "-" if c == "_" else " " for c in str(text)[:200])
    plain = " ".join(re.sub("www[.]", "www ", plain, flags=re.IGNORECASE).split())[:40]
    while len(quote_plus(plain)) > LONGEST_NAME:
        plain = plain[:-1]
    return plain.strip(" .,+-/()") or otherwise


def quoted(text: object) -> str:
    """A piece of a file, made safe to repeat: short, printable, without markup."""
    plain = "".join(c if c.isalnum() or c in " .,:+-_/" else "·" for c in str(text)[:80])
    return f"“{plain}”"


def _pairs(what: str) -> Any:
    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in items:
            if name in found:
                raise ValueError(f"{what}: {quoted(name)} stands twice in one object; each name once was expected")
            found[name] = value
        return found

    return pairs


def _number(what: str, infinite: bool) -> tuple[Any, Any, Any]:
    def whole(text: str) -> int:
        if len(text) > LONGEST_NUMBER:
            raise ValueError(f"{what}: a number has {len(text):,} digits; at most {LONGEST_NUMBER} were expected")
        return int(text)

    def real(text: str) -> float:
        value = float(text[:400])
        if isinf(value):
            raise ValueError(
                f"{what}: the number {quoted(text)} is too large for a computer; a finite one was expected"
            )
        return value

    def constant(text: str) -> float:
        if infinite and text == "Infinity":
            return inf
        raise ValueError(f"{what}: {text} is no JSON number; a finite one was expected")

    return whole, real, constant


def _check_depth(value: Any, what: str) -> None:
    level = [value]
    for _ in range(DEEPEST):
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return
    raise ValueError(f"{what}: nested deeper than {DEEPEST} levels; published files have fewer than ten")


def read_json(data: bytes | str, *, what: str, most_bytes: int = CONFIG_BYTES, infinite: bool = False) -> Any:
    """The value that a JSON text stands for; with `infinite` also of the Infinity that Python writes into JSON.

    Raises ValueError, saying where, what and what would be right: too large, not UTF-8, not JSON, a name twice in one
    object, NaN or an infinite number, a number of thousands of digits, nested too deeply.
    """
    if len(data) > most_bytes:
        raise ValueError(f"{what}: {len(data):,} bytes; at most {most_bytes:,} are read")
    try:
        text = data.decode("utf-8-sig") if isinstance(data, bytes) else data
    except UnicodeDecodeError as error:
        raise ValueError(f"{what}: byte {error.start:,} is no UTF-8; a text file was expected") from error
    whole, real, constant = _number(what, infinite)
    try:
        value = json.loads(
            text, object_pairs_hook=_pairs(what), parse_int=whole, parse_float=real, parse_constant=constant
        )
    except json.JSONDecodeError as error:
        place = f"line {error.lineno:,}, column {error.colno:,}"
        raise ValueError(f"{what}: no JSON at {place} ({error.msg.lower()}); is all of the file there?") from error
    except RecursionError as error:
        raise ValueError(f"{what}: nested deeper than {DEEPEST} levels; published files have fewer than ten") from error
    _check_depth(value, what)
    return value


def read_object(data: bytes | str, *, what: str, most_bytes: int = CONFIG_BYTES) -> Mapping[str, Any]:
    """The object of fields that a JSON text stands for; raises what `read_json` raises, or that it is no object."""
    value = read_json(data, what=what, most_bytes=most_bytes)
    if not isinstance(value, dict):
        kind = {list: "a list", str: "a text", bool: "true or false", type(None): "null"}.get(type(value), "a number")
        raise ValueError(f"{what}: is {kind}; an object of fields was expected, {{…}}")
    return value
