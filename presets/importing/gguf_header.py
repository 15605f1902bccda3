"""What does the header of a GGUF file say? Its metadata and tensors; never the weights, which may be missing.

The constants are the gguf package's. Its GGUFReader maps the whole file and insists on the weights, and builds an array
for each of the vocabulary's words, so the header is read here. Source: github.com/ggml-org/ggml, docs/gguf.md.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from gguf.constants import GGML_QUANT_SIZES, GGUF_MAGIC, GGMLQuantizationType, GGUFValueType

from presets.importing.header import MOST_TENSORS, Header, group
from presets.importing.text import quoted

MOST_KEYS = 100_000
MOST_KEPT = 20_000  # entries of an array that are kept: one a layer; a vocabulary is skipped
MOST_LISTED = 2_000_000  # texts and arrays within arrays, of which each is read: vocabularies and their merges
SCALARS = {
    GGUFValueType.UINT8: "B", GGUFValueType.INT8: "b", GGUFValueType.UINT16: "H", GGUFValueType.INT16: "h",
    GGUFValueType.UINT32: "I", GGUFValueType.INT32: "i", GGUFValueType.FLOAT32: "f", GGUFValueType.BOOL: "?",
    GGUFValueType.UINT64: "Q", GGUFValueType.INT64: "q", GGUFValueType.FLOAT64: "d",
}  # fmt: skip
# Metadata of the architecture that this page understands, without its prefix, and the fact each is.
KEYS = {
    "block_count": "blocks", "context_length": "context", "embedding_length": "hidden", "vocab_size": "vocabulary",
    "attention.head_count": "heads", "attention.head_count_kv": "kv_heads", "attention.key_length": "head_dim",
    "attention.value_length": "v_head_dim", "attention.key_length_swa": "head_dim_swa",
    "attention.value_length_swa": "v_head_dim_swa", "attention.sliding_window": "window",
    "attention.sliding_window_pattern": "slides", "attention.causal": "causal",
    "attention.kv_lora_rank": "kv_lora_rank", "attention.q_lora_rank": "q_lora_rank",
    "attention.key_length_mla": "key_mla", "attention.value_length_mla": "value_mla",
    "attention.indexer.head_count": "index_heads", "attention.indexer.key_length": "index_head_dim",
    "attention.indexer.top_k": "index_topk", "attention.shared_kv_layers": "shared_kv_layers",
    "rope.dimension_count": "rope_dim", "expert_count": "experts", "expert_used_count": "chosen",
    "nextn_predict_layers": "mtp",
}  # fmt: skip
# Every how many layers one sees all, where the file does not say: llama.cpp, src/llama-model.cpp, set_swa_pattern.
PERIODS = {"gemma2": 2, "gpt-oss": 2, "gemma3": 6, "cohere2": 4, "olmo2": 4, "exaone4": 4, "llama4": 4}
CHUNK = 8192  # of llama4, which its files do not state (same source)
UNWINDOWED = frozenset({"phi3"})  # llama.cpp does not use the window that these files state (same source)
STATEFUL = ("ssm.", "wkv.", "kda.", "shortconv.", "time_mix_extra_dim", "token_shift_count", "altup.")


class _Cut(Exception):
    """The bytes end before the header does."""


class _Bytes:
    """A place in the bytes of a file."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at, self.order, self.listed = memoryview(data), 0, "<", 0

    def take(self, count: int) -> memoryview:
        if count > len(self.data) - self.at:
            raise _Cut
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self, code: str) -> Any:
        return struct.unpack(self.order + code, self.take(struct.calcsize("<" + code)))[0]

    def text(self, most: int) -> str:
        length = self.number("Q")
        if length > most:
            raise ValueError(f"GGUF: byte {self.at:,}: a text of {length:,} bytes; at most {most:,} were expected")
        return bytes(self.take(length)).decode("utf-8", errors="replace")

    def kind(self) -> GGUFValueType:
        code = self.number("I")
        try:
            return GGUFValueType(code)
        except ValueError:
            raise ValueError(f"GGUF: byte {self.at:,}: {code} is no type of a value; 0 to 12 were expected") from None

    def value(self, kind: GGUFValueType, depth: int = 0) -> Any:
        """A value; None for an array that is too long to be one entry a layer."""
        if kind is GGUFValueType.STRING:
            return self.text(1 << 26)
        if kind is not GGUFValueType.ARRAY:
            return self.number(SCALARS[kind])
        if depth > 3:
            raise ValueError(f"GGUF: byte {self.at:,}: arrays nested deeper than 4 levels")
        inner, count = self.kind(), self.number("Q")
        if inner in (GGUFValueType.STRING, GGUFValueType.ARRAY):
            self.listed += count
            if self.listed > MOST_LISTED:
                raise ValueError(
                    f"GGUF: byte {self.at:,}: {self.listed:,} entries of arrays; at most {MOST_LISTED:,} were expected"
                )
        if inner is GGUFValueType.STRING:
            for _ in range(count):
                self.take(self.number("Q"))
            return None
        if inner is GGUFValueType.ARRAY:
            for _ in range(count):
                self.value(inner, depth + 1)
            return None
        code = SCALARS[inner]
        raw = self.take(count * struct.calcsize("<" + code))
        return None if count > MOST_KEPT else list(struct.unpack(f"{self.order}{count}{code}", raw))


def _metadata(data: _Bytes, count: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _ in range(count):
        key = data.text(1 << 16)
        if key in found:
            raise ValueError(f"GGUF: the key {quoted(key)} stands twice")
        found[key] = data.value(data.kind())
    return found


def _tensors(data: _Bytes, count: int) -> Iterator[tuple[str, tuple[int, ...], str, int]]:
    for _ in range(count):
        name = data.text(1 << 10)
        sides = data.number("I")
        if sides > 4:
            raise ValueError(f"GGUF: the tensor {quoted(name)} has {sides:,} dimensions; at most 4 were expected")
        shape = tuple(reversed([data.number("Q") for _ in range(sides)]))
        code, _ = data.number("I"), data.number("Q")
        try:
            kind = GGMLQuantizationType(code)
        except ValueError:
            raise ValueError(
                f"GGUF: the tensor {quoted(name)} is of type {code}, which gguf 0.19 does not know"
            ) from None
        block, size = GGML_QUANT_SIZES[kind]
        if shape and shape[-1] % block:
            raise ValueError(
                f"GGUF: {quoted(name)}: rows of {shape[-1]:,} values are no multiple of {block} ({kind.name})"
            )
        values = 1
        for side in shape:
            values *= side
        yield name, shape, kind.name, values // block * size


def _part(data: bytes) -> tuple[dict[str, Any], list[tuple[str, tuple[int, ...], str, int]]]:
    """Metadata and tensors of one file."""
    cursor = _Bytes(data)
    try:
        if bytes(cursor.take(4)) != struct.pack("<I", GGUF_MAGIC):
            raise ValueError("GGUF: the file does not begin with GGUF; is it a .gguf file?")
        version = cursor.number("I")
        if version & 0xFFFF == 0:  # written on a big-endian machine
            cursor.order, version = ">", version >> 24
        if version not in (2, 3):
            raise ValueError(f"GGUF: version {version:,}; 2 and 3 are understood")
        tensors, keys = cursor.number("Q"), cursor.number("Q")
        if tensors > MOST_TENSORS or keys > MOST_KEYS:
            raise ValueError(f"GGUF: {tensors:,} tensors and {keys:,} keys; that cannot be")
        return _metadata(cursor, keys), list(_tensors(cursor, tensors))
    except _Cut:
        raise ValueError(
            f"GGUF: the header is not complete in these {len(data):,} bytes; cut off more of the file, such as "
            "head -c 32M model.gguf"
        ) from None


def read_gguf(parts: Sequence[bytes], *, name: str) -> Header:
    """The headers at the start of a model's GGUF files, of which the rest may be missing.

    Raises ValueError: no GGUF file, a version other than 2 and 3, cut off within the header, a part missing, layers
    that this page does not understand, or what contradicts itself.
    """
    files = sorted((_part(data) for data in parts), key=lambda file: _whole(file[0].get("split.no")))
    metadata = files[0][0]
    expected = max(_whole(metadata.get("split.count")), 1)
    if [_whole(file[0].get("split.no")) for file in files] != list(range(expected)):
        raise ValueError(f"GGUF: the model is in {expected:,} files, and {len(files):,} are here; all were expected")
    rows = group(chain.from_iterable(tensors for _, tensors in files), what="GGUF")
    arch = metadata.get("general.architecture")
    if not isinstance(arch, str) or not arch:
        raise ValueError("GGUF: general.architecture is missing; a language model's file states it")
    title = metadata.get("general.name")
    known = {f"{arch}.{key}" for key in KEYS} | {"general.architecture", "general.name"}
    return Header(
        kind="GGUF",
        name=title if isinstance(title, str) and title.strip() else name,
        facts=_facts(arch, metadata),
        tensors=rows,
        ignored=tuple(sorted(key for key in metadata if key not in known and not key.startswith("tokenizer."))),
    )


def _whole(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _facts(arch: str, metadata: Mapping[str, Any]) -> dict[str, Any]:
    prefix = f"{arch}."
    own = {key.removeprefix(prefix): value for key, value in metadata.items() if key.startswith(prefix)}
    for key in own:
        if key.startswith(STATEFUL):
            raise ValueError(
                f"GGUF: {quoted(prefix + key)}: layers that keep a state instead of a cache, or mix their residuals, "
                "are not understood from a GGUF header; import the model's config.json"
            )
    facts = {fact: own[key] for key, fact in KEYS.items() if own.get(key) is not None}
    facts["architecture"] = arch[:40]
    if arch in UNWINDOWED or not facts.get("window"):
        facts = {fact: value for fact, value in facts.items() if fact not in ("window", "slides")}
    elif "slides" not in facts:
        if arch not in PERIODS:
            raise ValueError(
                f"GGUF: {quoted(prefix)}attention.sliding_window is {quoted(facts['window'])}, and which layers slide "
                f"is not in the file; it is known of {', '.join(PERIODS)}"
            )
        facts["slides"] = PERIODS[arch]
    if arch == "llama4":
        facts |= {"window": CHUNK, "slides": PERIODS[arch], "chunked": True}
    return facts
