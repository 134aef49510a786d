"""`python -m r1local`, and the `r1local` command."""

TYPE_CHECKING = False  # `typing` takes a moment, in which Ctrl-C would end in a traceback
if TYPE_CHECKING:
    from r1local.config.theme import Theme

#: Set by the completion scripts of versions that had Typer's, which would get a chat for an answer.
_OLD_COMPLETION = "_R1LOCAL_COMPLETE"
#: How many more objects there have to be before Python looks for garbage among them. It does so
#: from 700 on by itself, which takes 6 % of a command's start and finds nothing: modules stay.
_OBJECTS_TO_SEARCH = 50_000


def main() -> None:
    """Run the command line."""
    from r1local.cli.ctrl_c import end_at_ctrl_c

    end_at_ctrl_c()  # before all else is imported
    import gc

    from r1local.cli.error_handler import run_and_leave
    from r1local.ui.streams import prepare_streams

    gc.set_threshold(_OBJECTS_TO_SEARCH)
    prepare_streams()
    run_and_leave(_run_command)


def _run_command() -> int:
    import os
    import sys

    from r1local import language
    from r1local.cli.ctrl_c import raise_at_ctrl_c
    from r1local.config.language import wanted_language

    language.use(wanted_language())
    arguments = sys.argv[1:]
    if arguments[:1] in (["-h"], ["--help"]):
        from r1local.cli.overview import print_overview

        return print_overview()
    if _OLD_COMPLETION in os.environ:
        return 0
    if arguments[:1] == ["__complete"]:
        from r1local.cli.completing import print_completions

        return print_completions(arguments[1:])
    from r1local.cli.plain import plain_command  # within the boundary: it loads a lot
    from r1local.cli.variables import warn_of_unknown_variables

    command = plain_command(arguments)
    if command is None:
        from r1local.cli.parser import parse_arguments

        command = parse_arguments()
    from r1local.ui.appearance import theme_from  # `--help` has left by now

    theme_from(_theme)
    warn_of_unknown_variables()
    raise_at_ctrl_c()
    return command()


def _theme() -> "Theme":
    """Return the user's theme; without a config.toml, no time is spent on importing its reader."""
    from r1local.config.paths import config_file, is_missing
    from r1local.config.theme import built_in_theme

    if is_missing(config_file()):
        return built_in_theme()
    from r1local.config.preferences import read_config

    return read_config().theme


if __name__ == "__main__":
    main()
