"""llama.cpp's C API, as bound by llama-cpp-python, and llama.cpp's own log.

Only the low-level module is loaded: the package's `__init__` would import numpy and the
high-level API, which aren't used and would cost a one-shot command 0.14 s.
"""

import ctypes
import importlib
import importlib.util
import re
import sys
import threading
from collections import deque
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from r1local.errors import (
    InferenceError,
    ModelLoadError,
    OutOfMemory,
    lacks_memory,
    too_little_memory,
)
from r1local.language import _

#: `enum ggml_log_level` in ggml.h.
_DEBUG, _WARN, _ERROR, _CONTINUED = 1, 3, 4, 5
#: Number of lines of llama.cpp's log kept to explain a failure.
_LOG_LINES_KEPT = 50
#: What llama_decode returns when the KV cache is full, when it was aborted, and when there is no
#: memory (llama.h).
_NO_KV_SLOT, ABORTED, _NO_MEMORY = 1, 2, -2
#: What llama.cpp and its backends log when memory runs out, and nothing else does.
_OUT_OF_MEMORY = re.compile(
    r"out of memory|bad_alloc|insufficient memory|cannot allocate|OutOfDeviceMemory"
    r"|(failed|unable|can't|could not) (to )?(re)?(allocate|reserve)",
    re.IGNORECASE,
)


class LlamaLog:
    """Receiver of llama.cpp's log, which keeps the last warnings and errors.

    Nothing is printed unless `show` is set. It is called with untrusted text, which may contain a
    model file's metadata.
    """

    def __init__(self) -> None:
        self.show: Callable[[str], None] | None = None
        self.callback: Any = None  # kept here, since llama.cpp keeps a bare pointer to it
        self._complaints: deque[tuple[int, str]] = deque(maxlen=_LOG_LINES_KEPT)
        self._level = 0

    def write(self, level: int, text: bytes | None, _user_data: object = None) -> None:
        """Receive a piece of log text; this is the callback for `llama_log_set`."""
        if level != _CONTINUED:
            self._level = level
        line = (text or b"").decode("utf-8", "replace")
        if self.show and self._level != _DEBUG:
            self.show(line)
        if self._level in (_WARN, _ERROR) and line.strip(" .\n"):
            self._complaints.append((self._level, line.strip()))

    def clear(self) -> None:
        """Forget earlier warnings and errors, before a call that may add its own."""
        self._complaints.clear()

    @property
    def out_of_memory(self) -> bool:
        """Whether a warning or error since `clear` says that memory ran out."""
        return self.mentions(_OUT_OF_MEMORY)

    def mentions(self, pattern: re.Pattern[str]) -> bool:
        """Tell whether a warning or error since `clear` has a text."""
        return any(pattern.search(line) for _level, line in self._complaints)

    def reason(self) -> str:
        """Return the first error since `clear`, since later ones only follow from it.

        If there was no error, return the first warning.
        """
        errors = [line for level, line in self._complaints if level == _ERROR]
        lines = errors or [line for _level, line in self._complaints]
        if not lines:
            return _("llama.cpp gave no reason; --verbose shows its log")
        return _("llama.cpp says: {without_function}", without_function=_without_function(lines[0]))


def _without_function(line: str) -> str:
    """Return a log line without the name of the C++ function that llama.cpp puts in front."""
    function, _colon, message = line.partition(": ")
    return message if message and " " not in function else line


log = LlamaLog()


def decode_error(code: int) -> InferenceError:
    """Return the error for a return code of llama_decode."""
    if code == _NO_KV_SLOT:
        return InferenceError(_("the context window is full"), _("choose a larger --context"))
    if code == _NO_MEMORY or log.out_of_memory:
        return OutOfMemory(
            _("memory ran out while evaluating"),
            _("{reason}; try a smaller --context or fewer --gpu-layers", reason=log.reason()),
        )
    return InferenceError(_("llama.cpp failed to evaluate (code {code})", code=code), log.reason())


def with_fields(params: Any, **values: Any) -> Any:
    """Set parameters, and refuse unknown ones, which a ctypes structure would accept silently."""
    known = {name for name, *_ in params._fields_}
    if unknown := values.keys() - known:
        raise ModelLoadError(
            _("this llama-cpp-python has no {unknown}", unknown=", ".join(sorted(unknown))),
            _("install the version that r1local needs: pip install --upgrade r1local"),
        )
    for name, value in values.items():
        setattr(params, name, value)
    return params


#: Held while the library is loaded: a second log callback would free the one that llama.cpp calls.
_LOADING = threading.RLock()


def load_llama() -> Any:
    """Load and initialise `llama_cpp.llama_cpp` once, and redirect its log to `log`.

    Raises:
        ModelLoadError: llama-cpp-python is missing or its library can't be loaded.
        OutOfMemory: there is no memory to load it.
    """
    with _LOADING:
        return _loaded()


@cache
def _loaded() -> Any:
    try:
        module = _import_low_level()
    except (ImportError, OSError, RuntimeError) as error:
        if lacks_memory(error):
            raise too_little_memory() from error
        raise ModelLoadError(
            _("llama.cpp's library can't be loaded"),
            _("the system says: {error}; look for the cause with: r1local doctor", error=error),
        ) from error
    log.callback = module.llama_log_callback(log.write)
    module.llama_log_set(log.callback, None)
    module.llama_backend_init()
    return module


@cache
def load_ggml() -> ctypes.CDLL:
    """Load the ggml library that comes with llama.cpp, for its device API."""
    module = load_llama()
    library: ctypes.CDLL = module.load_shared_library("ggml", module._base_path)
    for name, restype, argtypes in _GGML_FUNCTIONS:
        function = getattr(library, name)
        function.restype, function.argtypes = restype, argtypes
    return library


_GGML_FUNCTIONS: tuple[tuple[str, Any, list[Any]], ...] = (
    ("ggml_backend_reg_count", ctypes.c_size_t, []),
    ("ggml_backend_reg_get", ctypes.c_void_p, [ctypes.c_size_t]),
    ("ggml_backend_reg_name", ctypes.c_char_p, [ctypes.c_void_p]),
    ("ggml_backend_reg_get_proc_address", ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_char_p]),
    ("ggml_backend_buft_name", ctypes.c_char_p, [ctypes.c_void_p]),
    ("ggml_backend_dev_by_type", ctypes.c_void_p, [ctypes.c_int]),
    ("ggml_backend_dev_backend_reg", ctypes.c_void_p, [ctypes.c_void_p]),
    ("ggml_backend_dev_count", ctypes.c_size_t, []),
    ("ggml_backend_dev_get", ctypes.c_void_p, [ctypes.c_size_t]),
    ("ggml_backend_dev_type", ctypes.c_int, [ctypes.c_void_p]),
    ("ggml_backend_dev_name", ctypes.c_char_p, [ctypes.c_void_p]),
    ("ggml_backend_dev_description", ctypes.c_char_p, [ctypes.c_void_p]),
    ("ggml_backend_dev_get_props", None, [ctypes.c_void_p, ctypes.c_void_p]),
    ("ggml_backend_cpu_buffer_type", ctypes.c_void_p, []),
    ("ggml_backend_reg_by_name", ctypes.c_void_p, [ctypes.c_char_p]),
    ("ggml_backend_register", None, [ctypes.c_void_p]),
    (
        "ggml_backend_dev_memory",
        None,
        [ctypes.c_void_p, ctypes.POINTER(ctypes.c_size_t), ctypes.POINTER(ctypes.c_size_t)],
    ),
)


def versions() -> dict[str, str]:
    """Return the versions of llama-cpp-python and llama.cpp, and the backends compiled in."""
    library = load_ggml()
    names = (
        library.ggml_backend_reg_name(library.ggml_backend_reg_get(index)).decode()
        for index in range(library.ggml_backend_reg_count())
    )
    return {
        "llama-cpp-python": binding_version(),
        "llama.cpp": load_llama().llama_version().decode(),
        "backends": ", ".join(names),
    }


def binding_version() -> str:
    """Return the version of llama-cpp-python, which comes with llama.cpp; nothing is loaded."""
    from importlib.metadata import version  # takes long to import

    return version("llama-cpp-python")


def _import_low_level() -> ModuleType:
    """Import `llama_cpp.llama_cpp` under a bare parent package, then forget the parent."""
    if "llama_cpp" in sys.modules:
        return importlib.import_module("llama_cpp.llama_cpp")
    spec = importlib.util.find_spec("llama_cpp")
    if spec is None or spec.submodule_search_locations is None:
        raise ImportError(_("the package llama-cpp-python is not installed"))
    parent = ModuleType("llama_cpp")
    parent.__path__ = [str(Path(place)) for place in spec.submodule_search_locations]
    sys.modules["llama_cpp"] = parent
    try:
        return importlib.import_module("llama_cpp.llama_cpp")
    finally:
        del sys.modules["llama_cpp"]
