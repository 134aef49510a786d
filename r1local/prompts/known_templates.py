"""Chat templates that were read and found harmless, so they need no process of their own."""

#: SHA-256 of their sources.
KNOWN_TEMPLATES = frozenset(
    {
        # nano's.
        "ea72d01d9c8f21e88242181cf396fc9a3d9a35fa6c0477bd17ab7ae63ef05c14",
        # DeepSeek-R1 and its distills: the template of January 2025, and the later one, which
        # opens the thought itself.
        "b6835114b7303ddd78919a82e4d9f7d8c26ed0d7dfc36beeb12d524f6144eab1",
        "56a1447ad31926fdc21fb07e56e5642bd9c850c4f52d8c8af7bbe5f079a84f5f",
    }
)
