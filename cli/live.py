"""The server, and a client that listens."""

import asyncio
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from cli.given import opened
from cli.options import DATA, AsJson, Data
from cli.said import event_line, notable, say

PIPE_BLOCK = 1 << 15  # bytes read from stdin at once, at most; less when less is there


def serve(
    host: str = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8000,
    workers: Annotated[int, typer.Option(min=1, metavar="N", help="Processes that serve.")] = 1,
    token_file: Annotated[
        Path | None, typer.Option(envvar="EARPRINT_TOKEN_FILE", metavar="FILE", help="Holds the token that changes need.")
    ] = None,
    open_: Annotated[bool, typer.Option("--open", help="Let others on the network change the library without a token.")] = False,
    ssl_keyfile: Annotated[Path | None, typer.Option(metavar="FILE", help="Serve https, with this private key.")] = None,
    ssl_certfile: Annotated[Path | None, typer.Option(metavar="FILE", help="And this certificate.")] = None,
    data: Data = DATA,
    as_json: AsJson = False,
) -> None:
    """Serve the page, the HTTP API and the WebSocket."""
    from web import serving

    given = {"EARPRINT_DATA": str(data), "EARPRINT_WORKERS": str(workers), "EARPRINT_TOKEN_FILE": str(token_file or "")}
    settings = serving.checked_settings(host, open_, given)
    opened(data).close()
    tls = serving.Tls.checked(ssl_keyfile, ssl_certfile)
    listeners = serving.listeners(host, port, workers)
    url = serving.url_of(host, listeners[0], tls)
    say(as_json, {"url": url, "data": str(data)}, f"Earprint is at {url} with the library in {data}; Ctrl-C stops it.")
    serving.run(listeners, settings, tls)


def listen(
    file: Annotated[str, typer.Argument(metavar="[FILE|-]", help="- is raw s16le mono sound from stdin.")] = "-",
    url: Annotated[str, typer.Option(help="The server's WebSocket.")] = "ws://127.0.0.1:8000/listen",
    realtime: Annotated[bool, typer.Option("--realtime", help="Send no faster than the sound would play.")] = False,
    rate: Annotated[int, typer.Option(min=8000, max=192_000, metavar="N", help="Hertz of what stdin brings.")] = 44_100,
    data: Data = DATA,
    as_json: AsJson = False,
) -> None:
    """Stream sound to a server, and print what it hears as it hears it."""
    if file == "-" and sys.stdin.isatty():
        raise typer.BadParameter("name a file, or pipe raw sound in, as from: arecord -f S16_LE -r 44100 -t raw")
    asyncio.run(_listen(file, url, realtime, rate, as_json))


async def _listen(file: str, url: str, realtime: bool, rate: int, as_json: bool) -> None:
    from web.client import listen

    with _sound(file, rate) as (blocks, sample_rate):
        best = None
        token = os.environ.get("EARPRINT_TOKEN")
        async for event in listen(url, blocks, sample_rate, realtime=realtime, token=token):
            if as_json or best != (best := notable(event)):
                say(as_json, event, event_line(event))


@contextmanager
def _sound(file: str, rate: int) -> Iterator[tuple[Iterable[bytes], int]]:
    """Yield s16le mono blocks and their sample rate in hertz."""
    from core.audio import AudioFile
    from web.client import s16le

    if file == "-":
        yield iter(lambda: os.read(sys.stdin.fileno(), PIPE_BLOCK), b""), rate
        return
    with AudioFile(file) as audio:
        yield map(s16le, audio.blocks()), audio.sample_rate
