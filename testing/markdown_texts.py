"""Markdown as models write it, and any cut into pieces."""

from itertools import pairwise

from hypothesis import strategies as st

ANSWER = """\
The sum of the first $n$ odd numbers is **$n^2$**, as *these* lines and `code` show, and more.

## Set up

1. **Odd numbers**: the k-th is \\(2k - 1\\).
2. Sum them:
   \\[
   \\sum_{k=1}^{n} (2k-1) = 2
   - b * c * d
   \\]
   which simplifies.

10. Loose item

    with a paragraph
    - nested
      - deeper **bold**

```python title="sum.py"
def odd_sum(n: int) -> int:

    return n ** 2  # not a heading
```

Before a table:
| Name | Value |
|:-----|------:|
| `n`  | 10    |
| a \\| b | 100 |

> A quote with *emphasis*
> - and a list
lazily

---
中文段落：这是一个很长的中文段落，没有空格，所以需要在任意字符之间换行，但是不能在标点之前换行。
The answer is \\(\\boxed{n^2}\\).
"""


def cut(text: str, cuts: list[int]) -> list[str]:
    edges = [0, *sorted({place % (len(text) + 1) for place in cuts}), len(text)]
    return [text[start:end] for start, end in pairwise(edges)]


MARKDOWN = st.one_of(
    st.text("ab|-*_`#>$\\[]() \n\t1.~:", max_size=200),
    st.lists(st.sampled_from(ANSWER.splitlines(keepends=True))).map("".join),
)
