"""Sound files of any format -> blocks of PCM, float32 `[n]`, mono, amplitude -1..1, at the file's own rate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import soundfile

from core.decoding import FASTEST_RATE, SLOWEST_RATE, decode, open_container
from core.disk import display_name, readable
from core.errors import AudioError
from core.pcm import Array, mono

TAG_CHARACTERS = 500  # more is no title

SNDFILE_MAGIC = (b"RIFF", b"RIFX", b"RF64", b"riff", b"FORM", b"fLaC", b"OggS", b"ID3")  # libsndfile knows thirty more, all rare


@dataclass(frozen=True)
class Tags:
    """What a file says about itself; '' where it says nothing."""

    title: str = ""
    artist: str = ""
    album: str = ""


class AudioFile:
    """An audio file of any format, as a context manager.

    `source` is a path or an open binary file (read from where it stands); `name` is how errors call it.
    `sample_rate` is the file's own (8 to 192 kHz, others are resampled to 44.1 kHz); `blocks()` can be read once.
    A damaged file yields what can be decoded. Raises AudioError when that is nothing.
    """

    def __init__(self, source: str | Path | BinaryIO, name: str | None = None) -> None:
        self.name = name or display_name(source)
        with ExitStack() as stack:
            try:
                self._open_with_ffmpeg(stack, source)
            except AudioError as error:
                self._open_with_sndfile(stack, source, error)
            self._open = stack.pop_all()

    def _open_with_ffmpeg(self, stack: ExitStack, source: str | Path | BinaryIO) -> None:
        container = stack.enter_context(open_container(source, self.name))
        self.sample_rate, self._blocks = decode(container, source, self.name)
        self.tags = _tags(container.metadata, container.streams.audio[0].metadata)

    def _open_with_sndfile(self, stack: ExitStack, source: str | Path | BinaryIO, error: AudioError) -> None:
        """libsndfile forgives some headers that FFmpeg does not. What it cannot open either is the `error` of FFmpeg."""
        try:
            if not _magic(source).startswith(SNDFILE_MAGIC):
                raise error
            file = stack.enter_context(soundfile.SoundFile(source))
        except (soundfile.SoundFileError, OSError, TypeError):
            raise error from None
        blocks = _readable(file)
        first = next(blocks, None)
        if first is None or not SLOWEST_RATE <= file.samplerate <= FASTEST_RATE:
            raise error
        self.sample_rate = file.samplerate
        self.tags = _tags(file.copy_metadata())
        self._blocks = chain([first], blocks)

    def __enter__(self) -> AudioFile:
        return self

    def __exit__(self, *exception: object) -> None:
        self._open.close()

    def blocks(self) -> Iterator[Array]:
        """Yield the sound in blocks float32 `[n]` of about one second, the last one shorter. Raises AudioError where it cannot be read."""
        with readable(self.name):
            yield from self._blocks


def _magic(source: str | Path | BinaryIO) -> bytes:
    """How a file begins; an open one stands at its beginning afterwards."""
    if isinstance(source, str | Path):
        with Path(source).open("rb") as file:
            return file.read(4)
    source.seek(0)
    begin = source.read(4)
    source.seek(0)
    return begin


def _readable(file: soundfile.SoundFile) -> Iterator[Array]:
    """What libsndfile can decode, in blocks of a second; how much the file says there is does not count."""
    with suppress(soundfile.SoundFileError):
        while len(block := file.read(file.samplerate, dtype="float32", always_2d=True)):
            yield mono(block)


def _one_line(text: str) -> str:
    return " ".join(text.replace("\0", " ").split())[:TAG_CHARACTERS]


def _tags(*sources: Mapping[str, str]) -> Tags:
    """The first that each source (the container, the stream) says; keys come in any case."""
    found: dict[str, str] = {}
    for source in reversed(sources):
        found |= {key.lower(): text for key, value in source.items() if (text := _one_line(value))}
    return Tags(found.get("title", ""), found.get("artist") or found.get("album_artist", ""), found.get("album", ""))
