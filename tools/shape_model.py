"""Write a GGUF file of R1-Distill-Qwen-7B's shape, with noise for weights.

    python -m tools.shape_model OUT [--header FILE]

The header is the real one in Q4_K_M. The blocks are random with small scales, so that everything
is computed as usual: speed and memory are those of the model, and the text is noise.
"""

import argparse
import random
import struct
from pathlib import Path

from r1local.gguf.file import GGMLType, read_header
from testing.models import r1_header

#: Blocks that are drawn for each type; larger tensors repeat them.
_BLOCKS = 4_096


def write_shape(header: Path, out: Path) -> None:
    """Write a file with a model's header and noise for its tensors."""
    gguf = read_header(header)
    noise: dict[str, bytes] = {}
    with header.open("rb") as source, out.open("wb") as file:
        file.write(source.read(gguf.data_offset).ljust(gguf.data_offset, b"\0"))
        for tensor in gguf.tensors:
            kind = tensor.type
            pattern = noise.get(kind.name) or noise.setdefault(kind.name, _noise(kind))
            if "norm" in tensor.name:
                pattern = struct.pack("<f", 1.0)
            file.seek(gguf.data_offset + tensor.offset)
            whole, rest = divmod(tensor.size, len(pattern))
            for _ in range(whole):
                file.write(pattern)
            file.write(pattern[:rest])


def _noise(kind: GGMLType) -> bytes:
    """Return random blocks of a type, whose scales are small numbers in f16."""
    drawn = random.Random(kind.name)
    if kind.name == "F32":
        return struct.pack(f"<{_BLOCKS}f", *(drawn.gauss(0, 0.02) for _ in range(_BLOCKS)))
    size = kind.block_bytes
    blocks = bytearray(drawn.randbytes(_BLOCKS * size))
    # Q4_K begins with a scale and a minimum, Q6_K ends with a scale (ggml-common.h).
    place, scales = {
        "Q4_K": (0, struct.pack("<2e", 0.0006, 0.0045)),
        "Q6_K": (208, struct.pack("<e", 0.00003)),
    }[kind.name]
    for number in range(_BLOCKS):
        start = number * size + place
        blocks[start : start + len(scales)] = scales
    return bytes(blocks)


def main() -> None:
    """Write the file that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--header", type=Path)
    arguments = parser.parse_args()
    write_shape(arguments.header or r1_header(), arguments.out)


if __name__ == "__main__":
    main()
