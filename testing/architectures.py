"""Small models of architectures that are built like Llama's, with weights of zero."""

from array import array
from collections.abc import Mapping
from pathlib import Path

from testing.gguf_writer import F16, F32, MetadataValue, TensorData, write_gguf
from testing.models import CONSTANT_TEMPLATE, scripted_metadata, vocabulary

_WIDTH = 64
_MATRICES = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
_NORMS = ("attn_norm", "ffn_norm", "attn_q_norm", "attn_k_norm", "post_attention_norm")


def write_llama_like(
    path: Path,
    architecture: str,
    changes: Mapping[str, MetadataValue] | None = None,
    *,
    norms: tuple[str, ...] = _NORMS[:2],
    biases: tuple[str, ...] = (),
) -> Path:
    """Write a model of one layer and one head.

    Args:
        path: the file to write.
        architecture: what its header says.
        changes: entries to add; keys that begin with a dot are the architecture's.
        norms: the layer's norms.
        biases: the matrices that have one.
    """
    base = scripted_metadata(vocabulary(), 512, CONSTANT_TEMPLATE)
    own = {f"{architecture}.rope.freq_base": 10000.0}
    own[f"{architecture}.attention.layer_norm_rms_epsilon"] = 1e-5
    header = {key.replace("gpt2.", f"{architecture}."): value for key, value in base.items()} | own
    header["general.architecture"] = architecture
    for key, value in (changes or {}).items():
        header[architecture + key if key.startswith(".") else key] = value
    tensors = [
        *(_matrix(name, len(vocabulary().texts)) for name in ("token_embd", "output")),
        *(_matrix(f"blk.0.{name}") for name in _MATRICES),
        *(_vector(f"{name}.weight") for name in ("output_norm", *(f"blk.0.{n}" for n in norms))),
        *(_vector(f"blk.0.{name}.bias") for name in biases),
    ]
    return write_gguf(path, header, tensors)


def write_mixture(path: Path, *, layers: int = 4, experts: int = 16) -> Path:
    """Write a Llama whose layers have experts, two of which a token uses; they are most of it."""
    header = scripted_metadata(vocabulary(), 512, CONSTANT_TEMPLATE)
    header = {key.replace("gpt2.", "llama."): value for key, value in header.items()}
    header |= {
        "general.architecture": "llama",
        "llama.block_count": layers,
        "llama.rope.freq_base": 10000.0,
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "llama.expert_count": experts,
        "llama.expert_used_count": 2,
    }
    tensors = [_matrix(name, len(vocabulary().texts)) for name in ("token_embd", "output")]
    tensors.append(_vector("output_norm.weight"))
    for number in range(layers):
        block = f"blk.{number}."
        tensors += [_matrix(block + name) for name in _MATRICES[:4]]
        tensors += [_vector(f"{block}{name}.weight") for name in _NORMS[:2]]
        tensors.append(_matrix(f"{block}ffn_gate_inp", experts))
        tensors += [_experts(block + name, experts) for name in _MATRICES[4:]]
    return write_gguf(path, header, tensors)


def _experts(name: str, count: int) -> TensorData:
    shape = (_WIDTH, _WIDTH, count)
    return TensorData(f"{name}_exps.weight", shape, F16, bytes(2 * _WIDTH * _WIDTH * count))


def _matrix(name: str, rows: int = _WIDTH) -> TensorData:
    return TensorData(f"{name}.weight", (_WIDTH, rows), F16, bytes(2 * _WIDTH * rows))


def _vector(name: str) -> TensorData:
    return TensorData(name, (_WIDTH,), F32, array("f", [1.0] * _WIDTH).tobytes())
