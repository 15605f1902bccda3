"""Which model does a Hugging Face config.json describe? An exact Architecture, or a ValueError that names the field."""

from collections.abc import Mapping
from dataclasses import replace
from reprlib import repr as shown
from typing import Any

from calculators.architecture import Architecture
from presets.configs import classic, dense, encoders, experts, hybrid, multimodal, sparse, statespace, step
from presets.configs.config import KINDS, Config

__all__ = [
    "KINDS",
    "classic",
    "dense",
    "encoders",
    "experts",
    "fields_that_matter",
    "hybrid",
    "model_from_config",
    "multimodal",
    "sparse",
    "statespace",
    "step",
]


def _read(config: Mapping[str, Any], name: str) -> tuple[Architecture, Config]:
    if not isinstance(config, Mapping):
        raise ValueError(f"config.json: an object of fields was expected, not {type(config).__name__}")
    given = config.get("model_type")
    if not isinstance(given, str) or given not in KINDS:
        raise Config(config, name=name).error(
            "model_type",
            f"is {'missing' if given is None else f'{shown(given):.40}'}; understood are {', '.join(sorted(KINDS))}",
        )
    kind = KINDS[given]
    fields = Config(config, name=name, kind=kind)
    fields.asked = dict.fromkeys(("model_type", "architectures"))
    if not kind.native and not isinstance(fields.given("tie_word_embeddings"), bool):
        raise fields.error("tie_word_embeddings", f"is missing, and model_type {given!r} has no default for it here")
    if not kind.native and fields.flag("bias"):
        raise fields.error("bias", f"is true; {given} models with biases are not understood")
    classes = config.get("architectures")
    if classes is not None and not (isinstance(classes, list) and all(isinstance(each, str) for each in classes)):
        raise fields.error("architectures", f"is {shown(classes):.60}; a list of class names was expected")
    if classes and classes[0].lower().replace("_", "") not in kind.classes:
        raise fields.error(
            "architectures", f"is {shown(classes):.60}, which contradicts model_type {given!r:.40} or has another head"
        )
    if fields.is_listed("per_layer_config") and "per_layer_config" not in kind.defaults:
        raise fields.error("per_layer_config", "is given; layers of different sizes are not understood yet")
    return replace(kind.read(fields), model_type=given), fields


def model_from_config(config: Mapping[str, Any], *, name: str) -> Architecture:
    """The architecture that a Hugging Face config.json describes, exact to the last parameter.

    Raises ValueError, naming the field and what was expected, for a model_type that is not understood, a size that is
    missing, or fields that contradict each other: never a wrong number.
    Source: transformers 5.23, configuration_*.py and modeling_*.py of each model_type.
    """
    return _read(config, name)[0]


def fields_that_matter(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config.json cut down to the fields that decide its sizes: it gives the same Architecture.

    Raises what `model_from_config` raises.
    """
    return _read(config, "")[1].used()
