"""Trying a file in a child process first, where an abort of llama.cpp can't end the program.

llama.cpp ends its whole process when one of its assertions fails, and header checks can't cover
them all for its architectures (some 130). A file for which `needs_probe` is true is therefore
loaded by a child process first: without its weights, to fail early, and then with them, to
evaluate three tokens, since some operations assert only when they are computed. Afterwards the
file's pages are in the system's cache. A file that survived is remembered, together with
llama.cpp's version.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from r1local.config.paths import state_folder
from r1local.engine.library import load_llama
from r1local.engine.limits import CONTEXT_STEP
from r1local.engine.load_settings import LoadSettings
from r1local.engine.model import Model
from r1local.errors import LoadingCancelled, ModelLoadError, R1LocalError
from r1local.gguf.check import KNOWN_ARCHITECTURES
from r1local.gguf.format import GGUFFile, shown
from r1local.language import _

if TYPE_CHECKING:
    import subprocess

#: Tokenizers of R1 and its distillations: `llama_vocab` has been tried on broken ones of these.
_KNOWN_TOKENIZERS = ("gpt2", "llama")
#: Seconds allowed for a small file, which takes 0.2 s if the machine isn't busy; and the speed
#: assumed for the slowest disk, in bytes per second.
_TIME_LIMIT_S, _SLOWEST_DISK = 60.0, 50e6
_POLL_INTERVAL_S = 0.02
#: Bytes that a child may allocate: on some broken vocabularies llama.cpp never stops allocating.
_MEMORY_LIMIT = 4 * 2**30
_LAST_WORDS, _LONGEST_REFUSAL = 64_000, 2_000
#: A text that every vocabulary must be able to tokenise.
_SAMPLE = "Hello, what is 36 + 49? ¿Qué? 你好\n"


def needs_probe(gguf: GGUFFile) -> bool:
    """Tell whether a file is of a kind that the header checks don't cover well.

    They cover R1's family.
    """
    tokenizer = gguf.text("tokenizer.ggml.model")
    return gguf.architecture not in KNOWN_ARCHITECTURES or tokenizer not in _KNOWN_TOKENIZERS


def probe(gguf: GGUFFile, threads: int, cancelled: Callable[[], bool]) -> None:
    """Check that llama.cpp survives loading and evaluating a file, unless that is known.

    Args:
        gguf: the whole file, with its header checked.
        threads: CPU threads to compute with.
        cancelled: called meanwhile; True stops the child process.

    Raises:
        ModelLoadError: llama.cpp refuses the file, crashes, or hangs.
        LoadingCancelled: `cancelled` returned True.
    """
    marker = _marker_of(gguf)
    if marker.exists():
        return
    _load_in_child(gguf, threads, cancelled)
    with suppress(OSError):  # without the marker, the next load tries the file again
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.touch()


def _marker_of(gguf: GGUFFile) -> Path:
    """Return the path of the empty file that marks a model as having survived."""
    import hashlib

    files = [(os.fspath(part.resolve()), part.stat()) for part in gguf.parts]
    identity = [(path, status.st_size, status.st_mtime_ns) for path, status in files]
    text = json.dumps([load_llama().llama_version().decode(), identity])
    name = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return state_folder() / "survived" / name


def _load_in_child(gguf: GGUFFile, threads: int, cancelled: Callable[[], bool]) -> None:
    import subprocess
    import tempfile

    # -P: no file in the current folder can be mistaken for a module.
    command = [sys.executable, "-P", "-m", __spec__.name, os.fspath(gguf.path), str(threads)]
    # Without GPUs: their drivers start slowly and reserve more address space than there is memory.
    hidden = {"CUDA_VISIBLE_DEVICES": "", "HIP_VISIBLE_DEVICES": "", "GGML_NO_BACKTRACE": "1"}
    seconds = _TIME_LIMIT_S + gguf.model_size / _SLOWEST_DISK
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            env=os.environ | hidden,
        )
        try:
            ended = _wait(child, seconds, cancelled)
        finally:
            child.kill()
            child.wait()
        if child.returncode != 0:
            raise _died(gguf.path, "crashes" if ended else "hangs", _tail(errors))
        if refusal := json.loads(_tail(output).splitlines()[-1]):
            raise ModelLoadError(*refusal)


def _wait(child: "subprocess.Popen[bytes]", seconds: float, cancelled: Callable[[], bool]) -> bool:
    """Wait for a child process; return whether it ended in time."""
    deadline = time.monotonic() + seconds
    while child.poll() is None and time.monotonic() < deadline and not cancelled():
        time.sleep(_POLL_INTERVAL_S)
    if cancelled():  # Ctrl-C reaches the child as well
        raise LoadingCancelled
    return child.returncode is not None


def _tail(file: IO[bytes]) -> str:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _LAST_WORDS))
    return file.read().decode("utf-8", "replace")


def _died(path: Path, what: str, errors: str) -> ModelLoadError:
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    # "/path/of/the/build/src/llama-model.cpp:1420: GGML_ASSERT(…) failed"
    reason = next((line[line.index("GGML_") :] for line in lines if "GGML_" in line), "")
    return ModelLoadError(
        _("llama.cpp {what} on {path} (tried in a separate process)", what=what, path=shown(path)),
        (_("it says: {reason}; ", reason=reason) if reason else "")
        + _(
            "the file is damaged, or of a kind that llama.cpp doesn't support: choose another "
            "file of the model"
        ),
    )


def _try(path: Path, threads: int) -> list[str]:
    """Use a file as a reply would; return an error's message and hint, or an empty list."""
    with suppress(R1LocalError):
        _use(path, threads, weights=False)
    try:
        _use(path, threads, weights=True)
    except R1LocalError as error:
        return [error.message[:_LONGEST_REFUSAL], error.hint[:_LONGEST_REFUSAL]]
    return []


def _use(path: Path, threads: int, *, weights: bool) -> None:
    settings = LoadSettings(CONTEXT_STEP, 0, threads, "f16", weights=weights, repack=False)
    with Model(path, settings, lambda: False) as model:
        tokens = model.vocabulary.tokenise([_SAMPLE])
        for token in tokens:
            model.vocabulary.piece(token)
        if weights:  # evaluate several tokens at once, and then a single one
            model.evaluate(tokens[:2] or [0], lambda: False)
            model.advance(*tokens[-1:])


def _limit_resources() -> None:
    with suppress(ImportError, OSError, ValueError):  # Windows has no limits, macOS obeys few
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY_LIMIT, _MEMORY_LIMIT))


if __name__ == "__main__":
    _limit_resources()
    print(json.dumps(_try(Path(sys.argv[1]), int(sys.argv[2]))))
