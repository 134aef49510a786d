"""`r1local pull` against a hub on loopback: whatever the network, the disk or the hub does."""

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest
from huggingface_hub import hf_hub_download, scan_cache_dir

from r1local.hub.journal import BLOCK, partials
from testing.command import COMMAND
from testing.gguf_writer import bytes_named_gguf
from testing.loopback_hub import COMMIT, Hub, loopback_hub
from testing.waiting import PATIENCE_S, eventually

pytestmark = pytest.mark.slow

REPO = "bartowski/DeepSeek-R1-Distill-Qwen-7B-GGUF"
NAME = "DeepSeek-R1-Distill-Qwen-7B-Q4_K_M.gguf"
DATA = bytes_named_gguf(5 * BLOCK + 12_345)
CONNECTIONS = 4
TOKEN = "hf_averysecrettoken"
#: How often a download is killed; see docs/benchmarks.md for a longer run.
KILLS = int(os.environ.get("R1LOCAL_TEST_KILLS", "6"))

Pull: TypeAlias = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def hub() -> Iterator[Hub]:
    with loopback_hub() as served:
        served.add(REPO, NAME, DATA)
        yield served


@pytest.fixture(autouse=True)
def environment(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of its own, and the hub on loopback."""
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    for name in ("HF_HUB_CACHE", "HF_HUB_OFFLINE", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "hf" / "hub"


@pytest.fixture
def pull() -> Pull:
    """`r1local pull ARGUMENTS` in a process of its own; the token must never be printed."""

    def start(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        result = subprocess.run(
            [*COMMAND, "pull", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=PATIENCE_S,
            check=False,
            env=os.environ | environ,
        )
        assert TOKEN not in result.stdout + result.stderr
        assert "Traceback" not in result.stderr
        return result

    return start


def file_in(cache: Path, name: str = NAME) -> Path:
    folder = cache / f"models--{REPO.replace('/', '--')}"
    return folder / "snapshots" / COMMIT / name


def arrived(cache: Path, data: bytes = DATA) -> bool:
    """The file is there, right, and no part of it is left."""
    path = file_in(cache)
    left = list(cache.rglob("*.r1local-*"))
    return path.exists() and path.read_bytes() == data and not left


def test_a_model_arrives(hub: Hub, pull: Pull, cache: Path) -> None:
    result = pull("7b")
    assert result.returncode == 0, result.stderr
    assert arrived(cache)
    assert not result.stdout
    assert " to download, " in result.stderr
    assert "tokens/s (estimated)" in result.stderr
    assert hub.bytes_sent == len(DATA)


def test_a_draft_model_comes_as_well(hub: Hub, pull: Pull, cache: Path) -> None:
    smaller = "bartowski/DeepSeek-R1-Distill-Qwen-1.5B-GGUF"
    hub.add(smaller, "DeepSeek-R1-Distill-Qwen-1.5B-Q4_K_M.gguf", DATA[:BLOCK])
    assert pull("7b", "--with-draft").returncode == 0
    assert arrived(cache)
    assert [*cache.glob(f"models--{smaller.replace('/', '--')}/snapshots/*/*.gguf")]


def test_no_draft_model_is_known_for_all(hub: Hub, pull: Pull) -> None:
    result = pull("8b", "--with-draft")
    assert result.returncode == 2
    assert "no draft model is known for 8b" in result.stderr
    assert not hub.bytes_sent


def test_the_token_goes_to_the_hub_alone(hub: Hub, pull: Pull, cache: Path) -> None:
    assert pull("7b").returncode == 0
    asked = [headers for _, path, headers in hub.requests if path.startswith("/api/models/")]
    assert all(TOKEN in headers.get("authorization", "") for headers in asked)
    assert hub.byte_requests()
    assert not any(TOKEN in str(headers) for headers in hub.byte_requests())
    for path in cache.rglob("*"):
        assert not path.is_file() or TOKEN.encode() not in path.read_bytes()


def test_the_cache_is_hugging_face_s(pull: Pull, cache: Path) -> None:
    assert pull("7b").returncode == 0
    found = scan_cache_dir(cache)
    assert not found.warnings
    (repository,) = found.repos
    assert repository.repo_id == REPO
    (revision,) = repository.revisions
    assert (revision.commit_hash, revision.refs) == (COMMIT, frozenset({"main"}))
    local = hf_hub_download(REPO, NAME, cache_dir=cache, local_files_only=True)
    assert Path(local) == file_in(cache)
    assert file_in(cache).resolve().name == hashlib.sha256(DATA).hexdigest()


def test_what_is_there_is_not_fetched_again(hub: Hub, pull: Pull, cache: Path) -> None:
    code = f"from huggingface_hub import hf_hub_download as d; d({REPO!r}, {NAME!r})"
    subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, timeout=PATIENCE_S
    )
    sent = hub.bytes_sent
    result = pull("7b")
    assert result.returncode == 0
    assert "is already here" in result.stderr
    assert hub.bytes_sent == sent
    assert arrived(cache)


@pytest.mark.parametrize(
    "fault",
    [
        {"drop_after": 300_000, "drops": 5},
        {"statuses": [503, 429, 500, 408], "retry_after": "0"},
        {"statuses": [403]},
        {"no_ranges": True},
        {"no_ranges": True, "drop_after": 9_000_000, "drops": 1},
        {"flips": 1},
        {"content_length_off": 1000},
    ],
    ids=lambda fault: ",".join(fault),
)
def test_a_model_arrives_all_the_same(
    hub: Hub, pull: Pull, cache: Path, fault: dict[str, object]
) -> None:
    for name, value in fault.items():
        setattr(hub.faults, name, value)
    result = pull("7b")
    assert result.returncode == 0, result.stderr
    assert arrived(cache)


def test_damage_is_told_and_tried_once_more(hub: Hub, pull: Pull, cache: Path) -> None:
    hub.faults.flips = 10**9
    result = pull("7b")
    assert result.returncode == 1
    assert "arrived damaged: fetching it again" in result.stderr
    assert "arrived damaged twice" in result.stderr
    assert not file_in(cache).exists()


def test_a_dropped_block_goes_on_where_it_was_cut(hub: Hub, pull: Pull) -> None:
    hub.faults.drop_after, hub.faults.drops = 2_000_000, 3
    assert pull("7b").returncode == 0
    assert hub.bytes_sent <= len(DATA) + 3 * 65_536


def test_a_file_that_changes_meanwhile_is_begun_anew(hub: Hub, pull: Pull, cache: Path) -> None:
    hub.faults.etag_changes_after = 2
    result = pull("7b")
    assert result.returncode == 0, result.stderr
    assert "has changed on the hub: starting again" in result.stderr
    assert arrived(cache)


def begin(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [*COMMAND, "pull", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        encoding="utf-8",
    )


def wait_for_bytes(hub: Hub, count: int) -> None:
    eventually(lambda: hub.bytes_sent >= count)


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX's")
def test_killed_downloads_go_on(hub: Hub, pull: Pull, cache: Path) -> None:
    hub.faults.bytes_per_s = 4e6
    draw = random.Random(3)
    for _ in range(KILLS):
        process = begin("7b")
        wait_for_bytes(hub, hub.bytes_sent + draw.randrange(BLOCK))
        process.send_signal(signal.SIGKILL)
        process.communicate()
    hub.faults.bytes_per_s = None
    assert pull("7b").returncode == 0
    assert arrived(cache)
    # At most a block for each connection and kill, and what was on its way in the sockets.
    assert hub.bytes_sent - len(DATA) <= KILLS * CONNECTIONS * (BLOCK + 2**20)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
@pytest.mark.parametrize(
    "fault", [{"slow_api": True}, {"slow_heads": {"api"}}, {"slow_heads": {"metadata"}}], ids=str
)
def test_ctrl_c_while_the_hub_is_asked(hub: Hub, fault: dict[str, object]) -> None:
    for name, value in fault.items():
        setattr(hub.faults, name, value)
    process = begin("7b")
    eventually(lambda: len(hub.requests) > ("metadata" in hub.faults.slow_heads))
    time.sleep(0.1)
    stopped = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=PATIENCE_S)
    assert time.monotonic() - stopped < 30, "before the hub has had its time"
    assert process.returncode == 130
    assert "resume with: r1local pull 7b" in stderr


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
def test_ctrl_c_keeps_what_came(hub: Hub, pull: Pull, cache: Path) -> None:
    hub.faults.bytes_per_s = 3e6
    process = begin("7b")
    wait_for_bytes(hub, 3 * BLOCK)
    stopped = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=PATIENCE_S)
    assert time.monotonic() - stopped < 30
    assert process.returncode == 130
    assert "resume with: r1local pull 7b" in stderr
    assert list(cache.rglob("*.r1local-part"))
    hub.faults.bytes_per_s = None
    assert pull("7b").returncode == 0
    assert arrived(cache)
    assert hub.bytes_sent < len(DATA) + CONNECTIONS * (BLOCK + 2**20)


def test_a_part_of_another_version_is_not_gone_on_with(hub: Hub, pull: Pull, cache: Path) -> None:
    hub.faults.drop_after = 1_000_000
    hub.faults.drops = 10**9
    process = begin("7b")
    wait_for_bytes(hub, 4_000_000)
    process.kill()
    process.communicate()
    hub.faults.drop_after = None
    other = bytes_named_gguf(len(DATA), seed=8)
    hub.add(REPO, NAME, other)
    result = pull("7b")
    assert result.returncode == 0, result.stderr
    assert "has changed on the hub since: starting again" in result.stderr
    assert arrived(cache, other)


def test_two_at_once_fetch_it_once(hub: Hub, cache: Path) -> None:
    hub.faults.bytes_per_s = 5e6
    both = [begin("7b"), begin("7b")]
    stderr = [process.communicate(timeout=PATIENCE_S)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], stderr
    assert arrived(cache)
    assert hub.bytes_sent == len(DATA)


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX's")
def test_a_file_that_may_not_be_so_large(pull: Pull, cache: Path) -> None:
    limit = f"import resource as r; r.setrlimit(r.RLIMIT_FSIZE, ({2 * BLOCK},) * 2)"
    code = f"{limit}; import signal as s; s.signal(s.SIGXFSZ, s.SIG_IGN)"
    code += "; from r1local.__main__ import main; main()"
    result = subprocess.run(
        [sys.executable, "-c", code, "pull", "7b"],
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE_S,
        check=False,
    )
    assert result.returncode == 1
    assert f"{NAME} is too large for this disk, or for a limit: 21.0 MB" in result.stderr
    assert pull("7b").returncode == 0
    assert arrived(cache)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 12 MiB that the cache is on."""
    disk = tmp_path / "hf"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(disk)]
    if not shutil.which("mount") or subprocess.run(command, check=False).returncode:
        pytest.skip("mounting is not permitted")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_disk_too_small_is_refused(hub: Hub, pull: Pull, small_disk: Path) -> None:
    result = pull("7b")
    assert result.returncode == 1
    assert "after which 1.1 GB should be left" in result.stderr
    assert "insist with --force" in result.stderr
    assert not hub.byte_requests()
    assert not list(small_disk.rglob("*.r1local-part"))


def test_a_disk_that_fills_up_keeps_the_part(
    hub: Hub, pull: Pull, small_disk: Path, cache: Path
) -> None:
    # One connection: several could fill the disk with blocks of which none is whole.
    result = pull("7b", "--force", "--connections", "1")
    assert result.returncode == 1
    assert "the disk is full" in result.stderr
    (part,) = partials(file_in(cache).parents[2] / "blobs")
    assert part.done > 0
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    asked = len(hub.byte_requests())
    assert pull("7b", "--force").returncode == 0
    assert arrived(cache)
    assert requested(hub, asked) == len(DATA) - part.done


def requested(hub: Hub, since: int) -> int:
    """Bytes asked for in the requests after so many."""
    ranges = [headers["Range"].removeprefix("bytes=") for headers in hub.byte_requests()[since:]]
    ends = [value.split("-") for value in ranges]
    return sum(int(last) + 1 - int(first) for first, last in ends)


def test_split_models_are_one(hub: Hub, pull: Pull, cache: Path) -> None:
    for number in (1, 2):
        hub.add("org/big", f"Q2_K/m-Q2_K-0000{number}-of-00002.gguf", DATA[: BLOCK + number])
    result = pull("hf:org/big:q2_k")
    assert result.returncode == 0, result.stderr
    folder = cache / "models--org--big" / "snapshots" / COMMIT / "Q2_K"
    assert len(list(folder.iterdir())) == 2


MANY = "someone/many-GGUF"


def test_only_the_model_comes_of_all_that_lies_beside_it(hub: Hub, pull: Pull, cache: Path) -> None:
    for name in ("dflash-m-Q4_K_M.gguf", "eagle3-m-Q4_K_M.gguf", "m-UD-Q4_K_XL.gguf", "mtp-m.gguf"):
        hub.add(MANY, name, DATA[:100])
    result = pull(f"hf:{MANY}:Q4_K_XL")
    assert result.returncode == 0, result.stderr
    others = "dflash-m-Q4_K_M.gguf, eagle3-m-Q4_K_M.gguf, mtp-m.gguf"
    assert f"also in the repository, not fetched: {others}" in result.stderr
    snapshot = cache / "models--someone--many-GGUF/snapshots" / COMMIT
    assert [path.name for path in snapshot.iterdir()] == ["m-UD-Q4_K_XL.gguf"]
    assert "it has: UD-Q4_K_XL" in pull(f"hf:{MANY}:Q4_K_M").stderr
    address = f"{hub.url}/{MANY}/resolve/main/eagle3-m-Q4_K_M.gguf?download=true"
    assert pull(address).returncode == 0
    assert len(list(snapshot.iterdir())) == 2


@pytest.mark.parametrize(
    ("names", "tag", "code", "words"),
    [
        (["X-MTP-Q4_K_M.gguf"], "", 0, "X-MTP-Q4_K_M.gguf: "),
        (["mmproj-m-f16.gguf"], "", 1, "has no model among its GGUF files"),
        (["mmproj-m-f16.gguf"], ":F16", 1, "it has: mmproj-m-f16.gguf; to get such a file"),
        (["m-Q2_K.gguf", "mtp-m.gguf"], ":Q8_0", 1, "it has: Q2_K; and by file name: mtp-m.gguf"),
        (["m.Q8_0.gguf.part1of2", "m.Q8_0.gguf.part2of2"], "", 1, "m.Q8_0.gguf is there in pieces"),
        (["m.Q2_K.gguf", "m.Q8_0.gguf.part1of2"], ":Q8_0", 1, "m.Q8_0.gguf is there in pieces"),
        (["m.Q2_K.gguf", "m.Q8_0.gguf.part1of2"], ":Q6_K", 1, "it has: Q2_K"),
        (["README.md"], "", 1, "someone/many-GGUF has no GGUF files"),
        (["m-Q2_K-00001-of-00002.gguf"], "", 1, "lacks parts of m-Q2_K"),
        (["m-Q2_K-00001-of-00002.gguf", "m-Q8_0.gguf"], ":Q2_K", 1, "lacks parts of m-Q2_K"),
        (["m-Q2_K-00001-of-00002.gguf", "m-Q8_0.gguf"], ":Q6_K", 1, "it has: Q8_0"),
    ],
)
def test_what_is_there_is_told(
    hub: Hub, pull: Pull, names: list[str], tag: str, code: int, words: str
) -> None:
    for name in names:
        hub.add(MANY, name, DATA[:100])
    result = pull(f"hf:{MANY}{tag}")
    assert result.returncode == code
    assert words in result.stderr


def test_json_events(pull: Pull) -> None:
    result = pull("7b", "--format", "json")
    events = [json.loads(line) for line in result.stdout.splitlines()]
    kinds = [event["type"] for event in events]
    assert kinds.index("begin") < kinds.index("progress") < kinds.index("done")
    last = [event for event in events if event["type"] == "progress"][-1]
    assert last["done"] == last["total"] == len(DATA)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["hf:no/where"], 1, "the hub has no repository no/where"),
        (["7b:Q8_0"], 1, "it has: Q4_K_M"),
        ([f"hf:{REPO}:x.gguf"], 1, "it has: Q4_K_M"),
        ([f"hf:{REPO}@v9"], 1, "no such revision"),
        (["nano"], 1, "needs no download"),
        (["./x.gguf"], 1, "is a path"),
        (["7bb"], 1, "did you mean 7b"),
        ([], 2, "name one: r1local pull 7b"),
        (["7b", "--connections", "0"], 2, "connections"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_can_t_be_pulled(pull: Pull, arguments: list[str], code: int, words: str) -> None:
    result = pull(*arguments)
    assert result.returncode == code
    assert words in result.stderr


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        (403, "GatedRepo", "only open to users"),
        (401, None, "log in with: hf auth login"),
        (403, None, "the hub refuses access"),
        (500, None, "the hub answered 500"),
    ],
)
def test_what_the_hub_refuses(
    hub: Hub, pull: Pull, status: int, error: str | None, words: str
) -> None:
    hub.faults.api_status, hub.faults.api_code = status, error
    result = pull("7b")
    assert result.returncode == 1
    assert words in result.stderr


def test_no_network(pull: Pull) -> None:
    assert "can't be reached" in pull("7b", HF_ENDPOINT="http://127.0.0.1:9").stderr
    assert "HF_HUB_OFFLINE" in pull("7b", HF_HUB_OFFLINE="1").stderr


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("HF_HUB_DOWNLOAD_TIMEOUT", "abc", "HF_HUB_DOWNLOAD_TIMEOUT can't be used"),
        ("HF_ENDPOINT", "hf-mirror.com", "HF_ENDPOINT is not a web address"),
        ("HF_ENDPOINT", "http://[1", "HF_ENDPOINT can't be used"),
        ("SSL_CERT_FILE", "/no/such/file.pem", "certificates of SSL_CERT_FILE"),
        ("ALL_PROXY", "socks://127.0.0.1:1080", "proxy of ALL_PROXY"),
        ("HF_TOKEN", "hf_schlüssel", "characters that no token has"),
    ],
)
def test_settings_that_can_t_be_used(pull: Pull, variable: str, value: str, words: str) -> None:
    result = pull("7b", **{variable: value})
    assert result.returncode == 1, result.stderr
    assert words in result.stderr


def test_a_login_page_is_not_the_hub(hub: Hub, pull: Pull) -> None:
    hub.faults.api_body = b"<html>Welcome to the hotel</html>"
    result = pull("7b")
    assert result.returncode == 1
    assert f"the server at {hub.url} is not the hub" in result.stderr


@pytest.mark.parametrize("checksum", [None, "a" * 64])
def test_a_web_page_is_no_model(hub: Hub, pull: Pull, cache: Path, checksum: str | None) -> None:
    hub.add(REPO, NAME, b"<!DOCTYPE html><title>Sign in</title>" + bytes(3 * BLOCK))
    hub.faults.linked_etag = checksum
    hub.faults.bytes_per_s = 2_000_000
    result = pull("7b")
    assert result.returncode == 1
    assert f"{NAME} is a web page saved under this name" in result.stderr
    assert "sign in" in result.stderr
    assert hub.bytes_sent < 3 * BLOCK, "it is told before all of it has come"
    assert not [*cache.rglob("*.gguf"), *cache.rglob("blobs/*")]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (bytes(1000), "is not a GGUF file"),
        (DATA[:20], "is cut short or damaged"),
        (b"GG", "ends after"),
    ],
)
def test_what_has_no_header_is_no_model(
    hub: Hub, pull: Pull, cache: Path, data: bytes, told: str
) -> None:
    hub.add(REPO, NAME, data)
    result = pull("7b")
    assert result.returncode == 1
    assert f"{NAME} {told}" in result.stderr
    assert not [*cache.rglob("*.gguf"), *cache.rglob("blobs/*")]


def test_a_hub_that_contradicts_itself(hub: Hub, pull: Pull, cache: Path) -> None:
    hub.faults.metadata = {"X-Linked-Size": "7"}
    result = pull("7b")
    assert result.returncode == 1
    assert f"two sizes, {len(DATA):,} and 7 bytes" in result.stderr
    assert not cache.exists()


@pytest.mark.parametrize("place", ["blob", "snapshot"])
def test_the_right_name_with_another_size_is_fetched(pull: Pull, cache: Path, place: str) -> None:
    blob = file_in(cache).parents[2] / "blobs" / hashlib.sha256(DATA).hexdigest()
    path = blob if place == "blob" else file_in(cache)
    path.parent.mkdir(parents=True)
    path.write_bytes(DATA[:-1])
    result = pull("7b")
    assert result.returncode == 0, result.stderr
    assert "here differs from the hub" in result.stderr
    assert arrived(cache)


@pytest.mark.parametrize(
    "name",
    ["../../evil-Q4_K_M.gguf", "a/../../Q4_K_M.gguf", "nul.Q4_K_M.gguf", "a\x1b[2J-Q4_K_M.gguf"],
)
def test_hostile_names_never_leave_the_cache(
    hub: Hub, pull: Pull, tmp_path: Path, name: str
) -> None:
    hub.add("org/evil", name, b"x" * 100)
    result = pull("hf:org/evil")
    assert result.returncode == 1
    assert "unsafe name" in result.stderr
    assert "\x1b" not in result.stderr
    assert not list(tmp_path.rglob("*Q4_K_M*"))
