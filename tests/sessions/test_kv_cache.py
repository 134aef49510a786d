"""The KV cache beside a session: restored when it is the right one, left alone when it isn't."""

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from r1local.config.paths import config_folder
from r1local.engine.load_settings import LoadSettings
from r1local.engine.model import Model
from r1local.engine.sampler import Sampler, SamplerSettings
from r1local.errors import InvalidSetting
from r1local.models.catalog import load_catalog
from r1local.sessions import kv_cache as kv
from r1local.sessions.folder import delete_session, find_session
from r1local.sessions.kv_cache import restore_state, save_state
from r1local.sessions.records import Question
from r1local.sessions.session import Session
from testing.models import smollm2

SETTINGS = LoadSettings(context_window=512, gpu_layers=0, threads=1, kv_cache="f16")
TOKENS = [random.Random(1).randrange(10, 250) for _ in range(100)]

GOING_ON = """
import json, sys
from pathlib import Path
from r1local.engine.load_settings import LoadSettings
from r1local.engine.model import Model
from r1local.engine.sampler import Sampler, SamplerSettings
from r1local.sessions.kv_cache import restore_state
path, state, tokens = sys.argv[1:]
tokens = json.loads(tokens)
with Model(Path(path), LoadSettings(512, 0, 1, "f16"), lambda: False) as model:
    restored = restore_state(model, Path(state))
    cached = model.evaluate([*tokens, 7], lambda: False)
    with Sampler(SamplerSettings(temperature=0)) as sampler:
        drawn = []
        for _ in range(16):
            drawn.append(model.sample(sampler))
            model.advance(drawn[-1])
print(json.dumps([restored, cached, drawn]))
"""


def nano_path() -> Path:
    nano = load_catalog().models["nano"].path
    assert nano
    return nano


@pytest.fixture
def nano() -> Iterator[Model]:
    """The embedded model, with some tokens evaluated."""
    with Model(nano_path(), SETTINGS, lambda: False) as model:
        model.evaluate(TOKENS, lambda: False)
        yield model


def drawn(model: Model) -> list[int]:
    """What the model goes on with after one more token."""
    model.evaluate([*TOKENS, 7], lambda: False)
    tokens = []
    with Sampler(SamplerSettings(temperature=0)) as sampler:
        for _ in range(16):
            tokens.append(model.sample(sampler))
            model.advance(tokens[-1])
    return tokens


@pytest.mark.slow
def test_a_fresh_process_goes_on_as_this_one_would(tmp_path: Path) -> None:
    state = tmp_path / "state.kv"
    with Model(smollm2(), SETTINGS, lambda: False) as model:
        model.evaluate(TOKENS, lambda: False)
        size = save_state(model, state)
        expected = drawn(model)
    assert size == state.stat().st_size > 100_000
    assert state.stat().st_mode & 0o777 == 0o600
    command = [sys.executable, "-c", GOING_ON, str(smollm2()), str(state), str(TOKENS)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert output == f"[true, {len(TOKENS)}, {expected}]\n", "nothing was evaluated again"


def test_a_longer_conversation_is_replaced_by_the_one_kept(nano: Model, tmp_path: Path) -> None:
    save_state(nano, tmp_path / "kv")
    expected = drawn(nano)
    assert nano.position > len(TOKENS)
    assert restore_state(nano, tmp_path / "kv")
    assert nano.position == len(TOKENS)
    assert drawn(nano) == expected


def test_damage_is_found_before_llama_cpp_sees_it(nano: Model, tmp_path: Path) -> None:
    path = tmp_path / "kv"
    save_state(nano, path)
    whole = path.read_bytes()
    head = whole.index(b"\n") + 1
    draw = random.Random(2)
    lengths = {0, 1, head - 1, head, head + 4, len(whole) - 33, len(whole) - 32, len(whole) - 1}
    damaged = [whole[:length] for length in lengths]
    for place in [*range(0, head, 7), *(draw.randrange(len(whole)) for _ in range(100))]:
        flipped = bytearray(whole)
        flipped[place] ^= 1 << draw.randrange(8)
        damaged.append(bytes(flipped))
    damaged += [whole + b"\n", b"[" * 70_000, b"null\n", b"{}\n", b"\x00" * 1000]
    damaged += [head_with(whole, tokens) for tokens in ("-1", "1e99", '"x"', "9" * 30)]
    for data in damaged:
        path.write_bytes(data)
        assert not restore_state(nano, path)
    assert nano.position == len(TOKENS), "the model keeps what it had"
    path.write_bytes(whole)
    assert restore_state(nano, path)


def head_with(whole: bytes, tokens: str) -> bytes:
    return whole.replace(f'"tokens": {len(TOKENS)}'.encode(), f'"tokens": {tokens}'.encode(), 1)


def test_it_is_only_restored_where_all_is_the_same(nano: Model, tmp_path: Path) -> None:
    path = tmp_path / "kv"
    save_state(nano, path)
    assert not restore_state(nano, tmp_path / "missing")
    for other in (replace(SETTINGS, context_window=1024), replace(SETTINGS, kv_cache="q8_0")):
        with Model(nano_path(), other, lambda: False) as model:
            assert not restore_state(model, path)
    copied = tmp_path / "nano.gguf"
    copied.write_bytes(nano_path().read_bytes())
    with Model(copied, SETTINGS, lambda: False) as model:
        assert not restore_state(model, path)
        save_state(model, path)
    os.utime(copied, (1, 1))  # as another file of the same name would have it
    with Model(copied, SETTINGS, lambda: False) as model:
        assert not restore_state(model, path)


def test_a_session_keeps_and_moves_and_removes_it(nano: Model) -> None:
    session = Session.create("talk")
    session.keep_state(nano)
    assert not session.path.parent.exists(), "nothing is kept of a session that is not there"
    session.append(Question("?"))
    session.keep_state(nano)
    session.rename("other")
    session.close()
    state = session.path.with_suffix(".kv")
    assert find_session("other").size == state.stat().st_size + session.path.stat().st_size
    again = Session.open("other")
    assert again.restore_state(nano)
    again.close()
    assert delete_session("other") > 100
    assert not [each for each in state.parent.rglob("*") if each.is_file()]


def test_a_copy_has_it_too(nano: Model) -> None:
    session = Session.create("talk")
    session.append(Question("?"))
    session.keep_state(nano)
    copy = Session.copy_of("talk")
    assert copy.path.with_suffix(".kv").samefile(session.path.with_suffix(".kv"))
    assert copy.restore_state(nano)
    copy.keep_state(nano)
    copy.close()
    session.close()
    assert not copy.path.with_suffix(".kv").samefile(session.path.with_suffix(".kv"))


def test_a_setting_says_how_much_is_kept(nano: Model) -> None:
    config_folder().mkdir(parents=True)
    for written, kept in (("session_kv_mib = 0", False), ("session_kv_mib = 1", True)):
        (config_folder() / "config.toml").write_text(written)
        session = Session.create()
        session.append(Question("?"))
        session.keep_state(nano)
        session.close()
        assert session.path.with_suffix(".kv").exists() == kept
    (config_folder() / "config.toml").write_text("session_kv_mib = -1")
    with pytest.raises(InvalidSetting, match="session-kv-mib -1 is out of range"):
        Session.create()


def test_there_is_a_limit_for_all_together(nano: Model, tmp_path: Path) -> None:
    size = save_state(nano, tmp_path / "measured")
    (tmp_path / "measured").unlink()
    for number in range(4):
        path = tmp_path / f"{number}.kv"
        assert kv.keep(nano, path, most=int(3.5 * size))
        os.utime(path, (number, number))
    assert sorted(each.name for each in tmp_path.iterdir()) == ["1.kv", "2.kv", "3.kv"]
    assert not kv.keep(nano, tmp_path / "3.kv", most=size // 2)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["1.kv", "2.kv"]


def test_only_kv_caches_make_room(nano: Model, tmp_path: Path) -> None:
    size = save_state(nano, tmp_path / "x.kv")
    (tmp_path / "killed.kv.new").write_bytes(bytes(size))
    session = Session.create("talk.kv", folder=tmp_path)
    session.append(Question("?"))
    assert kv.keep(nano, tmp_path / "x.kv", most=size)
    session.close()
    names = {each.name for each in tmp_path.iterdir() if each.is_file()}
    assert names == {"x.kv", "talk.kv.jsonl"}
    (tmp_path / "talk.kv.kv.new").touch()
    delete_session("talk.kv", tmp_path)
    assert [each.name for each in tmp_path.iterdir() if each.is_file()] == ["x.kv"]


def test_nothing_is_kept_where_nothing_can_be(nano: Model, tmp_path: Path) -> None:
    assert not kv.keep(nano, tmp_path / "no folder" / "kv", 2**30)
    with Model(nano_path(), SETTINGS, lambda: False) as empty:
        assert not kv.keep(empty, tmp_path / "kv", 2**30)
    os.mkfifo(tmp_path / "pipe")
    assert not kv.restore(nano, tmp_path / "pipe")
    assert [each.name for each in tmp_path.iterdir()] == ["pipe"]
