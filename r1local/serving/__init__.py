"""OpenAI's and Ollama's protocols, spoken by us: `r1local serve`.

`openai`, `responses` and `ollama` translate, and know nothing of HTTP; `models` is the set of
loaded engines; `gateway` lets them reply; `app` and `guard` are the HTTP side, and only they know
Starlette. Which engine replies is decided in `opening`, what a vote is in `voting`.
"""
