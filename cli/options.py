"""The options that several commands take."""

from pathlib import Path
from typing import Annotated

import typer

DATA = Path("data")

Data = Annotated[Path, typer.Option("--data", envvar="EARPRINT_DATA", metavar="DIR", help="The library's folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")]
FilesFrom = Annotated[str | None, typer.Option(metavar="LIST", help="A file that names a path a line; - is stdin.")]
Ids = Annotated[list[int], typer.Argument(metavar="ID...", help="The numbers that `earprint tracks` shows.")]
