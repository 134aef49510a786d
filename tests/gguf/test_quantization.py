"""Quantization names, and the models among a repository's files."""

import pytest

from r1local.gguf.quantization import (
    RepoFile,
    Variant,
    choose,
    named,
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
        ("gpt-oss-20b-mxfp4.gguf", "MXFP4"),
        ("X-MXFP4_MOE.gguf", "MXFP4"),
        ("X-NVFP4.gguf", "NVFP4"),
        ("qwen2.5-7b-instruct-fp16-00001-of-00004.gguf", "F16"),
        ("X-Q4_0_4_8.gguf", "Q4_0_4_8"),
        ("X-UD-Q8_K_XL.gguf", "UD-Q8_K_XL"),
        ("X.i1-IQ2_XXS.gguf", "IQ2_XXS"),
        ("IQ4_KS_R4/X-IQ4_KS_R4-00001-of-00010.gguf", "IQ4_KS_R4"),
        ("X-smol-IQ4_KSS.gguf", "IQ4_KSS"),
        ("X-IQ2_KL.gguf", "IQ2_KL"),
        ("X-Q8_0_R8.gguf", "Q8_0_R8"),
        ("X-Q1_0.gguf", "Q1_0"),
        ("X-Q4_K_HIFI.gguf", None),
        ("X-Q4_K_M_v2.gguf", None),
        ("model.gguf", None),
        ("EQ4_0x.gguf", None),
    ],
)
def test_names_are_read_off_paths(path: str, name: str | None) -> None:
    assert quantization_of(path) == name


def files(*names: str) -> list[RepoFile]:
    return [RepoFile(name, 10 * (number + 1)) for number, name in enumerate(names)]


def models(*names: str) -> list[str]:
    return [variant.name for variant in variants(files(*names)) if not variant.sidecar]


@pytest.mark.parametrize(
    "beside",
    [
        "mmproj-a-f16.gguf",
        "a-mmproj-BF16.gguf",
        "a.imatrix.gguf",
        "imatrix_unsloth.gguf",
        "a-draft-Q8_0.gguf",
        "MTP/a-Q4_K_M.gguf",
        "mtp-a-Q4_K_M.gguf",
        "eagle3-a-Q4_K_M.gguf",
        "dflash-a-Q4_K_M.gguf",
        "dspark-a-Q4_K_M.gguf",
    ],
)
def test_a_file_beside_models_is_none(beside: str) -> None:
    found = variants(files("a-Q4_K_M.gguf", beside, "imatrix.dat", "README.md", "a-Q8_0.GGUF"))
    assert [variant.name for variant in found] == ["a-Q8_0.GGUF", "a-Q4_K_M.gguf", beside]
    assert [variant.sidecar for variant in found] == [False, False, True]
    assert choose(found, "Q4_K_M", lambda _: True) == found[1]
    assert named(found, beside) == found[2]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["X-MTP-Q4_K_M.gguf"], ["X-MTP-Q4_K_M.gguf"]),
        (["a-draft.gguf"], ["a-draft.gguf"]),
        (["a-imatrix-Q4_K_M.gguf", "imatrix.gguf"], ["a-imatrix-Q4_K_M.gguf"]),
        (["a.imatrix.gguf"], ["a.imatrix.gguf"]),
        (["X-MTP-Q4_0.gguf", "X-MTP-Q8_0.gguf"], ["X-MTP-Q8_0.gguf", "X-MTP-Q4_0.gguf"]),
        (["mmproj-X-MTP.gguf", "X-MTP.gguf", "mtp-X-MTP.gguf"], ["X-MTP.gguf"]),
        (["mmproj-a-f16.gguf"], []),
        (["Draftsman-7B-Q8_0.gguf", "Eagles-7B-Q4_0.gguf"], None),
    ],
)
def test_where_there_is_nothing_else_it_is_the_model(
    names: list[str], expected: list[str] | None
) -> None:
    assert models(*names) == (names if expected is None else expected)


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


def tagged(wanted: str, *names: str) -> str | None:
    found = choose(variants(files(*names)), wanted, lambda _: True)
    return found.name if found else None


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ("fp16", "m-f16.gguf"),
        ("f16", "m-fp16.gguf"),
        ("bf16", "BF16/m-BF16-00001-of-00001.gguf"),
        ("mxfp4", "m-MXFP4_MOE.gguf"),
        ("MXFP4_MOE", "m-mxfp4.gguf"),
        ("i1-Q4_K_M", "m.i1-Q4_K_M.gguf"),
        ("Q4_K_M", "m.i1-Q4_K_M.gguf"),
        ("Compact", "m-Compact.gguf"),
        ("compact", "Qwen_Compact_v2.gguf"),
        ("Q4_K_XL", "m-UD-Q4_K_XL.gguf"),
        ("ud-q4_k_xl", "m-UD-Q4_K_XL.gguf"),
        ("IQ4_KSS", "m-IQ4_KSS.gguf"),
        ("Q4_0_4_4", "m-Q4_0_4_4.gguf"),
    ],
)
def test_a_tag_means_the_file_that_answers_best(wanted: str, name: str) -> None:
    assert tagged(wanted, "m-Q2_K.gguf", name, "m-Q6_K.gguf") == name


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ("Q4_0", "m-Q4_0_4_4.gguf"),
        ("UD-Q4_K_XL", "m-Q4_K_XL.gguf"),
        ("BF16", "m-BF16-256x20B-Q8_0.gguf"),
        ("F16", "mmproj-m-F16.gguf"),
        ("pact", "m-Compact.gguf"),
        ("Q4_K", "m-Q4_K_M.gguf"),
    ],
)
def test_a_tag_means_no_other_file(wanted: str, name: str) -> None:
    assert tagged(wanted, "m-Q2_K.gguf", name) is None


def test_the_exact_name_goes_first_and_of_several_the_usual_choice() -> None:
    both = ("m-UD-Q4_K_XL.gguf", "m-Q4_K_XL.gguf")
    assert tagged("Q4_K_XL", *both) == "m-Q4_K_XL.gguf"
    assert tagged("small", "small-Q8_0.gguf", "small-Q6_K.gguf", "big-Q6_K.gguf") == (
        "small-Q6_K.gguf"
    )


def test_a_file_is_meant_by_its_path_or_by_its_name() -> None:
    found = variants(
        files("a/m.gguf", "b/m.gguf", "b/n-00001-of-00002.gguf", "b/n-00002-of-00002.gguf")
    )
    assert named(found, "B/M.gguf") == Variant("m", (RepoFile("b/m.gguf", 20),))
    assert named(found, "m.gguf") is None
    part = named(found, "n-00002-of-00002.gguf")
    assert part and part.name == "b/n-00001-of-00002.gguf"


def test_a_publishers_recipe_ranks_as_its_type() -> None:
    assert quality_rank("UD-Q4_K_S") == quality_rank("i1-Q4_K_S") == quality_rank("q4_k_s")
    assert quality_rank("FP16") == quality_rank("F16")


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
