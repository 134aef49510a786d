"""The GGUF files below a folder, whatever else lies there."""

import os
from pathlib import Path

import pytest

from r1local.models.store.installed import gguf_files, last_use, quantization_in, stored_file
from testing.homes import Homes


def test_files_are_listed_by_name_and_links_are_followed(tmp_path: Path) -> None:
    for name in ("b/z.gguf", "b/A.GGUF", "a/m.gguf", "m.bin"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "link.gguf").symlink_to("a/m.gguf")
    files = list(gguf_files(tmp_path))
    assert [file.name for file in files] == ["link.gguf", "a/m.gguf", "b/A.GGUF", "b/z.gguf"]
    assert files[0].target == files[1].target == (tmp_path / "a/m.gguf").resolve()
    assert files[0].size == len("a/m.gguf")


def test_what_is_no_file_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "folder.gguf").mkdir()
    (tmp_path / "broken.gguf").symlink_to("nowhere")
    (tmp_path / "circle.gguf").symlink_to("circle.gguf")
    os.mkfifo(tmp_path / "pipe.gguf")
    assert list(gguf_files(tmp_path)) == []
    assert stored_file(tmp_path / "a\0b.gguf", "a") is None


@pytest.mark.parametrize(
    ("name", "quantization"), [("m-Q8_0.gguf", "Q8_0"), ("model.gguf", "Q4_K_M")]
)
def test_a_quantization_is_that_of_the_name_else_of_the_header(
    homes: Homes, name: str, quantization: str
) -> None:
    path = homes.in_lm_studio(name, homes.data(general__file_type=15))  # MOSTLY_Q4_K_M
    file = stored_file(path, name)
    assert file is not None and quantization_in(file) == quantization


def test_the_last_use_is_the_latest_of_any_part(tmp_path: Path) -> None:
    for number in (1, 2):
        path = tmp_path / f"{number}.gguf"
        path.touch()
        os.utime(path, (number * 1000, 500))
    assert last_use(gguf_files(tmp_path)) == 2000
    assert last_use([]) == 0
