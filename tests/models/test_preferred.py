"""What is set for one model: the most exact of its names counts, whatever the user typed."""

from pathlib import Path

import pytest

from r1local.config.paths import config_file
from r1local.models.catalog import load_catalog
from r1local.models.preferred import of_model, preferred_request


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
