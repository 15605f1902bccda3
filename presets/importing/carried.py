"""How does a link carry a model that is in no catalog? As compact text: versioned, checked, bounded in size.

JSON without spaces, deflated with a dictionary of the words that such texts are made of, in the letters of a URL.
"""

import base64
import binascii
import json
import re
import zlib
from collections.abc import Mapping
from typing import Any

from presets.importing.text import read_object

VERSION = "1"  # of the form and its dictionary: both stay as they are, or old links change their meaning
MOST_CHARACTERS = 570  # of the text, so that a whole link stays under 1,500
MOST_BYTES = 1 << 16  # inflated
LETTERS = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)

# Words of config.json files and of tensors' names, the commonest last.
WORDS = (
    b'"sliding_attention","full_attention","linear_attention","chunked_attention","attention","mamba","mlp","conv",'
    b'"ssm_cfg":{},"partial_rotary_factor":0.5,"rotary_dim":64,"rotary_pct":0.25,"new_decoder_architecture":true,'
    b'"multi_query":false,"alibi":false,"parallel_attn":true,"n_embd":,"n_head":,"n_layer":,"n_positions":,"n_inner":'
    b'null,"activation_function":"gelu_new","hidden_act":"silu","mlp_hidden_act":"relu2","state_size":128,'
    b'"time_step_rank":256,"conv_kernel":4,"expand":2,"n_groups":8,"ssm_state_size":128,"mamba_num_heads":128,'
    b'"mamba_head_dim":64,"mamba_d_conv":4,"mamba_d_state":16,"mamba_dt_rank":256,"mamba_expand":2,'
    b'"hybrid_override_pattern":"M-M*ME","linear_num_value_heads":32,"linear_num_key_heads":16,'
    b'"linear_key_head_dim":128,"linear_value_head_dim":128,"linear_conv_kernel_dim":4,"full_attention_interval":4,'
    b'"vision_config":{"model_type":"siglip_vision_model","patch_size":14,"image_size":896,"out_hidden_size":,'
    b'"spatial_merge_size":2,"temporal_patch_size":2,"in_channels":3,"num_channels":3,"depth":,"num_heads":16},'
    b'"audio_config":{"num_mel_bins":128},"text_config":{"layer_types":["index_topk":2048,"index_n_heads":64,'
    b'"index_head_dim":128,"attn_config":{"kv_n_heads":8},"ffn_config":{"moe_num_experts":16,"moe_top_k":4},'
    b'"d_model":,"n_heads":,"n_layers":,"max_seq_len":,"expansion_ratio":4,"block_configs":[{"attention":{"n_heads_in_'
    b'group":8,"no_op":false,"replace_with_linear":false},"ffn":{"ffn_mult":1.3125,"no_op":true}},"qk_layernorm":true,'
    b'"use_qk_norm":true,"attention_qkv_bias":true,"sliding_window_pattern":6,"moe_shared_expert_intermediate_size":,'
    b'"shared_expert_intermediate_size":,"moe_layer_freq":1,"interleave_moe_layer_step":1,"add_bias_linear":false,'
    b'"hidden_size_per_layer_input":256,"vocab_size_per_layer_input":262144,"num_kv_shared_layers":10,"global_head_dim"'
    b':512,"num_global_key_value_heads":4,"q_lora_rank":1536,"kv_lora_rank":512,"qk_nope_head_dim":128,'
    b'"qk_rope_head_dim":64,"v_head_dim":128,"num_nextn_predict_layers":1,"first_k_dense_replace":3,'
    b'"n_routed_experts":256,"n_shared_experts":1,"num_local_experts":,"num_experts":,"num_experts_per_tok":8,'
    b'"moe_intermediate_size":2048,"decoder_sparse_step":1,"mlp_only_layers":[],"max_window_layers":28,'
    b'"use_sliding_window":false,"sliding_window":4096,"mlp_bias":false,"attention_bias":false,"use_bias":false,'
    b'"bias":false,"architectures":["LlamaForCausalLM"],"MoeForCausalLM","ForConditionalGeneration"],"model_type":'
    b'"llama","mistral","mixtral","qwen2_moe","qwen3_moe","qwen3_next","gemma3_text","deepseek_v3","gpt_oss","phi3",'
    b'"tie_word_embeddings":true,"head_dim":128,"num_key_value_heads":8,"max_position_embeddings":131072,'
    b'"intermediate_size":14336,"num_attention_heads":32,"num_hidden_layers":32,"vocab_size":128256,"hidden_size":4096'
    b'["model.layers.*.self_attn.kv_a_proj_with_mqa.weight","model.layers.*.self_attn.kv_a_layernorm.weight",'
    b'"model.layers.*.self_attn.kv_b_proj.weight","model.layers.*.self_attn.q_a_proj.weight",'
    b'"model.layers.*.self_attn.q_a_layernorm.weight","model.layers.*.self_attn.q_b_proj.weight",'
    b'"model.layers.*.mlp.shared_experts.gate_proj.weight","model.layers.*.mlp.shared_experts.up_proj.weight",'
    b'"model.layers.*.mlp.shared_experts.down_proj.weight","model.layers.*.mlp.gate.e_score_correction_bias",'
    b'"model.layers.*.mlp.experts.*.gate_proj.weight","model.layers.*.mlp.experts.*.up_proj.weight",'
    b'"model.layers.*.mlp.experts.*.down_proj.weight","model.layers.*.mlp.gate.weight",'
    b'"model.layers.*.self_attn.q_norm.weight","model.layers.*.self_attn.k_norm.weight",.bias",'
    b'"model.layers.*.post_attention_layernorm.weight","model.layers.*.input_layernorm.weight",'
    b'"model.layers.*.mlp.gate_proj.weight","model.layers.*.mlp.up_proj.weight","model.layers.*.mlp.down_proj.weight",'
    b'"model.layers.*.self_attn.q_proj.weight","model.layers.*.self_attn.k_proj.weight",'
    b'"model.layers.*.self_attn.v_proj.weight","model.layers.*.self_attn.o_proj.weight","model.norm.weight",'
    b'"model.embed_tokens.weight","lm_head.weight",["blk.*.attn_kv_a_mqa.weight","blk.*.attn_kv_a_norm.weight",'
    b'"blk.*.attn_kv_b.weight","blk.*.attn_k_b.weight","blk.*.attn_v_b.weight","blk.*.attn_q_a.weight",'
    b'"blk.*.attn_q_a_norm.weight","blk.*.attn_q_b.weight","blk.*.exp_probs_b.bias","blk.*.ffn_gate_shexp.weight",'
    b'"blk.*.ffn_up_shexp.weight","blk.*.ffn_down_shexp.weight","blk.*.ffn_gate_inp.weight",'
    b'"blk.*.ffn_gate_exps.weight","blk.*.ffn_up_exps.weight","blk.*.ffn_down_exps.weight","blk.*.attn_qkv.weight",'
    b'"blk.*.attn_sinks.weight","blk.*.post_attention_norm.weight","blk.*.post_ffw_norm.weight",'
    b'"blk.*.attn_q_norm.weight","blk.*.attn_k_norm.weight","blk.*.attn_q.bias","blk.*.attn_k.bias","blk.*.attn_v.bias",'
    b'"blk.*.attn_norm.weight","blk.*.ffn_norm.weight","blk.*.ffn_gate.weight","blk.*.ffn_up.weight",'
    b'"blk.*.ffn_down.weight","blk.*.attn_q.weight","blk.*.attn_k.weight","blk.*.attn_v.weight",'
    b'"blk.*.attn_output.weight","rope_freqs.weight","output_norm.weight","output.weight","token_embd.weight",'
    b'"k":"safetensors","f":{"chosen":8,"window":4096,"slides":2,"rope_dim":128,"context":131072,"head_dim":128,'
    b'"v_head_dim":128,"kv_heads":8,"heads":32,"hidden":4096,"vocabulary":128256,"blocks":32},"t":[["k":"GGUF",'
    b'"0-31","0-3,4-31:3",1],[1]]],"n":"","c":{'
)


def written(fields: Mapping[str, Any]) -> str:
    """The text that carries these fields.

    Raises ValueError where it would be longer than a link may be.
    """
    text = json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()
    deflate = zlib.compressobj(9, zlib.DEFLATED, 15, 9, zlib.Z_DEFAULT_STRATEGY, WORDS)
    packed = deflate.compress(text) + deflate.flush()
    carried = VERSION + base64.urlsafe_b64encode(packed).decode("ascii").rstrip("=")
    if len(carried) > MOST_CHARACTERS:
        raise ValueError(
            f"the model takes {len(carried):,} characters, and a link carries {MOST_CHARACTERS:,}: its layers differ "
            "from each other in too many ways"
        )
    return carried


def fields_of(carried: str) -> Mapping[str, Any]:
    """The fields that a text carries; raises ValueError, saying what was expected, for any other text."""
    if len(carried) > MOST_CHARACTERS:
        raise ValueError(f"{len(carried):,} characters; an imported model takes at most {MOST_CHARACTERS:,}")
    if not carried.startswith(VERSION) or not LETTERS.fullmatch(carried):
        raise ValueError(f"no imported model of version {VERSION}; copy the whole link")
    try:
        packed = base64.urlsafe_b64decode(carried[1:] + "=" * (-len(carried[1:]) % 4))
        inflate = zlib.decompressobj(15, zdict=WORDS)
        text = inflate.decompress(packed, MOST_BYTES)
    except (binascii.Error, zlib.error) as error:
        raise ValueError("the imported model is damaged; copy the whole link") from error
    if not inflate.eof or inflate.unused_data:
        raise ValueError(
            f"the imported model is damaged or unpacks to more than {MOST_BYTES:,} bytes; copy the whole link"
        )
    return read_object(text, what="imported model", most_bytes=MOST_BYTES)
