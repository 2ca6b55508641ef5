"""The program `earprint`."""

import sys

import typer

from cli import library, live, tracks
from core.errors import EarprintError

COMMANDS = (
    *(live.serve, tracks.add, tracks.identify, live.listen),
    *(tracks.tracks, tracks.remove, tracks.restore),
    *(library.stats, library.rebuild, library.check, library.backup),
)

app = typer.Typer(
    help="Earprint listens and names what is playing.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in COMMANDS:
    app.command()(command)


def main() -> None:
    """Run the console script: a fault of the input is one line on stderr, a bug of ours keeps its traceback."""
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a file name need not be text
    try:
        app(prog_name="earprint")
    except EarprintError as error:
        sys.exit(f"earprint: {error}")


if __name__ == "__main__":
    main()
