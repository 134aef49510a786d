"""Where things lie on a machine, as the programs that they belong to have it."""

import subprocess
import sys
from pathlib import Path

import pytest

from r1local.config import paths


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"XDG_CACHE_HOME": "/x"},
        {"HF_HOME": "~/hf"},
        {"HF_HOME": "/h", "HF_HUB_CACHE": "$HF_HOME/c"},
        {"HUGGINGFACE_HUB_CACHE": "/old"},
    ],
)
def test_the_cache_is_where_huggingface_hub_has_it(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    code = "from huggingface_hub import constants; print(constants.HF_HUB_CACHE)"
    theirs = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert paths.hub_cache_folder() == Path(theirs.stdout.strip())
