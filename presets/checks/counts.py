"""How many parameters are there, of what, and how many does a token meet? Checks that count the ledger."""

from collections.abc import Sequence

from calculators.architecture import Architecture, Block, active_parameters, parameters, parameters_by_part, tensors
from calculators.attention import GroupedQueryAttention
from calculators.layers import attention_parameters, convolution_parameters, dense_parameters
from calculators.mlp import DenseMLP
from calculators.tensor import PARTS
from presets.catalog import models, what_if
from presets.checks.reading import Reading, check, count, exactly


@check
def dense_layer(*, inputs: int, outputs: int) -> tuple[Reading, ...]:
    """Parameters of a dense layer: inputs x outputs + outputs. Source: calculators.layers."""
    words = f"{inputs:,} inputs × {outputs:,} outputs + {outputs:,} biases"
    return (exactly(dense_parameters(inputs, outputs), words),)


@check
def convolution(*, kernel: int, inputs: int, outputs: int) -> tuple[Reading, ...]:
    """Parameters of a square convolution: (kernel^2 x inputs + 1) x outputs. Source: calculators.layers."""
    words = f"({kernel} × {kernel} × {inputs:,} channels in + 1 bias) × {outputs:,} channels out"
    return (exactly(convolution_parameters(kernel, inputs, outputs), words),)


@check
def attention_layer(*, hidden: int, heads: int, head_dim: int) -> tuple[Reading, ...]:
    """Parameters of multi-head attention: four projections for all heads. Source: arXiv:1706.03762, section 3.2.2."""
    words = f"queries, keys, values and output: 4 × {hidden:,} hidden × {heads} heads × {head_dim}"
    return (exactly(attention_parameters(hidden, heads, heads, head_dim), words),)


@check
def stored_parameters(*, model: str, layers: int | None = None) -> tuple[Reading, ...]:
    """Parameters that a model of the catalog stores, with another number of layers where given."""
    shape = models()[model] if layers is None else what_if(model, layers=layers)
    changed = f", in {layers} layers {shape.hidden:,} wide" if layers else ""
    return (exactly(parameters(shape), f"Σ over the weight tensors of {model}{changed}, embedding and head included"),)


def plain_transformer(*, hidden: int, layers: int, heads: int, vocabulary: int, positions: int) -> Architecture:
    """The transformer of GPT-2 and GPT-3: an MLP four times as wide, biases, learned positions, a tied head.

    Source: Radford et al. 2019 (GPT-2) and Brown et al. 2020, arXiv:2005.14165, table 2.1.
    """
    attention = GroupedQueryAttention(
        heads=heads, kv_heads=heads, head_dim=hidden // heads, qkv_bias=True, output_bias=True
    )
    mlp = DenseMLP(intermediate=4 * hidden, bias=True, gated=False)
    return Architecture(
        name="plain transformer", hidden=hidden, vocabulary=vocabulary, max_context=positions,
        blocks=(Block(count=layers, attention=attention, mlp=mlp),), tied_embeddings=True, norm_bias=True,
        position_rows=positions, source="arXiv:2005.14165",
    )  # fmt: skip


@check
def plain_parameters(
    *, hidden: int, layers: int, heads: int, vocabulary: int, positions: int
) -> tuple[Reading, ...]:  # fmt: skip
    """Parameters of a transformer as GPT-2 and GPT-3 have it; see `plain_transformer`."""
    model = plain_transformer(hidden=hidden, layers=layers, heads=heads, vocabulary=vocabulary, positions=positions)
    words = (
        f"{layers} layers of four projections and an MLP four times as wide, {hidden:,} hidden, "
        f"{vocabulary:,} tokens, {positions:,} positions"
    )
    return (exactly(parameters(model), words),)


@check
def part_parameters(*, model: str, parts: Sequence[str]) -> tuple[Reading, ...]:
    """Parameters of some parts of a model of the catalog."""
    counts = parameters_by_part(models()[model])
    unknown = set(parts) - set(PARTS)
    if unknown:
        raise ValueError(f"{sorted(unknown)} are no parts; parts are {', '.join(PARTS)}")
    words = " + ".join(f"{count(counts.get(part, 0))} of {part.replace('_', ' ')}" for part in parts)
    return (exactly(sum(counts.get(part, 0) for part in parts), f"{model}: {words}"),)


@check
def experts_of_a_layer(*, model: str) -> tuple[Reading, ...]:
    """Routed experts in a layer of a model of the catalog."""
    experts = max(block.mlp.experts for block in models()[model].blocks)
    return (exactly(experts, f"the config of {model}: routed experts in each expert layer"),)


@check
def expert_parameters(*, model: str) -> tuple[Reading, ...]:
    """Parameters of one routed expert of a model: those of one layer, and those of its number in all layers."""
    shape = models()[model]
    experts = max(block.mlp.experts for block in shape.blocks)
    layers = sum(block.count for block in shape.blocks if block.mlp.experts)
    routed = parameters_by_part(shape)["routed_experts"]
    return (
        exactly(routed / experts, f"{model}: {count(routed)} of routed experts ÷ {experts}, all {layers} layers"),
        exactly(routed / experts / layers, f"one expert of one layer: that ÷ {layers}"),
    )


@check
def learned_positions(*, model: str, tokens: int) -> tuple[Reading, ...]:
    """Parameters of a position encoding: none for rotary ones; a row of the hidden width a position for learned ones.

    Source: Su et al. 2021 (rotary), arXiv:2104.09864; ALiBi, arXiv:2108.12409, learns nothing either.
    """
    hidden = models()[model].hidden
    none = parameters_by_part(models()[model]).get("position_embedding", 0)
    return (
        exactly(tokens * hidden, f"had it learned positions: {tokens:,} × {hidden:,} hidden"),
        exactly(none, f"rotary positions and ALiBi are computed: {none} parameters in {model}"),
    )


@check
def shared_mlp_parameters(*, model: str, reused: float) -> tuple[Reading, ...]:
    """Parameters that a stored model stands for where a share of its MLPs' weights is used again.

    Either that share of the stored weights works twice, or that share of the layers' weights is not stored.
    """
    counts = parameters_by_part(models()[model])
    whole, mlp = sum(counts.values()), counts["mlp"]
    return (
        exactly(whole + reused * mlp, f"{model}: {count(whole)} + {reused:.0%} of {count(mlp)} in MLPs, used twice"),
        exactly(whole - mlp + mlp / (1 - reused), f"if only {1 - reused:.0%} of the MLPs' weights are stored"),
    )


@check
def sum_of(*, values: Sequence[float]) -> tuple[Reading, ...]:
    """The sum of printed figures."""
    return (exactly(sum(values), "the printed parts added: " + " + ".join(map(count, values))),)


@check
def idle_share(*, models_of: Sequence[str]) -> tuple[Reading, ...]:
    """Share of its parameters that a token does not meet: 1 - active / stored."""
    return tuple(
        exactly(
            1 - active_parameters(models()[name]) / parameters(models()[name]),
            f"{name}: 1 − {count(active_parameters(models()[name]))} ÷ {count(parameters(models()[name]))}",
        )
        for name in models_of
    )


@check
def active_share(*, models_of: Sequence[str]) -> tuple[Reading, ...]:
    """Share of its parameters that a token meets: active / stored."""
    return tuple(
        exactly(
            active_parameters(models()[name]) / parameters(models()[name]),
            f"{name}: {count(active_parameters(models()[name]))} ÷ {count(parameters(models()[name]))}",
        )
        for name in models_of
    )


@check
def stored_over_active(*, models_of: Sequence[str]) -> tuple[Reading, ...]:
    """How many times the parameters that a token meets a model stores."""
    return tuple(
        exactly(
            parameters(models()[name]) / active_parameters(models()[name]),
            f"{name}: {count(parameters(models()[name]))} stored ÷ {count(active_parameters(models()[name]))} met",
        )
        for name in models_of
    )


@check
def arithmetic_saved(*, model: str) -> tuple[Reading, ...]:
    """Share of the matrix products that routing saves: of the expert layers' alone, and of the whole model's."""
    shape = models()[model]
    rows = [row for row in tensors(shape) if row.is_matrix and row.part != "embedding"]
    routed = [row for row in rows if row.part == "routed_experts"]
    readings = []
    for name, group in (("the routed experts alone", routed), ("all matrix products", rows)):
        used = sum(row.values * row.used for row in group)
        stored = sum(row.values * row.copies for row in group)
        readings.append(exactly(1 - used / stored, f"{name}: 1 − {count(used)} ÷ {count(stored)} multiplied a token"))
    return tuple(readings)
