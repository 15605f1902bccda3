"""How is a config.json read? Field by field: every answer is checked, and every refusal names the field.

The defaults are those of transformers 5.23 for each `model_type`, stated where its reader is registered. The sizes that
make a model what it is (hidden_size, num_hidden_layers, experts, …) have placeholders of one checkpoint there, so a
config without them is refused.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from reprlib import repr as shown
from types import MappingProxyType
from typing import Any

from calculators.architecture import Architecture

LARGEST = 2**31  # a size above it is a mistake, and would overflow the counts
DEEPEST = 10_000  # layers

# Fields that may be null although they have a default.
NULLABLE = frozenset({"sliding_window", "q_lora_rank", "layer_types", "mlp_only_layers"})
# Fields that another kind of model has: in other types they contradict `model_type`.
FOREIGN = {
    "experts": ("num_local_experts", "num_experts", "n_routed_experts", "moe_intermediate_size", "n_shared_experts"),
    "latent attention": ("kv_lora_rank", "q_lora_rank"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """A model_type: what reads it, Hugging Face's defaults, and the classes whose tensors it describes.

    `names`: what it calls a field that most types call otherwise (GPT-2: n_embd for hidden_size).
    """

    read: "Callable[[Config], Architecture]"
    defaults: Mapping[str, Any]
    nullable: frozenset[str]
    classes: tuple[str, ...]
    native: bool  # whether transformers has it; a type with code of its own must say whether it ties its embeddings
    names: Mapping[str, str]


KINDS: dict[str, Kind] = {}


def reads(
    *types: str,
    classes: Sequence[str] = (),
    nullable: Sequence[str] = (),
    native: bool = True,
    names: Mapping[str, str] = MappingProxyType({}),
    **defaults: Any,
) -> "Callable[[Callable[[Config], Architecture]], Callable[[Config], Architecture]]":
    """Register a reader of these model_types with the defaults of fields that a published config.json may leave out.

    `classes`: names in `architectures` beside the type's own …ForCausalLM. `names`: a type's own names of fields.
    """

    def register(read: "Callable[[Config], Architecture]") -> "Callable[[Config], Architecture]":
        for kind in types:
            own = kind.replace("_", "").replace("-", "").removesuffix("text") + "forcausallm"
            KINDS[kind] = Kind(
                read=read,
                defaults=defaults,
                nullable=NULLABLE | frozenset(nullable) | {name for name, value in defaults.items() if value is None},
                classes=(own, *(name.lower() for name in classes)),
                native=native,
                names=names,
            )
        return read

    return register


class Config:
    """A config.json, or a section of one, read field by field. `asked` are the fields that were looked at."""

    def __init__(self, fields: Mapping[str, Any], *, name: str, kind: Kind | None = None, within: str = "") -> None:
        self.fields = fields
        self.name = name
        self.within = within
        self.asked: dict[str, Any] = {}
        self.defaults: Mapping[str, Any] = kind.defaults if kind else {}
        self.nullable = kind.nullable if kind else NULLABLE
        self.names: Mapping[str, str] = kind.names if kind else {}

    def error(self, field: str, message: str) -> ValueError:
        """A refusal that names the field, as the config or else its type calls it."""
        own = field if field in self.fields else self.names.get(field, field)
        return ValueError(f"config.json: {self.within}{own} {message}")

    def section(
        self, field: str, kind: str | None = None, *, absent: Mapping[str, Any] | None = None, **defaults: Any
    ) -> "Config":
        """An object within the config, read with the defaults of a model_type or with those given.

        `absent`: what stands for it where the config has none; without it the section must be there.
        """
        value = self.fields.get(field)
        if value is None and absent is not None:
            self.asked.setdefault(field, None)
            found = Config(absent, name=self.name, within=f"{self.within}{field}.")
        elif isinstance(value, Mapping):
            found = self.asked[field] = Config(value, name=self.name, within=f"{self.within}{field}.")
        else:
            raise self.error(field, f"is {shown(value):.40}; an object of fields was expected")
        if kind:
            found.become(KINDS[kind])
        found.default(**defaults)
        return found

    def become(self, kind: Kind, **defaults: Any) -> None:
        """Be read as a model_type, with its defaults and those given."""
        self.defaults, self.nullable, self.names = kind.defaults, kind.nullable, kind.names
        self.default(**defaults)

    def default(self, **defaults: Any) -> None:
        """Take defaults for fields that may be left out; those that are null may be null."""
        self.defaults = {**self.defaults, **defaults}
        self.nullable = self.nullable | {name for name, value in defaults.items() if value is None}

    def sections(self, field: str) -> "list[Config]":
        """A list of objects within the config."""
        value = self.fields.get(field, ...)
        if value is ...:
            raise self.error(field, "is missing, and Hugging Face has no default that would be this model's")
        if not isinstance(value, list) or not all(isinstance(each, Mapping) for each in value):
            raise self.error(field, f"is {shown(value):.40}; a list of objects was expected")
        found = [Config(each, name=self.name, within=f"{self.within}{field}[{i}].") for i, each in enumerate(value)]
        self.asked[field] = found
        return found

    def used(self) -> dict[str, Any]:
        """The config cut down to the fields that its reader looked at: it describes the same model."""
        return {
            field: inner.used()
            if isinstance(inner, Config)
            else [each.used() for each in inner]
            if isinstance(inner, list)
            else self.fields[field]
            for field, inner in self.asked.items()
            if field in self.fields
        }

    def given(self, field: str) -> Any:
        """The field's value, or Hugging Face's default for this model_type; `...` where it has neither."""
        self.asked.setdefault(field, None)
        value = self.fields.get(field, ...)
        if field in self.names:
            own = self.names[field]
            self.asked.setdefault(own, None)
            if own in self.fields and value not in (..., self.fields[own]):
                raise self.error(field, f"is {shown(value):.40}, but {own} is {shown(self.fields[own]):.40}")
            value = self.fields.get(own, value)
        if value is ...:
            value = self.defaults.get(field, ...)
        if value is None and field not in self.nullable and self.defaults.get(field, ...) is not None:
            raise self.error(field, "is null; a value was expected")
        return value

    def count(self, field: str, *, least: int = 1) -> int:
        """A whole number; the field must be there or have a default."""
        value = self.given(field)
        if value is ...:
            raise self.error(field, "is missing, and Hugging Face has no default that would be this model's")
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value < LARGEST:
            raise self.error(field, f"is {shown(value):.40}; a whole number of {least} or more was expected")
        return value

    def layers(self, field: str = "num_hidden_layers", *, least: int = 1) -> int:
        """The number of layers."""
        count = self.count(field, least=least)
        if count > DEEPEST:
            raise self.error(field, f"is {count}; at most {DEEPEST:,} was expected")
        return count

    def optional_count(self, field: str) -> int | None:
        """A whole number or null; absent without a default counts as null."""
        return None if self.given(field) in (None, ...) else self.count(field)

    def flag(self, field: str) -> bool:
        """True or false; false where null, or absent without a default."""
        value = self.given(field)
        if value in (..., None):
            return False
        if not isinstance(value, bool):
            raise self.error(field, f"is {shown(value):.40}; true or false was expected")
        return value

    def same(self, field: str, *aliases: str) -> int:
        """A count that may stand under several names, which must agree; else the first name's default."""
        self.asked.update({name: None for name in aliases if name not in self.asked})
        there = [n for n in (field, *aliases) if n in self.fields or self.names.get(n) in self.fields]
        given = {name: self.count(name) for name in there}
        if not given:
            return self.count(field)
        if len(set(given.values())) > 1:
            raise self.error(field, "contradicts itself: " + ", ".join(f"{name} is {n}" for name, n in given.items()))
        return next(iter(given.values()))

    def called(self, field: str, *aliases: str) -> str:
        """The name under which the config has a field of several names, whose values must agree; else the first."""
        for name in (field, *aliases):
            self.asked.setdefault(name, None)
        there = [name for name in (field, *aliases) if name in self.fields]
        if len({shown(self.fields[name]) for name in there}) > 1:
            raise self.error(there[0], "contradicts " + " and ".join(there[1:]) + ", its other names")
        return there[0] if there else field

    def ratio(self, field: str) -> float:
        """A number above zero."""
        value = self.given(field)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < LARGEST:
            raise self.error(field, f"is {shown(value):.40}; a number above zero was expected")
        return value

    def numbers(self, field: str) -> list[int]:
        """A list of whole numbers."""
        value = self.given(field)
        if not isinstance(value, list) or any(isinstance(v, bool) or not isinstance(v, int) for v in value):
            raise self.error(field, f"is {shown(value):.40}; a list of whole numbers was expected")
        return value

    def layer_numbers(self, field: str) -> frozenset[int]:
        """A list of layer numbers; empty where absent or null."""
        value = self.given(field)
        if value in (None, ...):
            return frozenset()
        if not isinstance(value, list) or any(isinstance(v, bool) or not isinstance(v, int) for v in value):
            raise self.error(field, f"is {shown(value):.40}; a list of layer numbers was expected")
        return frozenset(value)

    def layer_kinds(self, rule: Sequence[str], *, listed: bool) -> Sequence[str]:
        """The kind of each layer: that of `layer_types` where given, else the type's rule.

        Where the type does not read `layer_types` (not `listed`), a list that says otherwise is refused.
        """
        kinds = self.given("layer_types")
        if kinds in (None, ...):
            return rule
        if not isinstance(kinds, list) or any(kind not in ("full_attention", "sliding_attention") for kind in kinds):
            raise self.error("layer_types", "must list full_attention or sliding_attention for each layer")
        if len(kinds) != len(rule):
            raise self.error("layer_types", f"lists {len(kinds)} layers, but num_hidden_layers is {len(rule)}")
        if not listed and kinds != rule:
            slide = f"{rule.count('sliding_attention')} of {len(rule)} layers slide"
            raise self.error("layer_types", f"contradicts the other fields, by which {slide}")
        return kinds

    def kinds(self, field: str, rule: Sequence[str], *options: str, longer: bool = False) -> Sequence[str]:
        """One of `options` for each layer: as `field` lists them, else the type's rule.

        `longer`: the list may go on beyond the last layer, and what does is not read.
        """
        listed = self.given(field)
        if listed in (None, ...):
            return rule
        if not isinstance(listed, list) or any(kind not in options for kind in listed):
            raise self.error(field, f"must list {' or '.join(options)} for each layer")
        if len(listed) < len(rule) or (len(listed) > len(rule) and not longer):
            raise self.error(field, f"lists {len(listed)} layers, but there are {len(rule)}")
        return listed[: len(rule)]

    def refuse(self, why: str, fields: Sequence[str]) -> None:
        """Refuse fields that this model_type does not have."""
        for field in fields:
            self.asked.setdefault(field, None)
            if self.fields.get(field) not in (None, 0, False, []):
                kind = self.fields.get("model_type")
                raise self.error(field, f"is {shown(self.fields[field]):.40}, but model_type {kind!r} has no {why}")

    def choice(self, field: str, *options: str) -> str:
        """One of some texts."""
        value = self.given(field)
        if value not in options:
            raise self.error(field, f"is {shown(value):.40}; {' or '.join(options)} was expected")
        return str(value)

    def is_listed(self, field: str) -> bool:
        """Whether the config gives the field a value."""
        self.asked.setdefault(field, None)
        return self.fields.get(field) is not None
