"""What commands are given, and how they end."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cli.lists import listed
from cli.said import bar, note
from core.errors import EarprintError
from core.folder import is_library

if TYPE_CHECKING:
    from core.library import Library


def opened(data: Path, *, make: bool = False, readonly: bool = False, any_version: bool = False) -> "Library":
    """Open the library in `data`. make: create it if there is none. Raises EarprintError."""
    from core.library import Library

    if not (make or is_library(data)):
        raise EarprintError(f"there is no library in {data}: add music with `earprint add`, or name another folder with --data")
    try:
        return Library(data, readonly=readonly, any_version=any_version)
    except OSError as error:
        raise EarprintError(f"{data} cannot be the library's folder: {error.strerror}") from error


def inputs_of(paths: list[str] | None, files_from: str | None, null: bool) -> list[str]:
    """Return what the command line names, then what the list names (`null`: between NUL characters). Raises EarprintError."""
    inputs = (paths or []) + (listed(files_from, null) if files_from else [])
    if not inputs and not files_from:
        raise typer.BadParameter("name at least one path, or a list of them with --files-from")
    return inputs


def prepared(*, quiet: bool = False) -> None:
    """Compile the engine unless that was done before, and say so: it takes long."""
    from stream.prepare import is_prepared, prepare

    if is_prepared():
        return
    if not quiet:
        note("preparing the engine for this computer; this happens once and takes up to a minute")
    with bar("Preparing", quiet=quiet) as show:
        prepare(show)


@contextmanager
def resumable() -> Iterator[None]:
    """Say after Ctrl-C how to go on, and exit with 130."""
    try:
        yield
    except KeyboardInterrupt:
        print("earprint: stopped; what is done stays done. Run the same command again to go on from here.", file=sys.stderr)
        raise typer.Exit(130) from None


def end(failures: int) -> None:
    if failures:
        raise typer.Exit(1)
