"""How do dense decoders describe themselves? Readers of their config.json."""

from calculators.architecture import Architecture
from calculators.attention import GroupedQueryAttention
from presets.configs.config import Config, reads
from presets.configs.layers import biased, blocks, dense, grouped, model, windowed


@reads("llama", max_position_embeddings=2048, head_dim=None, num_key_value_heads=None)
@reads(
    "baichuan", "internlm2", "minicpm",
    native=False, classes=["LlamaForCausalLM"], max_position_embeddings=2048, head_dim=None, num_key_value_heads=None,
)  # fmt: skip
def llama(config: Config) -> Architecture:
    """Llama, and types with code of their own that store its tensors."""
    mlp = dense(config, bias=config.flag("mlp_bias"))
    return model(config, blocks([(a, mlp) for a in windowed(config, biased(config), lambda i: False, listed=False)]))


def all_or_none(config: Config) -> list[GroupedQueryAttention]:
    """Every layer slides where the config has a window."""
    slides = config.optional_count("sliding_window") is not None
    return windowed(config, grouped(config), lambda i: slides, listed=False)


@reads("mistral", max_position_embeddings=131072, head_dim=None, num_key_value_heads=8, sliding_window=4096)
@reads("phi3", max_position_embeddings=4096, head_dim=None, num_key_value_heads=None, sliding_window=None)
def windowed_everywhere(config: Config) -> Architecture:
    """Mistral, Phi-3: every layer slides where the config has a window."""
    mlp = dense(config)
    return model(config, blocks([(attention, mlp) for attention in all_or_none(config)]))


def uses_window(config: Config) -> bool:
    """Qwen: a window counts only where use_sliding_window says so."""
    return config.flag("use_sliding_window") and config.optional_count("sliding_window") is not None


def qwen_layers(config: Config, attention: GroupedQueryAttention) -> list[GroupedQueryAttention]:
    """Qwen: layers from max_window_layers on slide."""
    uses, first = uses_window(config), config.count("max_window_layers", least=0)
    return windowed(config, attention, lambda i: uses and i >= first, listed=uses)


@reads(
    "qwen2",
    nullable=["num_key_value_heads"], max_position_embeddings=32768, head_dim=None, num_key_value_heads=32,
    sliding_window=4096, max_window_layers=28,
)  # fmt: skip
def qwen2(config: Config) -> Architecture:
    """Qwen2: biases on queries, keys and values."""
    mlp = dense(config)
    return model(config, blocks([(a, mlp) for a in qwen_layers(config, grouped(config, qkv_bias=True))]))


@reads(
    "qwen3",
    nullable=["num_key_value_heads"], max_position_embeddings=32768, head_dim=128, num_key_value_heads=32,
    sliding_window=4096, max_window_layers=28,
)  # fmt: skip
def qwen3(config: Config) -> Architecture:
    """Qwen3: norms of queries and keys."""
    attention, mlp = biased(config, norm=True), dense(config)
    return model(config, blocks([(a, mlp) for a in qwen_layers(config, attention)]))


@reads(
    "gemma2",
    max_position_embeddings=8192, head_dim=256, num_key_value_heads=4, sliding_window=4096, tie_word_embeddings=True,
)  # fmt: skip
def gemma2(config: Config) -> Architecture:
    """Gemma 2: every other layer slides; norms before and after each half."""
    mlp = dense(config)
    layers = windowed(config, biased(config), lambda i: i % 2 == 0, listed=True)
    return model(config, blocks([(a, mlp) for a in layers], norms=4))
