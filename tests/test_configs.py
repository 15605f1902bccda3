"""A config.json gives an exact architecture or a refusal that names the field, never a wrong number."""

import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calculators.architecture import Architecture, parameters, parameters_by_part
from presets import model_from_config
from presets.configs import KINDS as TYPES
from presets.configs import fields_that_matter
from tests.facts import COUNTS, architecture, config

KINDS = {
    row["model_type"]: name for name, row in COUNTS.items() if row["model_type"] in TYPES
}  # one reference model of each type


def windows(model):
    layers = Counter()
    for block in model.blocks:
        layers[block.attention.window] += block.count
    return dict(layers)


# Measured with transformers 5.23 on the meta device: what a config without the field gains.
@pytest.mark.parametrize(
    ("name", "changes", "gained"),
    [
        ("llama-3.2-3b", {"tie_word_embeddings": ...}, 394_002_432),
        ("llama-3.2-3b", {"num_key_value_heads": ...}, 352_321_536),
        ("llama-3.2-3b", {"num_key_value_heads": None}, 352_321_536),
        ("mistral-nemo-12b-2407", {"head_dim": ...}, 524_288_000),
        ("qwen2.5-3b", {"num_key_value_heads": ...}, 566_507_520),
        ("qwen2.5-3b", {"num_key_value_heads": None}, 264_370_176),
        ("qwen3-4b", {"num_key_value_heads": None}, 566_231_040),
        ("qwen3-30b-a3b", {"head_dim": ...}, -452_990_976),
        ("gemma-2-9b", {"num_key_value_heads": ...}, -308_281_344),
        ("gemma-2-9b", {"tie_word_embeddings": ...}, 0),
        ("phi-4-mini", {"num_key_value_heads": ...}, 402_653_184),
        ("gpt-oss-20b", {"layer_types": ...}, 0),
    ],
)
def test_an_absent_field_takes_the_default_of_transformers(name, changes, gained):
    assert parameters(architecture(name, **changes)) - parameters(architecture(name)) == gained


@pytest.mark.parametrize(
    ("name", "changes", "expected"),
    [
        ("mistral-nemo-12b-2407", {}, {None: 40}),
        ("mistral-nemo-12b-2407", {"sliding_window": ...}, {4096: 40}),
        ("mixtral-8x7b", {"sliding_window": ...}, {None: 32}),
        ("mixtral-8x7b", {"sliding_window": 512}, {512: 32}),
        ("gemma-2-9b", {}, {4096: 21, None: 21}),
        ("gpt-oss-20b", {"layer_types": ...}, {128: 12, None: 12}),
        ("qwen3-4b", {"sliding_window": 512}, {None: 36}),
        ("qwen1.5-moe-a2.7b", {"use_sliding_window": False, "sliding_window": 0}, {None: 24}),
        (
            "qwen3-4b",
            {"use_sliding_window": True, "sliding_window": ..., "max_window_layers": ...},
            {None: 28, 4096: 8},
        ),
        ("qwen2.5-3b", {"use_sliding_window": True, "sliding_window": 512, "max_window_layers": 7}, {None: 7, 512: 29}),
        ("qwen3-30b-a3b", {"use_sliding_window": True, "sliding_window": 512}, {512: 48}),
        ("llama-3.1-8b", {"sliding_window": 512}, {None: 32}),
    ],
)
def test_layers_slide_where_they_do_in_transformers(name, changes, expected):
    assert windows(architecture(name, **changes)) == expected


def test_where_layers_alternate_the_first_one_slides():
    for name in ("gemma-2-9b", "gpt-oss-20b"):
        assert architecture(name, layer_types=...).blocks[0].attention.window


NEEDED = (
    "hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size", "intermediate_size",
    "n_embd", "d_model", "n_layer", "n_layers", "n_head", "n_heads", "ffn_dim", "block_configs",
)  # fmt: skip
# Sizes that follow from another field.
FOLLOWS = {("mamba", "intermediate_size"), ("nemotron_h", "num_hidden_layers")}


@pytest.mark.parametrize(
    ("name", "field"),
    [
        *(
            (name, field)
            for kind, name in KINDS.items()
            for field in NEEDED
            if fields_that_matter(config(name)).get(field) is not None and (kind, field) not in FOLLOWS
        ),
        ("mixtral-8x7b", "num_local_experts"), ("mixtral-8x7b", "num_experts_per_tok"),
        ("qwen3-30b-a3b", "num_experts"), ("qwen3-30b-a3b", "moe_intermediate_size"),
        ("deepseek-v3", "n_routed_experts"), ("deepseek-v3", "moe_intermediate_size"),
        ("deepseek-v3", "num_experts_per_tok"), ("gpt-oss-20b", "num_local_experts"),
    ],
)  # fmt: skip
def test_a_missing_size_is_refused_by_name(name, field):
    with pytest.raises(ValueError, match=rf"config\.json: {field} is missing"):
        architecture(name, **{field: ...})


@pytest.mark.parametrize(
    "value",
    ["4096", True, 4096.0, float("nan"), -1, 0, float("inf"), 2**31, 10**60, None, [4096], {}],
    ids=lambda value: repr(value)[:20],
)
@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("llama-3.1-8b", "hidden_size"), ("llama-3.1-8b", "num_hidden_layers"), ("mistral-7b-v0.1", "sliding_window"),
        ("gemma-2-9b", "head_dim"), ("mixtral-8x7b", "num_key_value_heads"), ("gpt-oss-20b", "num_local_experts"),
        ("deepseek-v3", "kv_lora_rank"), ("qwen2.5-3b", "max_position_embeddings"),
    ],
)  # fmt: skip
def test_a_size_of_the_wrong_kind_is_refused_by_name(name, field, value):
    if (field, value) == ("sliding_window", None):
        assert windows(architecture(name, sliding_window=None)) == {None: 32}
        return
    with pytest.raises(ValueError, match=rf"config\.json: {field} is "):
        architecture(name, **{field: value})


def test_numbers_that_json_cannot_mean_are_refused_by_name():
    for text in ("1e999", "-1e999", "NaN", "1e3"):
        with pytest.raises(ValueError, match=r"hidden_size is .*a whole number of 1 or more was expected"):
            architecture("llama-3.1-8b", hidden_size=json.loads(text))


def test_a_value_nested_beyond_all_measure_is_refused_by_name():
    value = []
    for _ in range(50_000):
        value = [value]
    with pytest.raises(ValueError, match="hidden_size is"):
        architecture("llama-3.1-8b", hidden_size=value)


SLIDING, FULL = "sliding_attention", "full_attention"


@pytest.mark.parametrize(
    ("name", "changes", "field"),
    [
        ("llama-3.1-8b", {"num_key_value_heads": 7}, "num_key_value_heads"),
        ("llama-3.1-8b", {"num_key_value_heads": 64}, "num_key_value_heads"),
        ("llama-3.1-8b", {"num_attention_heads": 48}, "hidden_size"),
        ("llama-3.1-8b", {"num_hidden_layers": 10_001}, "num_hidden_layers"),
        ("llama-3.1-8b", {"tie_word_embeddings": "yes"}, "tie_word_embeddings"),
        ("llama-3.1-8b", {"attention_bias": 1}, "attention_bias"),
        ("llama-3.1-8b", {"layer_types": [SLIDING] * 32}, "layer_types"),
        ("deepseek-v3", {"layer_types": [SLIDING] * 61}, "layer_types"),
        ("mistral-7b-v0.1", {"layer_types": [SLIDING, FULL] * 16}, "layer_types"),
        ("qwen3-4b", {"layer_types": [SLIDING] * 36}, "layer_types"),
        ("gemma-2-9b", {"layer_types": [FULL] * 41}, "layer_types"),
        ("gemma-2-9b", {"layer_types": [FULL, "linear_attention"] * 21}, "layer_types"),
        ("gemma-2-9b", {"layer_types": FULL}, "layer_types"),
        ("gemma-2-9b", {"layer_types": [None] * 42}, "layer_types"),
        ("gemma-2-9b", {"sliding_window": None}, "sliding_window"),
        ("gpt-oss-20b", {"sliding_window": None}, "sliding_window"),
        ("mixtral-8x7b", {"num_experts_per_tok": 9}, "num_experts_per_tok"),
        ("mixtral-8x7b", {"num_experts": 16}, "num_local_experts"),
        ("gpt-oss-20b", {"experts_per_token": 2}, "num_experts_per_tok"),
        ("qwen3-30b-a3b", {"num_local_experts": 64}, "num_experts"),
        ("qwen3-30b-a3b", {"mlp_only_layers": "none"}, "mlp_only_layers"),
        ("qwen3-30b-a3b", {"mlp_only_layers": [True]}, "mlp_only_layers"),
        ("deepseek-v3", {"moe_layer_freq": 2}, "moe_layer_freq"),
        ("deepseek-v3", {"moe_layer_freq": True}, "moe_layer_freq"),
        ("deepseek-v3", {"first_k_dense_replace": 62}, "first_k_dense_replace"),
        ("deepseek-v3", {"mlp_bias": True}, "mlp_bias"),
        ("llama-3.1-8b", {"num_local_experts": 8}, "num_local_experts"),
        ("qwen2.5-3b", {"moe_intermediate_size": 1408}, "moe_intermediate_size"),
        ("llama-3.1-8b", {"kv_lora_rank": 512}, "kv_lora_rank"),
        ("llama-3.1-8b", {"per_layer_config": [{"n": 1}]}, "per_layer_config"),
        ("llama-3.1-8b", {"architectures": ["LlamaForSequenceClassification"]}, "architectures"),
        ("llama-3.1-8b", {"architectures": "LlamaForCausalLM"}, "architectures"),
        ("baichuan2-7b", {"tie_word_embeddings": ...}, "tie_word_embeddings"),
        ("internlm2.5-7b", {"bias": True}, "bias"),
        ("llama-3.1-8b", {"model_type": ...}, "model_type"),
        ("llama-3.1-8b", {"model_type": ["llama"]}, "model_type"),
        ("llama-3.1-8b", {"model_type": "Llama"}, "model_type"),
    ],
)  # fmt: skip
def test_a_contradiction_is_refused_by_name(name, changes, field):
    with pytest.raises(ValueError, match=rf"config\.json: {field} "):
        architecture(name, **changes)


def test_a_type_that_is_not_understood_is_refused_with_those_that_are():
    with pytest.raises(ValueError, match=r"model_type is 'llama9'; understood are .*llama, .*mistral"):
        architecture("llama-3.1-8b", model_type="llama9")


def test_what_is_no_object_is_refused():
    for nothing in ([], "llama", None, 3):
        with pytest.raises(ValueError, match="an object of fields was expected"):
            model_from_config(nothing, name="x")


@pytest.mark.parametrize(
    ("alias", "native"),
    {"baichuan": "llama", "internlm2": "llama", "minicpm": "llama", "kimi_k2": "deepseek_v3"}.items(),
)
def test_an_alias_is_read_as_its_native_type(alias, native):
    name = KINDS[native]
    fields = {"model_type": alias, "tie_word_embeddings": False, "bias": ...}
    assert parameters(architecture(name, **fields)) == parameters(architecture(name, **fields | {"model_type": native}))


FIELDS = sorted(
    {"model_type", "layer_types", "use_sliding_window", "attention_bias", "mlp_bias", "architectures", "bias"}
    | {field for kind in TYPES.values() for field in kind.defaults}
    | {field for name in KINDS.values() for field in config(name)}
)
JSON = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.floats(), st.text(max_size=5), st.integers(), st.integers(0, 300),
        st.sampled_from([*TYPES, SLIDING, FULL]),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=6,
)  # fmt: skip


@given(
    base=st.one_of(st.just({}), st.sampled_from(sorted(COUNTS)).map(config)),
    changes=st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=4),
    dropped=st.sets(st.sampled_from(FIELDS), max_size=2),
)
@settings(max_examples=300, deadline=None)
def test_any_object_gives_an_architecture_or_a_value_error(base, changes, dropped):
    fields = {field: value for field, value in (base | changes).items() if field not in dropped}
    try:
        model = model_from_config(fields, name="any")
    except ValueError as refusal:
        assert "config.json: " in str(refusal)
        return
    assert isinstance(model, Architecture)
    assert parameters(model) == sum(parameters_by_part(model).values()) > 0
