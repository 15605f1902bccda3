"""How is a tree of settings written for people? As YAML in block style, of which JSON's texts are a part."""

import json
import re
from collections.abc import Mapping
from typing import Any

# Texts that every reader of YAML takes for themselves, bare: no number, no sign that YAML gives a meaning.
PLAIN = re.compile(r"-{0,2}[A-Za-z/](?:[A-Za-z0-9_./:-]*[A-Za-z0-9_./-])?", re.ASCII)
WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}  # that YAML 1.1 reads as something else
# Texts of several lines that stand as they are: the first without an indent, none with a space at its end.
LINES = re.compile(r"[!-~](?:[ -~]*[!-~])?\n(?: *[!-~](?:[ -~]*[!-~])?\n)*", re.ASCII)


def _text(value: Any) -> str:
    """A scalar on one line: bare where it may stand so, else as JSON writes it."""
    if isinstance(value, str) and PLAIN.fullmatch(value) and value.lower() not in WORDS:
        return value
    return json.dumps(value)


def block(tree: Any, indent: int = 0) -> str:
    """A tree of mappings, lists, ASCII texts, numbers and truths as YAML; raises TypeError on anything else.

    >>> print(block({"a": [1, {"b": "on"}], "c": {"d": True}}), end="")
    a:
      - 1
      - b: "on"
    c:
      d: true
    """
    pad, lines = " " * indent, ""
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            if isinstance(value, Mapping | list) and value:
                lines += f"{pad}{_text(key)}:\n{block(value, indent + 2)}"
            elif isinstance(value, str) and LINES.fullmatch(value):
                lines += f"{pad}{_text(key)}: |\n" + "".join(f"{pad}  {line}\n" for line in value.splitlines())
            else:
                lines += f"{pad}{_text(key)}: {_text(value)}\n"
        return lines
    for value in tree:
        if isinstance(value, Mapping | list) and value:
            lines += f"{pad}- {block(value, indent + 2)[indent + 2 :]}"
        else:
            lines += f"{pad}- {_text(value)}\n"
    return lines
