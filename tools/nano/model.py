"""The network: a small Qwen2 decoder, written so that its tensors export one to one to GGUF."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of the network; every matrix row must divide by 32, the block of Q8_0."""

    vocabulary: int = 1536
    layers: int = 8
    width: int = 192
    heads: int = 6
    kv_heads: int = 2
    feed_forward: int = 512
    rope_base: float = 10_000.0
    norm_epsilon: float = 1e-6
    context: int = 4096

    @property
    def head_width(self) -> int:
        """The number of values per attention head."""
        return self.width // self.heads


class Norm(nn.Module):  # type: ignore[misc]
    """Root-mean-square normalisation with a learned scale."""

    def __init__(self, width: int, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, (x.shape[-1],), self.weight.to(x.dtype), self.epsilon)


def rope_tables(shape: Shape) -> tuple[Tensor, Tensor]:
    """Return the cosines and sines of RoPE (arXiv:2104.09864) for the half-split (NEOX) form."""
    half = shape.head_width // 2
    frequency = shape.rope_base ** (-torch.arange(half, dtype=torch.float32) / half)
    angle = torch.arange(shape.context, dtype=torch.float32)[:, None] * frequency[None, :]
    return torch.cat([angle.cos()] * 2, -1), torch.cat([angle.sin()] * 2, -1)


def rotate(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Rotate the pairs (i, i + half) of every head by their position's angle."""
    first, second = x.chunk(2, -1)
    return x * cosine + torch.cat([-second, first], -1) * sine


class Block(nn.Module):  # type: ignore[misc]
    """Attention with grouped keys and biased projections, then a SwiGLU feed-forward."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        kv_width = shape.kv_heads * shape.head_width
        self.attention_norm = Norm(shape.width, shape.norm_epsilon)
        self.qkv = nn.Linear(shape.width, shape.width + 2 * kv_width)
        self.attention_output = nn.Linear(shape.width, shape.width, bias=False)
        self.ffn_norm = Norm(shape.width, shape.norm_epsilon)
        self.gate_up = nn.Linear(shape.width, 2 * shape.feed_forward, bias=False)
        self.down = nn.Linear(shape.feed_forward, shape.width, bias=False)

    def forward(self, x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
        batch, length, width = x.shape
        shape = self.shape
        heads = self.qkv(self.attention_norm(x)).view(batch, length, -1, shape.head_width)
        turned, v = heads.transpose(1, 2).split(
            [shape.heads + shape.kv_heads, shape.kv_heads], dim=1
        )
        turned = rotate(turned, cosine, sine)
        q, k = turned.split([shape.heads, shape.kv_heads], dim=1)
        group = shape.heads // shape.kv_heads
        k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.attention_output(mixed.transpose(1, 2).reshape(batch, length, width))
        gate, up = self.gate_up(self.ffn_norm(x)).chunk(2, -1)
        return x + self.down(F.silu(gate) * up)


LOOK_BACK = 3.0  # of the biases below; enough for the tokens just before to stand out


@torch.no_grad()  # type: ignore[untyped-decorator]
def look_back(block: Block) -> None:
    """Let the first three heads start out looking one, two and three tokens back.

    Copying unknown words takes heads that attend to the previous token (arXiv:2209.11895), which
    otherwise form late in training. With constant queries and keys RoPE makes attention a
    function of distance alone: it peaks where the query's phase undoes the rotation.
    """
    shape, width = block.shape, block.shape.head_width
    half = width // 2
    frequency = shape.rope_base ** (-torch.arange(half, dtype=torch.float32) / half)
    for head in range(min(3, shape.heads // shape.kv_heads)):
        rows = slice(head * width, (head + 1) * width)
        angle = -(head + 1) * frequency
        block.qkv.bias[rows] = LOOK_BACK * torch.cat([angle.cos(), angle.sin()])
        block.qkv.weight[rows] *= 0.1
    key = slice(shape.width, shape.width + width)
    block.qkv.bias[key] = LOOK_BACK * torch.cat([torch.ones(half), torch.zeros(half)])
    block.qkv.weight[key] *= 0.1


class Nano(nn.Module):  # type: ignore[misc]
    """Token ids in, logits out (only at the requested positions, to save time)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(shape.vocabulary, shape.width)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.output_norm = Norm(shape.width, shape.norm_epsilon)
        self.output = nn.Linear(shape.width, shape.vocabulary, bias=False)
        cosine, sine = rope_tables(shape)
        self.register_buffer("cosine", cosine, persistent=False)
        self.register_buffer("sine", sine, persistent=False)
        self.apply(self._initialise)
        for block in self.blocks:
            for layer in (block.attention_output, block.down):
                nn.init.normal_(layer.weight, std=0.02 / (2 * shape.layers) ** 0.5)
        look_back(self.blocks[0])

    @staticmethod
    def _initialise(module: nn.Module) -> None:
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=0.02)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)

    def hidden(self, tokens: Tensor) -> Tensor:
        """Return the normalised hidden states of a [batch, length] tensor of token ids."""
        x = self.embedding(tokens)
        if torch.is_autocast_enabled("cpu"):
            x = x.to(torch.bfloat16)
        length = tokens.shape[1]
        cosine = self.cosine[:length].to(x.dtype)
        sine = self.sine[:length].to(x.dtype)
        for block in self.blocks:
            x = block(x, cosine, sine)
        return self.output_norm(x)

    def forward(self, tokens: Tensor, chosen: Tensor) -> Tensor:
        """Return the logits at the flat positions `chosen` of the batch."""
        states = self.hidden(tokens).flatten(0, 1)
        return self.output(states.index_select(0, chosen))
