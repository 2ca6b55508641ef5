"""The server, and a client that listens."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from cli.given import opened, prepared
from cli.news import News
from cli.options import DATA, AsJson, Data
from cli.said import note, say
from core.errors import EarprintError

PIPE_BLOCK = 1 << 15  # bytes read from stdin at once, at most
MOST_CHANNELS = 32  # of raw sound


def serve(
    host: str = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8000,
    workers: Annotated[int, typer.Option(min=1, metavar="N", help="Processes that serve.")] = 1,
    token_file: Annotated[
        Path | None, typer.Option(envvar="EARPRINT_TOKEN_FILE", metavar="FILE", help="Holds the token that changes need.")
    ] = None,
    open_: Annotated[bool, typer.Option("--open", help="Allow everyone on the network to change the library without a token.")] = False,
    ssl_keyfile: Annotated[Path | None, typer.Option(metavar="FILE", help="Serve https, with this private key.")] = None,
    ssl_certfile: Annotated[Path | None, typer.Option(metavar="FILE", help="And this certificate.")] = None,
    data: Data = DATA,
    as_json: AsJson = False,
) -> None:
    """Serve the page, the HTTP API and the WebSocket."""
    from web import serving
    from web.settings import misspelt

    for line in misspelt():
        note(line)
    given = {"EARPRINT_DATA": str(data), "EARPRINT_WORKERS": str(workers), "EARPRINT_TOKEN_FILE": str(token_file or "")}
    settings = serving.checked_settings(host, open_, given)
    opened(data, make=True).close()
    prepared()
    tls = serving.Tls.checked(ssl_keyfile, ssl_certfile)
    listeners = serving.listeners(host, port, workers)
    url = serving.url_of(host, listeners[0], tls)
    say(as_json, {"url": url, "data": str(data)}, f"Earprint is at {url} with the library in {data}; Ctrl-C stops it.")
    serving.run(listeners, settings, tls)


def settings(
    data: Data = DATA,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print docs/settings.md: all settings with their defaults.")] = False,
    as_json: AsJson = False,
) -> None:
    """List what can be set in the environment, with the values in force."""
    from web.settings import Settings, as_markdown, misspelt

    if markdown:
        print(as_markdown(), end="", flush=True)
        return
    for row in Settings.from_env(os.environ | {"EARPRINT_DATA": str(data)}).rows():
        say(as_json, row._asdict(), f"{row.name}={row.value}\n    {row.meaning}; default: {row.default or 'none'}")
    for line in misspelt():
        note(line)


def listen(
    file: Annotated[str, typer.Argument(metavar="[FILE|-]", help="- is raw s16le sound from stdin.")] = "-",
    url: Annotated[str, typer.Option(help="The server: http://host:port, or its WebSocket.")] = "http://127.0.0.1:8000",
    realtime: Annotated[bool, typer.Option("--realtime", help="Send no faster than the sound would play.")] = False,
    rate: Annotated[int, typer.Option(min=8000, max=192_000, metavar="N", help="Sample rate in Hz of the sound on stdin.")] = 44_100,
    channels: Annotated[int, typer.Option(min=1, max=MOST_CHANNELS, metavar="N", help="Channels of the sound on stdin, interleaved.")] = 1,
    reconnect: Annotated[bool, typer.Option("--reconnect", help="Try again when the server leaves or cannot be reached.")] = False,
    data: Data = DATA,
    as_json: AsJson = False,
) -> None:
    """Stream sound to a server, and print what it hears as it hears it."""
    import asyncio

    if file == "-" and sys.stdin.isatty():
        raise typer.BadParameter("name a file, or pipe raw sound in, as from: arecord -f S16_LE -r 44100 -t raw")
    with _sound(file, rate, channels) as sound:
        asyncio.run(_listen(sound, url, realtime, reconnect, as_json))


async def _listen(sound: "_Sound", url: str, realtime: bool, reconnect: bool, as_json: bool) -> None:
    from web.client import listen

    news, on_lost = News(), _say_lost if reconnect else None
    options: dict[str, Any] = {"channels": sound.channels, "realtime": realtime, "on_lost": on_lost}
    options["token"] = os.environ.get("EARPRINT_TOKEN")
    async for event in listen(url, sound.blocks, sound.sample_rate, **options):
        line = news.line(event)
        if as_json or line:
            say(as_json, event, line or "")


def _say_lost(error: EarprintError, seconds: float) -> None:
    note(f"{error}; trying again in {seconds:g} s")


class _Sound(NamedTuple):
    """Blocks of s16le sound; sample_rate: Hz."""

    blocks: Iterable[bytes]
    sample_rate: int
    channels: int


@contextmanager
def _sound(file: str, rate: int, channels: int) -> Iterator[_Sound]:
    """Yield the sound of a file in mono, or of stdin as it is."""
    from core.audio import AudioFile
    from web.client import s16le

    if file == "-":
        yield _Sound(iter(lambda: os.read(sys.stdin.fileno(), PIPE_BLOCK), b""), rate, channels)
        return
    with AudioFile(file) as audio:
        yield _Sound(map(s16le, audio.blocks()), audio.sample_rate, 1)
