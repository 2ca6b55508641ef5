"""The options that several commands take."""

import os
from pathlib import Path
from typing import Annotated

import typer

from core.folder import usual_folder

DATA = usual_folder()
CORES = os.cpu_count() or 1


def _absolute(path: Path) -> Path:
    return path.absolute()


Data = Annotated[Path, typer.Option("--data", envvar="EARPRINT_DATA", metavar="DIR", callback=_absolute, help="The library's folder.")]
Jobs = Annotated[int, typer.Option("--jobs", "-j", min=1, metavar="N", help="Files analysed at a time.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print only what went wrong, and no progress.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")]
FilesFrom = Annotated[str | None, typer.Option(metavar="LIST", help="A file that names a path a line, or an M3U playlist; - is stdin.")]
Null = Annotated[bool, typer.Option("--null", "-0", help="The list has NUL characters between its paths, as of find -print0.")]
Ids = Annotated[list[int], typer.Argument(metavar="ID...", help="The numbers that `earprint tracks` shows.")]
