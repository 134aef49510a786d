"""GPUs' bandwidths by the names that drivers report."""

import pytest

from r1local.machine.bandwidths import gpu_bandwidth


@pytest.mark.parametrize(
    ("name", "gb_per_second"),
    [
        ("NVIDIA GeForce RTX 4090", 1008),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", 576),
        ("NVIDIA GeForce RTX 4070 Ti SUPER", 672),
        ("NVIDIA RTX A6000", 768),
        ("NVIDIA RTX 6000 Ada Generation", 960),
        ("NVIDIA RTX PRO 6000 Blackwell Workstation Edition", 1792),
        ("NVIDIA H100 80GB HBM3", 3350),
        ("NVIDIA H100 PCIe", 2000),
        ("NVIDIA A100-SXM4-80GB", 2039),
        ("NVIDIA A100-SXM4-40GB", 1555),
        ("NVIDIA GH200 480GB", 4000),
        ("Tesla T4", 320),
        ("AMD Radeon RX 7900 XTX (RADV NAVI31)", 960),
        ("AMD Radeon RX 7900 XT", 800),
        ("AMD Radeon PRO W7900", 864),
        ("AMD Instinct MI300X", 5300),
        ("Radeon 8060S Graphics (RADV GFX1151)", 256),
        ("Intel(R) Arc(TM) A770 Graphics", 560),
        ("Intel(R) Arc(TM) B580 Graphics (BMG G21)", 456),
        ("Intel(R) Data Center GPU Max 1550", 3277),
        ("Apple M2", 100),
        ("Apple M2 Pro", 200),
        ("Apple M3 Ultra", 819),
    ],
)
def test_bandwidth_goes_by_the_name(name: str, gb_per_second: float) -> None:
    assert gpu_bandwidth(name) == gb_per_second * 1e9


@pytest.mark.parametrize(
    "name", ["Apple M22", "Some GPU", "RTX", "", "GeForce RTX 40900", "192.168.1.4:50052"]
)
def test_a_name_that_only_resembles_a_known_one_is_unknown(name: str) -> None:
    assert gpu_bandwidth(name) is None
