"""What is set for one model: the most exact of its names counts, whatever the user typed."""

from pathlib import Path

import pytest

from r1local.config.paths import config_file
from r1local.gguf.file import read_gguf
from r1local.machine.memory import facts_of
from r1local.models.catalog import load_catalog
from r1local.models.preferred import of_model, preferred_request
from testing.models import write_scripted_model


def write_config(text: str) -> None:
    config_file().parent.mkdir(parents=True, exist_ok=True)
    config_file().write_text(text, encoding="utf-8")


@pytest.mark.parametrize("typed", [None, "7b", "7b:q4_k_m", "r1-distill-qwen-7b"])
def test_a_table_with_the_quantization_counts_before_one_without(typed: str | None) -> None:
    write_config('[models."7b"]\ncontext = 8192\n[models."7b:q4_k_m"]\ncontext = 4096\n')
    known = load_catalog().find("7b")
    assert preferred_request(of_model([typed], known, "Q4_K_M")).context == 4096
    assert preferred_request(of_model([typed], known, "Q8_0")).context == 8192


def test_the_file_s_path_counts_before_every_name(tmp_path: Path) -> None:
    path = tmp_path / "m-Q4_K_M.gguf"
    write_config(f'[models."{path}"]\nkv_cache = "q8_0"\n[models."7b:q4_k_m"]\nkv_cache = "q4_0"\n')
    known = load_catalog().find("7b")
    assert preferred_request(of_model(["7b"], known, "Q4_K_M", path)).kv_cache == "q8_0"
    assert preferred_request(of_model(["7b"], known, "Q4_K_M")).kv_cache == "q4_0"


def test_a_draft_model_that_is_set_counts_in_the_plan(tmp_path: Path) -> None:
    small = write_scripted_model(tmp_path / "small.gguf", "Hi")
    write_config(
        f'[models."7b"]\ndraft = "{small.as_posix()}"\n[models."14b"]\ndraft = "gone.gguf"\n'
    )
    catalog = load_catalog()
    request = preferred_request(of_model(["7b"], catalog.find("7b")))
    assert request.draft == facts_of(read_gguf(small))
    assert preferred_request(of_model(["14b"], catalog.find("14b"))).draft is None
    assert preferred_request(of_model(["32b"], catalog.find("32b"))).draft is None
