"""Exporting a checkpoint to GGUF, with its matrices in Q8_0 as llama.cpp stores them."""

from __future__ import annotations

import json
from pathlib import Path

import gguf
import numpy as np
import torch
from tokenizers import Tokenizer

from tools.nano.chat import BOS, EOS
from tools.nano.model import Nano, Shape
from tools.nano.tokenizer import CONTROL, USER_DEFINED

TEMPLATE = Path(__file__).with_name("template.jinja")
DESCRIPTION = "A tiny reasoning model in the form of DeepSeek-R1; it only does small arithmetic."


def load(path: Path) -> Nano:
    """Return the model of a checkpoint."""
    torch.serialization.add_safe_globals([Shape])
    kept = torch.load(path, weights_only=True)
    model = Nano(kept["shape"])
    model.load_state_dict(kept["model"])
    return model


def tensors(model: Nano) -> dict[str, np.ndarray]:
    """Return the weights under llama.cpp's names, with fused matrices taken apart."""
    shape = model.shape
    kv_width = shape.kv_heads * shape.head_width
    named = {
        "token_embd.weight": model.embedding.weight,
        "output.weight": model.output.weight,
        "output_norm.weight": model.output_norm.weight,
    }
    for index, block in enumerate(model.blocks):
        at = f"blk.{index}."
        for part in ("weight", "bias"):
            split = getattr(block.qkv, part).split([shape.width, kv_width, kv_width])
            named |= {f"{at}attn_{x}.{part}": t for x, t in zip("qkv", split, strict=True)}
        gate, up = block.gate_up.weight.chunk(2)
        named |= {
            f"{at}attn_output.weight": block.attention_output.weight,
            f"{at}attn_norm.weight": block.attention_norm.weight,
            f"{at}ffn_norm.weight": block.ffn_norm.weight,
            f"{at}ffn_gate.weight": gate,
            f"{at}ffn_up.weight": up,
            f"{at}ffn_down.weight": block.down.weight,
        }
    return {name: tensor.detach().float().numpy() for name, tensor in named.items()}


def _write_shape(writer: gguf.GGUFWriter, shape: Shape) -> None:
    writer.add_name("r1local nano")
    writer.add_description(DESCRIPTION)
    writer.add_license("mit")
    writer.add_languages(["en", "ja", "zh"])
    writer.add_block_count(shape.layers)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_layer_norm_rms_eps(shape.norm_epsilon)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)


def _write_tokenizer(writer: gguf.GGUFWriter, tokenizer: Tokenizer) -> None:
    """Write tokens, types and merges; the keys and types are those of R1's Qwen distills."""
    model = json.loads(tokenizer.to_str())["model"]
    vocabulary = tokenizer.get_vocab(with_added_tokens=True)
    tokens = sorted(vocabulary, key=vocabulary.__getitem__)
    types = [
        gguf.TokenType.CONTROL
        if token in CONTROL
        else gguf.TokenType.USER_DEFINED
        if token in USER_DEFINED
        else gguf.TokenType.NORMAL
        for token in tokens
    ]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("deepseek-r1-qwen")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges([" ".join(pair) for pair in model["merges"]])
    writer.add_bos_token_id(vocabulary[BOS])
    writer.add_eos_token_id(vocabulary[EOS])
    writer.add_pad_token_id(vocabulary[EOS])
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    writer.add_chat_template(TEMPLATE.read_text(encoding="utf-8"))


def export(checkpoint: Path, tokenizer_file: Path, target: Path) -> None:
    """Write the GGUF file under a temporary name, then put it in place."""
    model = load(checkpoint)
    partial = target.with_suffix(".part")
    writer = gguf.GGUFWriter(partial, "qwen2")
    _write_shape(writer, model.shape)
    _write_tokenizer(writer, Tokenizer.from_file(str(tokenizer_file)))
    for name, values in tensors(model).items():
        if values.ndim == 1:
            writer.add_tensor(name, values)
            continue
        kind = gguf.GGMLQuantizationType.Q8_0
        writer.add_tensor(name, gguf.quants.quantize(values, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    partial.rename(target)
