"""Inference: the only rooms that know llama.cpp."""

from r1local.engine.library import free_gpu_memory, log, versions
from r1local.engine.model import LoadSettings, Model
from r1local.engine.sampler import Sampler, SamplerSettings

__all__ = [
    "LoadSettings",
    "Model",
    "Sampler",
    "SamplerSettings",
    "free_gpu_memory",
    "log",
    "versions",
]
