"""Which files of the hub a reference means, what is passed over, and headers read by ranges."""

from collections.abc import Iterator

import pytest

from r1local.errors import MalformedAnswer, ModelFileError, NotOnHub, UnknownModel
from r1local.gguf.file import read_header
from r1local.gguf.quantization import RepoFile, Variant
from r1local.machine.memory import Machine
from r1local.models.catalog import load_catalog
from r1local.models.references import parse_reference
from r1local.models.remote_files import HubModel, fits, on_hub, read_remote_header, some_names
from testing.homes import REPO_7B
from testing.loopback_hub import COMMIT, Hub, loopback_hub
from testing.models import r1_header
from testing.one_file_hub import use_endpoint

REPO = "org/repo"
GIB = 2**30
LARGE, SMALL = Machine(64 * GIB), Machine(GIB)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with loopback_hub() as served:
        use_endpoint(served.url, monkeypatch)
        yield served


def publish(hub: Hub, *names: str, repo_id: str = REPO) -> None:
    """Files of some bytes, of other sizes in the order given."""
    for number, name in enumerate(names, 1):
        hub.add(repo_id, name, b"x" * number)


def meant(text: str, machine: Machine = LARGE) -> HubModel:
    catalog = load_catalog()
    return on_hub(parse_reference(text, catalog), catalog, machine)


@pytest.mark.parametrize(
    ("machine", "chosen"),
    [
        (Machine(64 * GIB), "m-Q6_K.gguf"),  # beyond Q6_K only the file grows
        (Machine(6 * GIB), "m-Q4_K_M.gguf"),
        (Machine(GIB, gpus=(24 * GIB,)), "m-Q6_K.gguf"),
        (Machine(GIB), "m-Q4_K_M.gguf"),  # nothing fits: the usual one
    ],
    ids=["large", "small", "GPU", "tiny"],
)
def test_the_best_that_fits_is_chosen_by_the_catalogs_sizes(
    hub: Hub, machine: Machine, chosen: str
) -> None:
    publish(hub, *(f"m-{q}.gguf" for q in ("Q4_K_M", "Q8_0", "Q6_K", "F16")), repo_id=REPO_7B)
    model = meant("7b", machine)
    assert model.variant.name == chosen
    assert model.known and model.name == model.known.name == "r1-distill-qwen-7b"
    assert (model.repository.repo_id, model.repository.commit) == (REPO_7B, COMMIT)


@pytest.mark.parametrize(
    ("tag", "chosen"),
    [("Q8_0", "m-Q8_0.gguf"), ("q8_0", "m-Q8_0.gguf"), ("m-Q2_K.gguf", "m-Q2_K.gguf")],
)
def test_what_is_named_is_taken_whether_it_fits_or_not(hub: Hub, tag: str, chosen: str) -> None:
    publish(hub, "m-Q2_K.gguf", "m-Q4_K_M.gguf", "m-Q8_0.gguf", repo_id=REPO_7B)
    assert meant(f"hf:{REPO_7B}:{tag}", SMALL).variant.name == chosen


def test_files_for_other_purposes_are_passed_over(hub: Hub) -> None:
    publish(hub, "eagle3-m-Q4_K_M.gguf", "m-Q4_K_M.gguf", "mmproj-m-f16.gguf", "README.md")
    model = meant(f"hf:{REPO}")
    assert model.variant.name == "m-Q4_K_M.gguf"
    assert model.passed_over == ("mmproj-m-f16.gguf", "eagle3-m-Q4_K_M.gguf")
    draft = meant(f"hf:{REPO}:eagle3-m-Q4_K_M.gguf")
    assert draft.variant.name == "eagle3-m-Q4_K_M.gguf" and draft.passed_over == ()


def test_a_split_model_is_all_its_parts(hub: Hub) -> None:
    parts = [f"Q2_K/m-Q2_K-0000{number}-of-00002.gguf" for number in (1, 2)]
    publish(hub, *parts)
    found = meant(f"hf:{REPO}:q2_k").files()
    assert [file.filename for file in found] == parts
    assert [file.size for file in found] == [1, 2]


def test_an_alternative_has_what_the_first_repository_lacks(hub: Hub) -> None:
    publish(hub, "m-Q4_K_M.gguf", repo_id=REPO_7B)
    publish(hub, "m-Q8_0.gguf", repo_id="lmstudio-community/DeepSeek-R1-Distill-Qwen-7B-GGUF")
    assert meant("7b:Q8_0").repository.repo_id.startswith("lmstudio-community/")
    with pytest.raises(NotOnHub, match="r1-distill-qwen-7b has no Q3_K_S") as caught:
        meant("7b:Q3_K_S")
    assert caught.value.hint == "it has: Q8_0, Q4_K_M", "of both"


@pytest.mark.parametrize(
    ("names", "tag", "message", "hint"),
    [
        (["README.md"], "", "org/repo has no GGUF files", "look for a repository"),
        (["mmproj-m-f16.gguf"], "", "has no model among its GGUF files", "hf:org/repo:FILE"),
        (["m-Q2_K.gguf", "mtp-m.gguf"], ":Q8_0", "has no Q8_0", "Q2_K; and by file name: mtp-m"),
        (["m.Q8_0.gguf.part1of2"], "", "only pieces of GGUF files", "join them with cat"),
        (["m.Q2_K.gguf", "m.Q8_0.gguf.part1of2"], ":Q8_0", "no Q8_0", "m.Q8_0.gguf is there in"),
        (["m.Q2_K.gguf", "m.Q8_0.gguf.part1of2"], ":Q6_K", "no Q6_K", "it has: Q2_K"),
    ],
)
def test_what_is_missing_is_told_by_what_there_is(
    hub: Hub, names: list[str], tag: str, message: str, hint: str
) -> None:
    publish(hub, *names)
    with pytest.raises(NotOnHub, match=message) as caught:
        meant(f"hf:{REPO}{tag}")
    assert hint in caught.value.hint


@pytest.mark.parametrize("text", ["nano", "./m.gguf", "ollama:qwen3:4b"])
def test_what_is_not_of_the_hub_is_not_asked_for_there(hub: Hub, text: str) -> None:
    with pytest.raises(UnknownModel):
        meant(text)
    assert hub.requests == []


def test_two_sizes_of_one_file_are_not_believed(hub: Hub) -> None:
    publish(hub, "m-Q4_K_M.gguf")
    model = meant(f"hf:{REPO}")
    hub.add(REPO, "m-Q4_K_M.gguf", b"another size")
    with pytest.raises(MalformedAnswer, match="two sizes, 1 and 12 bytes"):
        model.files()


@pytest.mark.parametrize(("size", "fitting"), [(7, True), (9, False)])
def test_a_model_nobody_knows_needs_its_size_and_a_context(size: int, fitting: bool) -> None:
    variant = Variant("Q4_K_M", (RepoFile("m-Q4_K_M.gguf", size * GIB),))
    assert fits(variant, None, Machine(5 * GIB, gpus=(4 * GIB,))) is fitting


def test_a_header_is_read_by_ranges_and_is_that_of_the_file(hub: Hub) -> None:
    header, rest = r1_header().read_bytes(), 30 * 2**20
    hub.add(REPO, "m-Q4_K_M.gguf", header + bytes(rest))
    there, here = read_remote_header(meant(f"hf:{REPO}")), read_header(r1_header())
    assert all("Range" in headers for headers in hub.byte_requests())
    assert hub.bytes_sent < len(header) + 5 * 2**20
    assert there.metadata == here.metadata
    assert there.tensors == here.tensors
    assert there.model_size == len(header) + rest


def test_the_tensors_of_a_first_part_are_not_the_models(hub: Hub) -> None:
    data = r1_header().read_bytes()
    for number in (1, 2):
        hub.add(REPO, f"m-Q4_K_M-0000{number}-of-00002.gguf", data)
    header = read_remote_header(meant(f"hf:{REPO}"))
    assert header.tensors == () and header.model_size == 2 * len(data)


def test_what_is_no_gguf_file_is_an_error(hub: Hub) -> None:
    hub.add(REPO, "m-Q4_K_M.gguf", b"PK\x03\x04" + bytes(100))
    with pytest.raises(ModelFileError):
        read_remote_header(meant(f"hf:{REPO}"))


@pytest.mark.parametrize(
    ("count", "words"), [(1, "0"), (6, "0, 1, 2, 3, 4, 5"), (8, "0, 1, 2, 3, 4, 5 and 2 more")]
)
def test_many_names_are_counted(count: int, words: str) -> None:
    assert some_names([str(number) for number in range(count)]) == words
