"""A model's own promises to its callers, on a scripted file."""

import pytest

from r1local.engine.load_settings import LoadSettings
from r1local.engine.model import Model
from testing.command import Scripted


def test_what_is_raised_while_llama_cpp_asks_comes_out(scripted: Scripted) -> None:
    settings = LoadSettings(512, gpu_layers=0, threads=1, kv_cache="f16")
    asked = 0

    def interrupt() -> bool:
        nonlocal asked
        asked += 1
        if asked == 3:
            raise KeyboardInterrupt
        return False

    with Model(scripted("x"), settings, lambda: False) as model:
        with pytest.raises(KeyboardInterrupt):
            model.evaluate([1, 2, 3], interrupt)
        assert model.evaluate([1, 2, 3], lambda: False) == 0
