"""The ledger counts what transformers builds on the meta device, without weights. Run: make transformers."""

import json

import pytest

from calculators.architecture import parameters
from presets import model_from_config
from presets.configs import KINDS
from presets.configs.multimodal import LEFT_OUT, WRITTEN
from tests.facts import COUNTS, VARIANTS, config

pytestmark = pytest.mark.transformers
# One model of each type that transformers has a class for.
SAMPLE = {
    row["model_type"]: name
    for name, row in COUNTS.items()
    if row["model_type"] in KINDS and row["counted_with"].isidentifier()
}


def built(fields: dict, class_name: str):
    """The model that transformers builds from a config, on the meta device."""
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    fields = {name: value for name, value in fields.items() if not name.startswith("_") and name != "auto_map"}
    if kinds := fields.pop("attn_type_list", None):  # MiniMax's own code: 0 for linear attention
        fields["layer_types"] = ["full_attention" if kind else "linear_attention" for kind in kinds]
    model_class = getattr(transformers, class_name)
    kinds = transformers.models.auto.configuration_auto.CONFIG_MAPPING
    config_class = kinds[fields["model_type"]] if fields["model_type"] in kinds else model_class.config_class  # noqa: SIM401
    whole = config_class(**json.loads(json.dumps(fields)))
    fits = model_class.config_class is None or isinstance(whole, model_class.config_class)
    with torch.device("meta"):
        return model_class(whole if fits else whole.get_text_config())


@pytest.mark.parametrize("name", SAMPLE.values(), ids=SAMPLE)
def test_parameters_are_those_that_transformers_builds(name):
    model = built(config(name), COUNTS[name]["counted_with"])
    assert parameters(model_from_config(config(name), name=name)) == model.num_parameters()


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("llama-3.1-8b", {"attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True}),
        ("llama-3.1-8b", {"head_dim": 64, "num_key_value_heads": 2, "vocab_size": 1000}),
        ("qwen2.5-0.5b", {"tie_word_embeddings": False, "num_hidden_layers": 3}),
        ("qwen3-30b-a3b", {"mlp_only_layers": [0, 2], "decoder_sparse_step": 2, "num_hidden_layers": 6}),
        ("deepseek-v3", {"q_lora_rank": None, "first_k_dense_replace": 1, "num_hidden_layers": 4}),
        ("gpt-oss-20b", {"attention_bias": False, "tie_word_embeddings": True}),
        ("gemma-2-2b", {"tie_word_embeddings": False, "attention_bias": True}),
        ("mamba-2.8b", {"use_bias": True, "time_step_rank": "auto", "intermediate_size": 4096, "num_hidden_layers": 3}),
        ("jamba-v0.1", {"num_experts": 1, "mamba_proj_bias": True, "attn_layer_period": 3, "attn_layer_offset": 1}),
        ("nemotron-h-56b", {"hybrid_override_pattern": "M*-M", "num_hidden_layers": 4, "mlp_bias": True}),
        ("qwen3-next-80b-a3b", {"attention_bias": True, "full_attention_interval": 3, "mlp_only_layers": [1]}),
        ("kimi-linear-48b-a3b", {"q_lora_rank": 64, "attention_bias": True, "linear_conv_kernel_dim": 2}),
    ],
)
def test_changed_fields_change_both_alike(name, changes):
    model = built(config(name, **changes), COUNTS[name]["counted_with"])
    assert parameters(model_from_config(config(name, **changes), name=name)) == model.num_parameters()


@pytest.mark.parametrize("kind", VARIANTS)
def test_the_stored_variants_are_what_transformers_builds(kind):
    for variant in VARIANTS[kind]:
        assert built(variant["config"], variant["class"]).num_parameters() == variant["parameters"]


@pytest.mark.parametrize("kind", LEFT_OUT)
def test_the_sizes_that_a_text_section_leaves_out_are_those_of_its_class(kind):
    fields = pytest.importorskip("transformers").models.auto.configuration_auto.CONFIG_MAPPING[kind]()
    assert LEFT_OUT[kind] == tuple(getattr(fields, name) for name in WRITTEN)
