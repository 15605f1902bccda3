"""What does the header of a .safetensors file say? Eight bytes of length, then JSON: names, types, shapes, offsets.

The safetensors package opens whole files only, so the header of a file cut short is read here.
Source: https://github.com/huggingface/safetensors, README, section Format.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from presets.importing.header import Header, Stored, group
from presets.importing.text import quoted, read_object

HEADER_BYTES = 32 << 20
INDEX_BYTES = 32 << 20  # DeepSeek-V3's is 8.9 MB
BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16,
    "I32": 32, "U32": 32, "F32": 32, "I64": 64, "U64": 64, "F64": 64, "F4": 4,
}  # fmt: skip
# What a quantized matrix is stored with; its bytes count as the matrix's.
BESIDE = (
    "weight_scale_inv", "weight_scale_2", "weight_scale", "weight_zero_point", "input_scale", "scales", "qzeros",
    "g_idx", "k_scale", "v_scale", "weight_global_scale", "input_global_scale",
)  # fmt: skip
JOINED = ("_scale_inv", "_scales", "_blocks", "_bias_scale")  # of experts stacked in one tensor


def header_bytes(data: bytes) -> int:
    """Bytes of the header and the length before it; raises ValueError where the length cannot be one."""
    if len(data) < 8:
        raise ValueError(f"safetensors: {len(data)} bytes; the first 8 hold the header's length")
    length = int.from_bytes(data[:8], "little")
    if not 2 <= length <= HEADER_BYTES:
        raise ValueError(
            f"safetensors: the first 8 bytes give a header of {length:,} bytes; 2 to {HEADER_BYTES:,} were expected: "
            "is it a .safetensors file?"
        )
    return 8 + length


def read_safetensors(parts: Sequence[bytes], *, name: str) -> Header:
    """The headers at the start of a model's .safetensors files, of which the rest may be missing."""
    return Header(
        kind="safetensors",
        name=name,
        facts={},
        tensors=unpacked(group(chain.from_iterable(map(_listed, parts)), what="safetensors")),
    )


def _listed(data: bytes) -> Iterator[tuple[str, tuple[int, ...], str, int]]:
    size = header_bytes(data)
    if len(data) < size:
        raise ValueError(
            f"safetensors: the header takes {size:,} bytes, and {len(data):,} are there; cut off more of the file, "
            "such as head -c 32M model.safetensors"
        )
    fields = read_object(data[8:size], what="safetensors header", most_bytes=HEADER_BYTES)
    return (_tensor(key, value) for key, value in fields.items() if key != "__metadata__")


def _tensor(name: str, entry: Any) -> tuple[str, tuple[int, ...], str, int]:
    what = f"safetensors: the tensor {quoted(name)}"
    if not isinstance(entry, Mapping):
        raise ValueError(f"{what} is no object of dtype, shape and data_offsets")
    kind, shape, offsets = (entry.get(key) for key in ("dtype", "shape", "data_offsets"))
    if not isinstance(kind, str) or kind not in BITS:
        raise ValueError(f"{what} has the dtype {quoted(kind)}; known are {', '.join(BITS)}")
    for key, value in (("shape", shape), ("data_offsets", offsets)):
        whole = isinstance(value, list) and all(type(side) is int and 0 <= side < 2**63 for side in value)
        if not whole:
            raise ValueError(f"{what} has the {key} {quoted(value)}; a list of whole numbers was expected")
    assert isinstance(shape, list) and isinstance(offsets, list)
    values = 1
    for side in shape:
        values *= side
    size = -(-values * BITS[kind] // 8)
    if len(offsets) != 2 or offsets[1] - offsets[0] != size:
        raise ValueError(f"{what} takes {size:,} bytes by its shape, which contradicts data_offsets {quoted(offsets)}")
    return name, tuple(shape), kind, size


@dataclass(frozen=True, kw_only=True, slots=True)
class Index:
    """What a model.safetensors.index.json says: no shapes, so no ledger; None where it does not say."""

    tensors: int
    files: tuple[str, ...]
    total_size: int | None
    total_parameters: int | None


def read_index(data: bytes) -> Index:
    """A model.safetensors.index.json."""
    what = "model.safetensors.index.json"
    fields = read_object(data, what=what, most_bytes=INDEX_BYTES)
    weights, metadata = fields.get("weight_map"), fields.get("metadata", {})
    if not isinstance(weights, Mapping) or not all(isinstance(file, str) for file in weights.values()):
        raise ValueError(f"{what}: weight_map is missing or no object of tensor: file; is it an index?")
    if not isinstance(metadata, Mapping):
        raise ValueError(f"{what}: metadata is no object")

    def total(key: str) -> int | None:
        value = metadata.get(key)
        if isinstance(value, float) and value == int(value):
            value = int(value)
        return value if type(value) is int and value >= 0 else None

    return Index(
        tensors=len(weights),
        files=tuple(sorted(set(weights.values()))),
        total_size=total("total_size"),
        total_parameters=total("total_parameters"),
    )


def _owner(row: Stored) -> tuple[str, str]:
    """(the matrix that a tensor belongs to, what it is of it: "" for the values themselves)."""
    head, _, last = row.name.rpartition(".")
    if last in ("qweight", "weight_packed"):
        return f"{head}.weight", "packed"
    if last in BESIDE or last.startswith(("absmax", "quant_", "nested_", "weight_shape")):
        return f"{head}.weight", last
    if ".weight." in row.name:  # bitsandbytes: layer.weight.absmax
        return row.name.partition(".weight.")[0] + ".weight", last
    for suffix in JOINED:
        if row.name.endswith(suffix):
            return row.name.removesuffix(suffix), suffix
    return row.name, ""


def _logical(row: Stored, beside: Mapping[str, Stored]) -> tuple[int, ...]:
    """The shape of a matrix's values, rows x columns, from that of its packed form and of what stands beside it."""
    packed = row.name.endswith(("qweight", "weight_packed", "_blocks")) or row.type in ("U8", "I32")
    if not packed or len(row.shape) < 2:
        return row.shape
    scales = beside.get("scales") or beside.get("weight_scale")
    if row.name.endswith("_blocks") and row.type == "U8" and len(row.shape) >= 3:
        return (*row.shape[:-2], row.shape[-2] * row.shape[-1] * 2)  # MXFP4: 32 values in 16 bytes
    if row.name.endswith("qweight") and "qzeros" in beside and scales and scales.shape and len(row.shape) == 2:
        outputs, zeros = scales.shape[-1], beside["qzeros"].shape[-1]
        bits = 32 * zeros // outputs if outputs else 0
        if bits in (2, 3, 4, 8) and row.shape[1] == outputs:  # GPTQ packs along the inputs
            return outputs, row.shape[0] * 32 // bits
        if bits in (2, 3, 4, 8) and row.shape[1] == zeros:  # AWQ packs along the outputs
            return outputs, row.shape[0]
    # NVFP4: 2 values a byte, a scale for each 16
    if row.type == "U8" and scales and scales.shape == (row.shape[0], row.shape[1] // 8):
        return row.shape[0], 2 * row.shape[1]
    shape = " × ".join(map(str, row.shape))
    raise ValueError(
        f"safetensors: {quoted(row.name)}, {row.type} of {shape}, is packed in a way that the header does not explain; "
        "import the model's config.json, which gives its sizes"
    )


def unpacked(rows: Sequence[Stored]) -> tuple[Stored, ...]:
    """The tensors with what each quantized matrix is stored with counted to it, and its shape as its values mean it."""
    beside: dict[str, dict[str, list[Stored]]] = {}
    for row in rows:
        owner, what = _owner(row)
        if what not in ("", "packed", "_blocks"):
            beside.setdefault(owner, {}).setdefault(what, []).append(row)
    found = []
    for row in rows:
        owner, what = _owner(row)
        if what not in ("", "packed", "_blocks"):
            continue
        mine = {
            key: next((each for each in kinds if set(row.layers) <= set(each.layers)), None)
            for key, kinds in beside.get(owner, {}).items()
        }
        with_it = {key: each for key, each in mine.items() if each is not None}
        name = owner if what else row.name
        extra = sum(each.bytes for each in with_it.values())
        found.append(replace(row, name=name, shape=_logical(row, with_it), bytes=row.bytes + extra))
    if not found:
        raise ValueError("safetensors: lists scales alone, and no weights")
    return tuple(found)
