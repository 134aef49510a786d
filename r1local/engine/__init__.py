"""Inference: the only rooms that know llama.cpp."""

from r1local.engine.batch import MOST_SEQUENCES, Batch
from r1local.engine.grammar import GrammarSampler, check_grammar
from r1local.engine.library import GPU, gpus, log, versions
from r1local.engine.model import LoadSettings, Model
from r1local.engine.sampler import Sampler, SamplerSettings

__all__ = [
    "GPU",
    "MOST_SEQUENCES",
    "Batch",
    "GrammarSampler",
    "LoadSettings",
    "Model",
    "Sampler",
    "SamplerSettings",
    "check_grammar",
    "gpus",
    "log",
    "versions",
]
