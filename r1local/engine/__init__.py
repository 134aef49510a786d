"""Inference: the only rooms that know llama.cpp."""

from r1local.engine.library import GPU, gpus, log, versions
from r1local.engine.model import LoadSettings, Model
from r1local.engine.sampler import Sampler, SamplerSettings

__all__ = [
    "GPU",
    "LoadSettings",
    "Model",
    "Sampler",
    "SamplerSettings",
    "gpus",
    "log",
    "versions",
]
