"""The hub's answers, which anybody may have written: parsed, or refused by name."""

import json
from contextlib import suppress
from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1local.errors import MalformedAnswer, UnsafeName
from r1local.hub import client as adapter
from r1local.hub.answers import check_name, parse_repository
from testing.loopback_hub import COMMIT, Hub
from testing.one_file_hub import DATA, located


def described(**changes: object) -> bytes:
    """A description of a repository of one file, with changes to that file."""
    file = {"rfilename": "model-Q4_K_M.gguf", "size": len(DATA), "lfs": None} | changes
    return json.dumps({"sha": COMMIT, "siblings": [file]}).encode()


class TestNames:
    @pytest.mark.parametrize(
        "name",
        [
            "",
            "..",
            "../evil.gguf",
            "a/../../evil.gguf",
            "/etc/evil.gguf",
            "a//b.gguf",
            "./a.gguf",
            "..\\evil.gguf",
            "C:evil.gguf",
            "a\x1b[2Jb.gguf",
            "a\nb.gguf",
            "a\x9bb.gguf",
            "nul",
            "CON.gguf",
            "com1.tar.gguf",
            "a/lpt9/b.gguf",
            "a.gguf.",
            "a.gguf ",
            "a" * 600,
            "a" * 251 + ".gguf",
            "あ" * 84 + ".gguf",
        ],
    )
    def test_hostile_ones_are_refused(self, hub: Hub, name: str) -> None:
        with pytest.raises(UnsafeName):
            adapter.locate("org/repo", name, "main")
        assert hub.requests == []

    @pytest.mark.parametrize("name", ["a.gguf", "Q4_K_M/model-00001-of-00002.gguf", "ｎ..v.gguf"])
    def test_others_are_not(self, name: str) -> None:
        check_name(name)

    @given(st.text(alphabet="a./\\:~ \x00COM1", max_size=12))
    def test_what_is_accepted_stays_below_its_folder(self, name: str) -> None:
        try:
            check_name(name)
        except UnsafeName:
            return
        for flavour in (PurePosixPath, PureWindowsPath):
            path = flavour("base") / name
            assert path.parts[0] == "base"
            assert ".." not in path.parts


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Log in to the hotel's network</html>",
        b"{}",
        b"[]",
        b"null",
        b'"text"',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"siblings": {}}',
        b'{"siblings": [1]}',
        b'{"siblings": [{}]}',
        b'{"siblings": [{"rfilename": 1}]}',
        b'{"siblings": [{"rfilename": "\\ud800.gguf"}]}',
        b'{"siblings": [], "sha": 1}',
        b'{"siblings": [], "sha": "../../evil"}',
        described(size="100"),
        described(size=-1),
        described(size=True),
        described(size=1.5),
        described(size=10**18),
        described(size=0).replace(b'"size": 0', b'"size": ' + b"9" * 5000),
        described(lfs=[]),
        described(lfs={"sha256": 1}),
        described(lfs={"sha256": "x" * 64}),
    ],
)
def test_an_odd_description_is_refused_by_address(hub: Hub, body: bytes) -> None:
    hub.faults.api_body = body
    with pytest.raises(MalformedAnswer) as caught:
        adapter.repository("org/repo")
    assert hub.url in caught.value.message
    assert len(caught.value.message) < 400


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["siblings", "rfilename", "size", "lfs", "sha256", "sha"]),
                inner,
            )
        ),
    )
)
def test_any_answer_is_parsed_or_refused(answer: object) -> None:
    with suppress(MalformedAnswer):
        _commit, files = parse_repository(json.dumps(answer).encode())
        assert all(file.name.encode() is not None and file.size >= 0 for file in files)


@pytest.mark.parametrize("lfs", [None, {}, {"sha256": "ab" * 32}])
def test_what_a_mirror_leaves_out_is_not_missed(hub: Hub, lfs: object) -> None:
    hub.faults.api_body = described(lfs=lfs, size=None)
    [file] = adapter.repository("org/repo").files
    assert (file.size, file.sha256) == (0, lfs.get("sha256") if isinstance(lfs, dict) else None)


@pytest.mark.parametrize("etag", ["../../evil", "a/b", "a.b", "x" * 200, "..\\evil"])
def test_a_checksum_that_is_a_path_is_refused(hub: Hub, etag: str) -> None:
    hub.faults.linked_etag = etag
    with pytest.raises(UnsafeName):
        located()
