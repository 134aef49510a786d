"""The command line: arguments go in, the command they ask for comes out.

Only this package knows Typer. Each function returns the command to run and doesn't run it, because
parsing and running fail in different ways. What a command needs is imported when the command runs,
so that `--help` loads neither llama.cpp nor anything else heavy.
"""
