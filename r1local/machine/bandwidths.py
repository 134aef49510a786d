"""How fast GPUs read their memory: what their makers publish, by the names that GPUs report.

Figures are the peak bandwidths of the makers' specification pages, in GB/s (10^9 bytes a second):
NVIDIA's GeForce and RTX comparison pages and data sheets of data-centre GPUs, AMD's product
pages of Radeon and Instinct, Intel's ARK for Arc and Data Center GPU Max, Apple's technical
specifications of Macs. Where one name was sold with different memories, the more common one counts,
and of Apple's Max chips the one with fewer cores. Laptops' GPUs are known by "Laptop GPU".
"""

import re

#: GB/s by part of a name. Of the keys that occur in a name as whole words, the longest counts.
_GB_PER_SECOND: dict[str, float] = {
    # NVIDIA GeForce, Turing to Blackwell
    "GTX 1650": 128, "GTX 1650 SUPER": 192, "GTX 1660": 192, "GTX 1660 SUPER": 336,
    "GTX 1660 Ti": 288, "RTX 2060": 336, "RTX 2060 SUPER": 448, "RTX 2070": 448,
    "RTX 2070 SUPER": 448, "RTX 2080": 448, "RTX 2080 SUPER": 496, "RTX 2080 Ti": 616,
    "TITAN RTX": 672,
    "RTX 3050": 224, "RTX 3060": 360, "RTX 3060 Ti": 448, "RTX 3070": 448, "RTX 3070 Ti": 608,
    "RTX 3080": 760, "RTX 3080 Ti": 912, "RTX 3090": 936, "RTX 3090 Ti": 1008,
    "RTX 4060": 272, "RTX 4060 Ti": 288, "RTX 4070": 504, "RTX 4070 SUPER": 504,
    "RTX 4070 Ti": 504, "RTX 4070 Ti SUPER": 672, "RTX 4080": 717, "RTX 4080 SUPER": 736,
    "RTX 4090 D": 1008, "RTX 4090": 1008,
    "RTX 5050": 320, "RTX 5060": 448, "RTX 5060 Ti": 448, "RTX 5070": 672, "RTX 5070 Ti": 896,
    "RTX 5080": 960, "RTX 5090 D": 1792, "RTX 5090": 1792,
    # Laptops have the same names with other memory
    "RTX 3050 Laptop GPU": 168, "RTX 3050 Ti Laptop GPU": 192, "RTX 3060 Laptop GPU": 336,
    "RTX 3070 Laptop GPU": 448, "RTX 3070 Ti Laptop GPU": 448, "RTX 3080 Laptop GPU": 448,
    "RTX 3080 Ti Laptop GPU": 512, "RTX 4050 Laptop GPU": 192, "RTX 4060 Laptop GPU": 256,
    "RTX 4070 Laptop GPU": 256, "RTX 4080 Laptop GPU": 432, "RTX 4090 Laptop GPU": 576,
    "RTX 5050 Laptop GPU": 384, "RTX 5060 Laptop GPU": 384, "RTX 5070 Laptop GPU": 384,
    "RTX 5070 Ti Laptop GPU": 672, "RTX 5080 Laptop GPU": 896, "RTX 5090 Laptop GPU": 896,
    # NVIDIA workstations
    "RTX A2000": 288, "RTX A4000": 448, "RTX A4500": 640, "RTX A5000": 768, "RTX A5500": 768,
    "RTX A6000": 768, "RTX 2000 Ada Generation": 224, "RTX 4000 Ada Generation": 360,
    "RTX 4000 SFF Ada Generation": 280, "RTX 4500 Ada Generation": 432,
    "RTX 5000 Ada Generation": 576, "RTX 6000 Ada Generation": 960,
    "RTX PRO 2000 Blackwell": 288, "RTX PRO 4000 Blackwell": 672, "RTX PRO 4500 Blackwell": 896,
    "RTX PRO 5000 Blackwell": 1344, "RTX PRO 6000 Blackwell": 1792,
    "RTX PRO 6000 Blackwell Server Edition": 1597,
    # NVIDIA data centres and small machines
    "P100": 732, "P40": 346, "V100": 900, "T4": 320, "A2": 200, "A10": 600, "A10G": 600,
    "A16": 200, "A30": 933, "A40": 696, "A100": 1555, "A100 80GB": 1935, "A100-SXM4-80GB": 2039,
    "A800": 1555, "L4": 300, "L40": 864, "L40S": 864, "H100 PCIe": 2000, "H100 NVL": 3900,
    "H100": 3350, "H800": 3350, "H20": 4000, "H200": 4800, "GH200": 4000, "B200": 8000,
    "GB200": 8000, "B300": 8000, "GB300": 8000, "GB10": 273, "Thor": 273,
    # AMD Radeon, RDNA 2 to 4
    "RX 6600": 224, "RX 6600 XT": 256, "RX 6650 XT": 280, "RX 6700": 320, "RX 6700 XT": 384,
    "RX 6750 XT": 432, "RX 6800": 512, "RX 6800 XT": 512, "RX 6900 XT": 512, "RX 6950 XT": 576,
    "RX 7600": 288, "RX 7600 XT": 288, "RX 7700 XT": 432, "RX 7800 XT": 624, "RX 7900 GRE": 576,
    "RX 7900 XT": 800, "RX 7900 XTX": 960, "RX 9060 XT": 320, "RX 9070": 640, "RX 9070 XT": 640,
    "RX 9070 GRE": 432,
    # AMD workstations, data centres, and processors with wide memory
    "PRO W6600": 224, "PRO W6800": 512, "PRO W7500": 172, "PRO W7600": 288, "PRO W7700": 576,
    "PRO W7800": 576, "PRO W7900": 864, "AI PRO R9700": 640, "MI50": 1024, "MI60": 1024,
    "MI100": 1228, "MI210": 1638, "MI250": 3276, "MI250X": 3276, "MI300A": 5300, "MI300X": 5300,
    "MI308X": 5300, "MI325X": 6000, "MI350X": 8000, "MI355X": 8000,
    "Radeon 8060S": 256, "Radeon 8050S": 256,
    # Intel Arc, Alchemist and Battlemage, and data centres
    "Arc A310": 124, "Arc A380": 186, "Arc A580": 512, "Arc A750": 512, "Arc A770": 560,
    "Arc B570": 380, "Arc B580": 456, "Arc Pro A60": 384, "Arc Pro B50": 224, "Arc Pro B60": 456,
    "GPU Flex 170": 576, "GPU Max 1100": 1229, "GPU Max 1550": 3277,
    # Apple
    "Apple M1": 68, "Apple M1 Pro": 200, "Apple M1 Max": 400, "Apple M1 Ultra": 800,
    "Apple M2": 100, "Apple M2 Pro": 200, "Apple M2 Max": 400, "Apple M2 Ultra": 800,
    "Apple M3": 100, "Apple M3 Pro": 150, "Apple M3 Max": 300, "Apple M3 Ultra": 819,
    "Apple M4": 120, "Apple M4 Pro": 273, "Apple M4 Max": 410, "Apple M5": 153,
}  # fmt: skip
#: What makers and drivers write around and between the words: "(R)", "(TM)", "_", "-".
_MARKS = re.compile(r"(\((r|tm|c)\)|[^a-z0-9])+")


def gpu_bandwidth(name: str) -> float | None:
    """Return the bytes per second of a GPU's memory by the name it reports; None if unknown."""
    words = f" {_plain(name)} "
    known = [chip for chip in _PLAIN if f" {chip} " in words]
    return _PLAIN[max(known, key=len)] * 1e9 if known else None


def _plain(name: str) -> str:
    """Return a name in lower case, with one space between words and without trade marks."""
    return _MARKS.sub(" ", name.lower()).strip()


_PLAIN = {_plain(chip): speed for chip, speed in _GB_PER_SECOND.items()}
