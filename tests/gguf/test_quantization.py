"""Quantization names, and the models among a repository's files."""

import pytest

from r1local.gguf.quantization import (
    RepoFile,
    Variant,
    choose,
    quality_loss,
    quality_rank,
    quantization_of,
    variants,
)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("DeepSeek-R1-Distill-Qwen-7B-Q4_K_M.gguf", "Q4_K_M"),
        ("DeepSeek-R1-Distill-Qwen-7B-f16.gguf", "F16"),
        ("deepseek-r1-distill-qwen-1.5b-q4_0.gguf", "Q4_0"),
        ("DeepSeek-R1-Q8_0/DeepSeek-R1.Q8_0-00001-of-00015.gguf", "Q8_0"),
        ("DeepSeek-R1-Zero-Q8_0/DeepSeek-R1-Zero-BF16-256x20B-Q8_0-00001-of-00016.gguf", "Q8_0"),
        ("Q4_K_M/DeepSeek-R1-0528-Q4_K_M-00001-of-00009.gguf", "Q4_K_M"),
        ("DeepSeek-R1-UD-IQ1_S/DeepSeek-R1-UD-IQ1_S-00001-of-00003.gguf", "UD-IQ1_S"),
        ("DeepSeek-R1-0528-UD-TQ1_0.gguf", "UD-TQ1_0"),
        ("deepseek-ai_DeepSeek-R1-0528-Qwen3-8B-Q3_K_XL.gguf", "Q3_K_XL"),
        ("DeepSeek-R1-Q2_K_XS/x-Q2_K_XS-00001-of-00005.gguf", "Q2_K_XS"),
        ("model.gguf", None),
        ("EQ4_0x.gguf", None),
    ],
)
def test_names_are_read_off_paths(path: str, name: str | None) -> None:
    assert quantization_of(path) == name


def files(*names: str) -> list[RepoFile]:
    return [RepoFile(name, 10 * (number + 1)) for number, name in enumerate(names)]


def test_files_beside_the_model_are_no_models() -> None:
    found = variants(
        files(
            "a-Q4_K_M.gguf",
            "mmproj-a-f16.gguf",
            "a.imatrix.gguf",
            "a-draft-Q8_0.gguf",
            "imatrix.dat",
            "README.md",
            "a-Q8_0.GGUF",
        )
    )
    assert [variant.quantization for variant in found] == ["Q8_0", "Q4_K_M"]


def test_parts_are_one_model() -> None:
    parts = [f"Q4_K_M/R1-Q4_K_M-0000{number}-of-00003.gguf" for number in (3, 1, 2)]
    (found,) = variants(files(*parts))
    assert found.name == "Q4_K_M/R1-Q4_K_M-00001-of-00003.gguf"
    assert (len(found.files), found.size) == (3, 60)


def test_a_split_model_without_all_parts_is_left_out() -> None:
    assert variants(files("a-Q4_K_M-00001-of-00002.gguf", "b-Q8_0.gguf"))[0].name == "b-Q8_0.gguf"


def test_a_file_without_a_quantization_goes_by_its_name() -> None:
    assert variants(files("x/model.gguf"))[0].quantization == "model"


def test_better_ones_come_first() -> None:
    names = ["Q2_K", "Q8_0", "IQ1_S", "Q4_K_M", "unheard-of", "F16", "Q6_K"]
    assert sorted(names, key=quality_rank) == [
        "F16",
        "Q8_0",
        "Q6_K",
        "Q4_K_M",
        "Q2_K",
        "IQ1_S",
        "unheard-of",
    ]
    assert quality_loss("q4_k_m") == 0.031
    assert quality_loss("Q4_K_L") is None


REPOSITORY = variants(
    [
        RepoFile(f"m-{name}.gguf", size)
        for name, size in (("Q2_K", 3), ("Q4_K_M", 5), ("Q6_K", 7), ("Q8_0", 9), ("F16", 16))
    ]
)


def chosen(wanted: str | None, room: int, available: list[Variant] = REPOSITORY) -> str | None:
    found = choose(available, wanted, lambda variant: variant.size <= room)
    return found.quantization if found else None


def test_the_choice() -> None:
    assert chosen("q8_0", 0) == "Q8_0"
    assert chosen("Q5_K_M", 100) is None
    assert chosen(None, 100) == "Q6_K"
    assert chosen(None, 6) == "Q4_K_M"
    assert chosen(None, 3) == "Q2_K"
    # Nothing fits: the default, or the smallest where even that is missing.
    assert chosen(None, 0) == "Q4_K_M"
    assert chosen(None, 0, [v for v in REPOSITORY if v.quantization != "Q4_K_M"]) == "Q2_K"
    assert chosen(None, 100, []) is None
