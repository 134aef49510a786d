"""The command line: arguments in, the command they ask for out.

Typer is known here and nowhere else. Each function returns what is to be done and doesn't do
it: parsing and doing fail in different ways. What a command needs is imported when it is done,
so that `--help` loads neither llama.cpp nor anything else heavy.
"""
