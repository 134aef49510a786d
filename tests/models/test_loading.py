"""Loading: what memory and options decide, and what the user is told of it. Real models."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from r1local.config.preferences import Setting
from r1local.engine.contexts import FlashStart
from r1local.engine.library import decode_error
from r1local.engine.load_settings import LoadSettings
from r1local.engine.model import Model
from r1local.engine.sampler import SamplerSettings
from r1local.errors import ChatTemplateError, InvalidSetting, LoadingCancelled, ModelLoadError
from r1local.events.reply import AnswerDelta
from r1local.gguf.file import read_gguf
from r1local.machine.calibration import PLAIN, Calibration, find, keep
from r1local.machine.memory import Machine, facts_of, kv_cache_bytes, memory_bytes
from r1local.models import loading
from r1local.models.loading import LoadOptions, load, load_options, recalibrate
from r1local.replies.settings import ReplySettings
from testing.command import Scripted
from testing.models import BROKEN_FILES, CONSTANT_TEMPLATE, CONTROL, smollm2
from testing.replies import HI, events_of, loaded, never, text_of
from tools.nano.evaluate import SHIPPED


def test_refused_model_frees_everything(tmp_path: Path) -> None:
    path = BROKEN_FILES["unknown architecture"](tmp_path / "new.gguf")
    for _ in range(3):
        with pytest.raises(ModelLoadError, match="can't load"):
            load(path, LoadOptions(), never)


def test_loading_can_be_cancelled(scripted: Scripted) -> None:
    with pytest.raises(LoadingCancelled):
        load(scripted("x"), LoadOptions(), lambda: True)


@pytest.mark.slow
@pytest.mark.parametrize("kv_cache", ["f16", "q8_0", "q4_0"])
def test_kv_cache_types(kv_cache: str) -> None:
    with loaded(smollm2(), context=512, kv_cache=kv_cache) as model:
        settings = ReplySettings(SamplerSettings(temperature=0), max_tokens=8)
        assert text_of(events_of(model, HI, settings), AnswerDelta)


def test_context_window_is_the_trained_one_up_to_the_default(scripted: Scripted) -> None:
    with loaded(scripted("x", context_length=1024)) as model:
        assert model.model.context_window == 1024
        assert model.notices == ()


def test_context_is_reduced_to_what_memory_holds_and_says_so(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = scripted("x", context_length=16384)
    monkeypatch.setattr("r1local.machine.hardware.available_memory", lambda: 10 * 2**20)
    with loaded(path) as model:
        assert 512 <= model.model.context_window < 16384
    (notice,) = model.notices
    assert notice.kind == "context"
    assert f"{model.model.context_window:,}" in notice.message
    assert "16,384" in notice.message


def test_context_beyond_the_trained_length_is_noticed() -> None:
    with loaded(smollm2(), context=9000) as model:
        assert model.model.context_window >= 9000
    assert "8,192" in model.notices[0].message


def test_context_beyond_the_positions_a_model_has_is_refused(scripted: Scripted) -> None:
    # llama.cpp would end the process when a reply got there.
    path = scripted("x", context_length=512)
    with pytest.raises(InvalidSetting, match="1,024"):
        load(path, LoadOptions(context=1024), never)


def test_context_that_memory_cannot_hold_is_refused(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = scripted("x", context_length=16384)
    monkeypatch.setattr("r1local.machine.hardware.available_memory", lambda: 10 * 2**20)
    with pytest.raises(InvalidSetting, match="16,384"):
        load(path, LoadOptions(context=16384), never)


def test_model_that_has_to_be_read_from_the_disk_again_is_noticed(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = scripted("x", context_length=512)
    monkeypatch.setattr("r1local.machine.hardware.available_memory", lambda: int(2.2 * 2**20))
    with loaded(path, context=512) as model:
        assert "disk" in model.notices[0].message


def test_offload_without_a_gpu_is_noticed(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("r1local.models.loading.survey_machine", lambda: Machine(memory=2**33))
    with loaded(scripted("x"), gpu_layers=5) as model:
        assert [notice.kind for notice in model.notices] == ["offload"]


_IN_LITTLE_MEMORY = """
import resource, sys
from pathlib import Path
from psutil import Process
from r1local.engine.library import load_llama
from r1local.machine import hardware
from r1local.models.loading import LoadOptions, load
from r1local.replies.control import Control
from testing.replies import generate
from r1local.replies.settings import ReplySettings
from r1local.conversation import Message

hardware.available_memory = lambda: 2**40  # what is planned with; what there is, is less
path, room = Path(sys.argv[1]), int(sys.argv[2]) * 2**20
load_llama()
resource.setrlimit(resource.RLIMIT_AS, (Process().memory_info().vms + room,) * 2)
options = LoadOptions(context=8192, threads=1)
loaded = load(path, options, lambda: False)
print(loaded.model.context_window, loaded.notices[0].message)
settings = ReplySettings(max_tokens=4)
print(len(list(generate(loaded, [Message("user", "hi")], settings, Control()))))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="limits that Linux keeps")
def test_less_memory_than_planned_halves_the_context() -> None:
    keep(read_gguf(smollm2()), 1, PLAIN)  # nothing is measured in so little memory
    command = [sys.executable, "-c", _IN_LITTLE_MEMORY, str(smollm2())]
    done = subprocess.run([*command, "540"], capture_output=True, text=True, check=True)
    said, events = done.stdout.splitlines()
    assert said.startswith("4096 llama.cpp can't make room for a context of 8,192 tokens")
    assert said.endswith("it is loaded with a context of 4,096 tokens on the CPU")
    assert int(events) > 0
    failed = subprocess.run([*command, "280"], capture_output=True, text=True, check=False)
    assert "OutOfMemory: llama.cpp can't make room for a context of 4,096" in failed.stderr


def test_a_gpu_whose_memory_ends_at_the_first_token_gets_fewer_layers(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine(memory=2**33, gpus=(2**33,))
    monkeypatch.setattr("r1local.models.loading.survey_machine", lambda: machine)
    evaluate, failures = Model.evaluate, [-2]

    def scarce(model: Model, tokens: Sequence[int], cancelled: Callable[[], bool]) -> int | None:
        if failures:
            raise decode_error(failures.pop())
        return evaluate(model, tokens, cancelled)

    monkeypatch.setattr(Model, "evaluate", scarce)
    with loaded(scripted("x</think>y")) as model:
        assert text_of(events_of(model), AnswerDelta) == "y"
    notice = model.notices[0]
    assert notice.kind == "offload"
    assert notice.message.startswith(
        "memory ran out while evaluating with 2 of 2 layers on the GPU"
    )
    assert "it is loaded with" in notice.message


@pytest.mark.parametrize(
    ("gpus", "gpu_layers"),
    [((), 0), ((2**10,), 0), ((2**33,), -1)],
    ids=["none", "full", "free"],
)
def test_auto_offloads_what_fits(
    gpus: tuple[int, ...],
    gpu_layers: int,
    scripted: Scripted,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[int] = []

    def spy(path: Path, settings: LoadSettings, cancelled: Callable[[], bool]) -> Model:
        seen.append(settings.gpu_layers)
        return Model(path, settings, cancelled)

    monkeypatch.setattr("r1local.models.loading.Model", spy)
    machine = Machine(memory=2**33, gpus=gpus)
    monkeypatch.setattr("r1local.models.loading.survey_machine", lambda: machine)
    with loaded(scripted("x")):
        assert seen == [gpu_layers]


def test_a_file_without_a_template_needs_one(scripted: Scripted, tmp_path: Path) -> None:
    path = scripted("x</think>y", chat_template=None)
    with pytest.raises(ChatTemplateError, match="no chat template") as caught:
        load(path, LoadOptions(), never)
    assert caught.value.hint == "give one with --chat-template FILE"
    template = tmp_path / "template.jinja"
    template.write_text(CONSTANT_TEMPLATE)
    with loaded(path, chat_template=template) as model:
        assert text_of(events_of(model), AnswerDelta) == "y"


def test_a_template_that_is_none_leaves_nothing_loaded(scripted: Scripted) -> None:
    path = scripted("x", chat_template="{% if %}")
    for _ in range(3):
        with pytest.raises(ChatTemplateError, match="can't be used"):
            load(path, LoadOptions(), never)


def test_an_argument_that_no_template_reads_is_noticed(scripted: Scripted) -> None:
    template = CONSTANT_TEMPLATE + "{% if known %}{% endif %}"
    arguments = {"known": True, "unknown": 1}
    with loaded(scripted("x", chat_template=template), template_arguments=arguments) as model:
        (notice,) = model.notices
    assert notice.kind == "template" and "no variable unknown:" in notice.message


def test_a_tag_that_nobody_knows_is_shown_in_part(scripted: Scripted) -> None:
    tag = f"<|think-{'x' * 100}|>"
    with loaded(scripted("x", tags={tag: CONTROL}, chat_template="{{ bos_token }}")) as model:
        (notice,) = model.notices
    assert notice.kind == "thinking" and tag[:40] in notice.message and tag not in notice.message


def test_details_are_the_quantization_and_the_place(scripted: Scripted) -> None:
    with loaded(scripted("x", metadata={"general.file_type": 1}), gpu_layers=0) as model:
        assert model.details == "F16 · CPU"
        assert model.load_s > 0


@pytest.mark.parametrize("options", [{"context": -1}, {"gpu_layers": -2}, {"threads": 0}], ids=str)
def test_options_have_ranges(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidSetting):
        LoadOptions(**options)


def test_options_come_from_the_settings_in_force() -> None:
    chosen = {"context": Setting(4096, "--context"), "temperature": Setting(0.5, "config.toml")}
    assert load_options(chosen) == LoadOptions(context=4096)


@pytest.fixture
def settings_seen(monkeypatch: pytest.MonkeyPatch) -> list[LoadSettings]:
    """The settings of each context that is opened for replies, in order."""
    seen: list[LoadSettings] = []

    def spy(path: Path, settings: LoadSettings, cancelled: Callable[[], bool]) -> Model:
        seen.append(settings)
        return Model(path, settings, cancelled)

    monkeypatch.setattr("r1local.models.loading.Model", spy)
    return seen


def test_a_model_is_measured_when_it_is_first_used(settings_seen: list[LoadSettings]) -> None:
    with loaded(SHIPPED) as model:
        assert model.model.context_window == model.model.kv_tokens == 4096
    first, measured = settings_seen
    assert (first.context_window, measured.context_window) == (256, 4096)
    with loaded(SHIPPED):
        pass
    assert settings_seen == [first, measured, measured]


DECIDED = Calibration(416, True, 64, 16, 3, 5)


@pytest.mark.parametrize(
    ("decided", "options", "expected"),
    [
        (DECIDED, {}, (False, 16, FlashStart(416, 4096, 64), 3, 5)),
        (DECIDED, {"threads": 2}, (False, 16, FlashStart(416, 4096, 64), 2, 2)),
        (DECIDED, {"prompt_threads": 1}, (False, 16, FlashStart(416, 4096, 64), 3, 1)),
        (DECIDED, {"kv_cache": "q8_0"}, (True, 512, None, 3, 5)),
        (replace(DECIDED, flash_prompts=False), {}, (False, 16, FlashStart(416, 416, 64), 3, 5)),
        (replace(DECIDED, flash_until=0), {}, (False, 16, FlashStart(0, 4096, 64), 3, 5)),
        (replace(DECIDED, flash_until=2**17), {}, (True, 64, None, 3, 5)),
        (replace(PLAIN, threads=1), {}, (False, 48, None, 1, None)),
    ],
)
def test_what_was_decided_is_used(
    decided: Calibration,
    options: dict[str, Any],
    expected: tuple[object, ...],
    settings_seen: list[LoadSettings],
) -> None:
    keep(read_gguf(SHIPPED), 1, decided)
    with loaded(SHIPPED, **options):
        pass
    (seen,) = settings_seen
    assert expected == (
        seen.flash_attention,
        seen.micro_batch,
        seen.flash_start,
        seen.threads,
        seen.prompt_threads,
    )


def test_flash_attention_ends_where_memory_has_no_room_to_pass_on(
    settings_seen: list[LoadSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(read_gguf(SHIPPED), 1, DECIDED)
    facts = facts_of(read_gguf(SHIPPED))
    machine = Machine(memory_bytes(facts, 4096) + kv_cache_bytes(facts, 300))
    monkeypatch.setattr("r1local.models.loading.survey_machine", lambda: machine)
    with loaded(SHIPPED):
        pass
    assert [each.flash_start for each in settings_seen] == [FlashStart(256, 256, 64)]


def test_a_model_is_not_measured_where_that_takes_long(
    settings_seen: list[LoadSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "_QUICK", 1_000_000)
    with loaded(SHIPPED):
        pass
    assert len(settings_seen) == 1
    assert find(read_gguf(SHIPPED), 1) is None
    decided = recalibrate(SHIPPED, LoadOptions(), lambda: False)
    assert decided == find(read_gguf(SHIPPED), 1)
    assert decided
    assert decided.threads


def test_nothing_is_measured_where_there_is_no_choice() -> None:
    assert recalibrate(SHIPPED, LoadOptions(kv_cache="q8_0"), lambda: False) is None
