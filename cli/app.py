"""The commands together, and how the program ends when one of them fails."""

import errno
import os
import sys
from typing import Annotated

import typer

from cli import library, live, tracks
from core.disk import check_address_space
from core.errors import EarprintError
from core.text import printable

COMMANDS = (
    *(live.serve, tracks.add, tracks.identify, live.listen),
    *(tracks.tracks, tracks.remove, tracks.restore, tracks.prune),
    *(library.stats, library.rebuild, library.check, library.backup, library.prepare, live.settings),
)
SURROUNDINGS = {  # errors of the machine or of its owner's rights, never a bug of ours
    *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO),
    *(errno.ENOMEM, errno.EAGAIN, errno.EMFILE, errno.ENFILE, errno.EFBIG, errno.ENOTDIR),
}
NO_MEMORY = "there is not enough memory; close other programs, or raise the limit (ulimit -v)"

app = typer.Typer(
    help="Earprint listens and names what is playing.",
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in COMMANDS:
    app.command()(command)


def _say_version(wanted: bool) -> None:
    from core.version import version

    if wanted:
        print(f"earprint {version()}", flush=True)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Print the version and exit.")] = False,
) -> None:
    """Earprint listens and names what is playing."""
    check_address_space()  # before the heavy libraries are loaded, which fail in many ways without it


def run() -> None:
    """Run the command that the arguments name. A fault of the input or the machine is one line on stderr; a bug keeps its traceback."""
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a file name need not be text
    try:
        app(prog_name="earprint")
    except (EarprintError, MemoryError, OSError) as error:
        if isinstance(error, OSError) and error.errno not in SURROUNDINGS:
            raise
        _discard_output()
        sys.exit(f"earprint: {printable(_sentence(error))}")


def _sentence(error: Exception) -> str:
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in (errno.ENOMEM, errno.EAGAIN)):
        return NO_MEMORY
    if isinstance(error, OSError):
        return f"{error.filename or 'the output'} cannot be used: {error.strerror}"
    return str(error)


def _discard_output() -> None:
    """Drop what stdout still holds if it cannot be written: Python would try again at the end, and complain."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
