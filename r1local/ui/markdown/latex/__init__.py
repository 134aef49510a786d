"""LaTeX formulas as text that can be read on a terminal; `formulas` is the way in."""
