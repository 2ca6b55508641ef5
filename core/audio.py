"""Sound files of any format -> blocks of PCM, float32 `[n]`, mono, amplitude -1..1, at the file's own rate."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
import soundfile
from av.audio.stream import AudioStream
from av.container import InputContainer

from core import tags
from core.decoding import FASTEST_RATE, SLOWEST_RATE, KindError, decode, open_container, streams
from core.disk import check_file, display_name, readable
from core.errors import AudioError
from core.formats import SUPPORTED
from core.parts import Part, is_for_sndfile, parts
from core.pcm import Array, Mixer
from core.pictures import cover_of
from core.tags import Tags

# How files begin whose headers libsndfile may forgive where FFmpeg does not; it knows thirty more, all rare.
SNDFILE_MAGIC = (b"RIFF", b"RF64", b"riff", b"FORM", b"fLaC", b"OggS", b"ID3")
SILENCE = 1e-4  # amplitude, up to which a stream is silent: -80 dB


class AudioFile:
    """An audio file of any format, as a context manager.

    `source` is a path or an open binary file (read from where it stands); `name` is how errors call it.
    `sample_rate` is the file's own (8 to 192 kHz, others are resampled to 44.1 kHz); `blocks()` can be read once.
    A damaged file yields what can be decoded. Raises AudioError when that is nothing.
    """

    _blocks: Iterator[Array]
    sample_rate: int  # samples a second
    tags: Tags
    _source: str | Path | BinaryIO  # the whole file, or its first part

    def __init__(self, source: str | Path | BinaryIO, name: str | None = None) -> None:
        self.name = name or display_name(source)
        with ExitStack() as stack:
            if isinstance(source, str | Path):
                check_file(source, self.name)
                with readable(self.name):
                    file: BinaryIO = stack.enter_context(Path(source).open("rb"))
            else:
                file = source
            with readable(self.name):
                self._open_file(stack, source, file)
            self._open = stack.pop_all()

    def _open_file(self, stack: ExitStack, source: str | Path | BinaryIO, file: BinaryIO) -> None:
        """Open `source` with what reads it rightly. file: the same, open."""
        if not (file.seekable() and file.tell() == 0):
            return self._open_with_ffmpeg(stack, source)
        begin, misread, found = file.read(4), is_for_sndfile(file), parts(file)
        file.seek(0)
        if misread:
            return self._open_with_sndfile(stack, source, AudioError(f"{self.name}: is of a kind that is not supported; {SUPPORTED}"))
        try:
            if found:
                self._open_parts(stack, found)
            else:
                self._open_with_ffmpeg(stack, source)
        except AudioError as error:
            if not begin.startswith(SNDFILE_MAGIC):
                raise
            file.seek(0)
            self._open_with_sndfile(stack, source, error)

    def _open_parts(self, stack: ExitStack, found: list[Part]) -> None:
        """Open the first part that is not too damaged, to go on with those that follow it."""
        for number, part in enumerate(found, 1):
            try:
                self._open_with_ffmpeg(stack, cast(BinaryIO, part))
            except KindError:
                raise
            except AudioError:
                if number == len(found):
                    raise
            else:
                self._blocks = chain(self._blocks, self._following(found[number:]))
                return

    def _following(self, found: list[Part]) -> Iterator[Array]:
        """Yield the sound of further parts at the rate of the first. Raises AudioError for one of a kind that is not supported."""
        for part in found:
            source = cast(BinaryIO, part)
            try:
                container = open_container(source, self.name)
            except KindError as error:
                raise AudioError(f"{self.name}: goes on in a format that is not supported; convert it to another one") from error
            except AudioError:  # damaged
                continue
            with container, suppress(AudioError):
                yield from decode(self._main_stream(container, source), source, self.name, self.sample_rate)[1]

    def _open_with_ffmpeg(self, stack: ExitStack, source: str | Path | BinaryIO) -> None:
        self._source = source
        container = stack.enter_context(open_container(source, self.name))
        stream = self._main_stream(container, source)
        self.sample_rate, self._blocks = decode(stream, source, self.name)
        # The tags of Ogg stand in its stream. What other containers say of a stream, as "Surround 5.1", is no title.
        metadata = {**(stream.metadata if container.format.name == "ogg" else {}), **container.metadata}
        with _kept_place(source) as file:
            self.tags = tags.read(file, metadata)

    def _main_stream(self, container: InputContainer, source: str | Path | BinaryIO) -> AudioStream:
        """Return the stream that a player would take; the first of the others with sound where there is none in it."""
        found = streams(container)
        sounding = (stream for stream in found if len(found) > 1 and self._sounds(source, stream.index))
        return next(sounding, found[0])

    def _sounds(self, source: str | Path | BinaryIO, index: int) -> bool:
        """Return whether there is sound in a stream, which is decoded up to that."""
        with suppress(AudioError), _kept_place(source), open_container(source, self.name) as container:
            _, blocks = decode(cast(AudioStream, container.streams[index]), source, self.name)
            return any(np.abs(block).max(initial=0) > SILENCE for block in blocks)
        return False

    def _open_with_sndfile(self, stack: ExitStack, source: str | Path | BinaryIO, error: AudioError) -> None:
        """Open what libsndfile can open, or raise `error`."""
        try:
            self._source = source
            file = stack.enter_context(soundfile.SoundFile(source))
        except (soundfile.SoundFileError, OSError, TypeError):
            raise error from None
        blocks = _readable(file)
        first = next(blocks, None)
        if first is None or not SLOWEST_RATE <= file.samplerate <= FASTEST_RATE:
            raise error
        self.sample_rate = file.samplerate
        with _kept_place(source) as opened:
            self.tags = tags.read(opened, file.copy_metadata())
        self._blocks = chain([first], blocks)

    def __enter__(self) -> AudioFile:
        return self

    def __exit__(self, *exception: object) -> None:
        self._open.close()

    def cover(self) -> bytes:
        """Return the picture on the front of the recording as a small JPEG image, b"" where the file has none."""
        with _kept_place(self._source) as file:
            return cover_of(file)

    def blocks(self) -> Iterator[Array]:
        """Yield the sound in blocks float32 `[n]` of about one second, the last one shorter. Raises AudioError where it cannot be read."""
        with readable(self.name):
            yield from self._blocks


@contextmanager
def _kept_place(source: str | Path | BinaryIO) -> Iterator[BinaryIO]:
    """Yield the source as an open file that stands at its beginning. An open one stands afterwards where it stood."""
    if isinstance(source, str | Path):
        with Path(source).open("rb") as file:
            yield file
    elif source.seekable():
        at = source.tell()
        source.seek(0)
        try:
            yield source
        finally:
            source.seek(at)
    else:
        yield io.BytesIO()


def _readable(file: soundfile.SoundFile) -> Iterator[Array]:
    """What libsndfile can decode, in blocks of a second; how much the file says there is does not count."""
    mixer = Mixer()
    with suppress(soundfile.SoundFileError):
        while len(block := file.read(file.samplerate, dtype="float32", always_2d=True)):
            yield mixer.feed(block)
