"""What tokens would have cost on somebody else's machine."""

from collections.abc import Mapping


def cost_of(price: Mapping[str, float], prompt_tokens: int, generated_tokens: int) -> float:
    """US dollars for so many tokens, thoughts being charged as output.

    Args:
        price: `input` and `output`, dollars a million tokens, as `models.toml` has them.
        prompt_tokens: of all prompts, none of them cached.
        generated_tokens: of thoughts and answers.
    """
    return (prompt_tokens * price["input"] + generated_tokens * price["output"]) / 1_000_000
