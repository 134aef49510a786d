"""Muon, momentum with orthogonalised steps: Jordan et al., 2024, kellerjordan.github.io."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import torch
from torch import Tensor

COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # the quintic of the reference implementation
ROUNDS = 5


def orthogonal(matrices: Tensor) -> Tensor:
    """Bring the singular values of a stack of matrices close to one by Newton-Schulz iterations."""
    a, b, c = COEFFICIENTS
    x = matrices.to(torch.bfloat16)
    tall = x.shape[-2] > x.shape[-1]
    if tall:
        x = x.mT
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(ROUNDS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.mT if tall else x).to(matrices.dtype)


class Muon(torch.optim.Optimizer):  # type: ignore[misc]
    """An optimiser for matrices only; those of equal shapes are orthogonalised together."""

    def __init__(
        self, parameters: list[Tensor], lr: float, momentum: float = 0.95, decay: float = 0.01
    ) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "decay": decay})

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def step(self) -> None:
        """Update every matrix once, with Nesterov momentum and decoupled decay."""
        for group in self.param_groups:
            shapes: dict[torch.Size, list[Tensor]] = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is not None:
                    shapes[parameter.shape].append(parameter)
            for shape, parameters in shapes.items():
                self._update(group, shape, parameters)

    def _update(self, group: dict[str, Any], shape: torch.Size, parameters: list[Tensor]) -> None:
        directions = []
        for parameter in parameters:
            state = self.state[parameter]
            kept = state.setdefault("kept", torch.zeros_like(parameter))
            kept.lerp_(parameter.grad, 1 - group["momentum"])
            directions.append(parameter.grad.lerp(kept, group["momentum"]))
        scale = group["lr"] * max(1.0, shape[0] / shape[1]) ** 0.5
        for parameter, step in zip(parameters, orthogonal(torch.stack(directions)), strict=True):
            parameter.mul_(1 - group["lr"] * group["decay"])
            parameter.sub_(step, alpha=scale)
