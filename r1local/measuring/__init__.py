"""How fast models run here: benchmarks, the figures that are kept, and what settings are worth.

What a model is expected to do before it was measured is arithmetic and in `machine.speed`.
"""
