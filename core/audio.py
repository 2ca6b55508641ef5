"""Sound comes in here: a file of any format -> PCM blocks, bytes from a socket -> PCM, one sample rate -> another.

All PCM is float32 `[n]`, mono, amplitude -1..1, at the source's own rate until a Resampler changes that.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import reduce
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple

import av
import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from core.errors import AudioError

Array = NDArray[np.float32]

SLOWEST_RATE, FASTEST_RATE = 8_000, 192_000  # samples a second; files beyond are resampled
USUAL_RATE = 44_100  # samples a second, for those
TAG_CHARACTERS = 500  # more is no title
LOUDEST = 2.0**31  # amplitude; floats on an integer scale exist, what is louder still is damage

# Only containers of sound: playlists and the like, which name other files, are refused.
FORMATS = "mp3,wav,w64,flac,ogg,aac,mov,mp4,m4a,matroska,webm,aiff,asf"
DECODERS = (  # and those of PCM; FFmpeg has five hundred more, of video and of games, in which nobody looks for flaws
    *("aac", "ac3", "alac", "ape", "dca", "eac3", "flac", "libopus", "mp2float", "mp3", "mp3float", "opus", "truehd", "tta"),
    *("vorbis", "wavpack", "wmalossless", "wmapro", "wmav1", "wmav2", "adpcm_ima_wav", "adpcm_ms", "gsm", "gsm_ms"),
    *(name for name in av.codecs_available if name.startswith("pcm_")),
)
OPEN_OPTIONS = {"format_whitelist": FORMATS, "codec_whitelist": ",".join(DECODERS), "protocol_whitelist": "file"}
SNDFILE_MAGIC = (b"RIFF", b"RIFX", b"RF64", b"riff", b"FORM", b"fLaC", b"OggS", b"ID3")  # libsndfile knows thirty more, all rare
MOST_PLANES = 7  # PyAV crashes on planes of eight channels and more
NO_SUCH_KIND = av.FFmpegError, RuntimeError  # raised over a frame whose kind damage has made up
SUPPORTED = "try wav, flac, mp3, ogg, opus, m4a, webm or aiff"


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
        container = stack.enter_context(_open_container(source, self.name))
        frames = _frames(container)
        first = next(frames, None)
        if first is None:
            raise AudioError(f"{self.name}: no sound in it can be decoded; {SUPPORTED}")
        self.sample_rate = _supported(first.sample_rate)
        self.tags = _tags(container.metadata, container.streams.audio[0].metadata)
        self._blocks = _converted(chain([first], frames), self.sample_rate)

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
        """The sound in blocks float32 `[n]` of about one second, the last one shorter."""
        return self._blocks


class Pcm:
    """Raw little-endian PCM bytes, channels interleaved -> float32 `[n]` mono.

    Bytes of a sample that is not complete yet wait for the rest of it. NaN and infinity become 0.
    """

    def __init__(self, format: Literal["s16le", "f32le"], channels: int) -> None:
        self._dtype, self._scale = {"s16le": ("<i2", 2.0**-15), "f32le": ("<f4", 1.0)}[format]
        self._channels = channels
        self._frame_bytes = np.dtype(self._dtype).itemsize * channels
        self._rest = b""

    def feed(self, data: bytes) -> Array:
        """The whole samples there are now."""
        data = self._rest + data
        whole = len(data) - len(data) % self._frame_bytes
        self._rest = data[whole:]
        with np.errstate(invalid="ignore"):  # of the many kinds of NaN, numpy complains of some
            samples = np.frombuffer(data[:whole], self._dtype).astype(np.float32) * np.float32(self._scale)
        return mono(samples.reshape(-1, self._channels))


class Resampler:
    """PCM at one sample rate -> PCM at another (samples a second). Any split of the input gives the same output."""

    def __init__(self, source_rate: float, target_rate: float) -> None:
        same = source_rate == target_rate
        self._stream = None if same else soxr.ResampleStream(source_rate, target_rate, 1, "float32", "HQ")

    def feed(self, pcm: Array) -> Array:
        """float32 `[n]` -> float32 `[m]`: what is decided so far."""
        return pcm if self._stream is None else self._stream.resample_chunk(pcm)

    def finish(self) -> Array:
        """The rest, float32 `[m]`; nothing can be fed after this."""
        empty = np.zeros(0, np.float32)
        return empty if self._stream is None else self._stream.resample_chunk(empty, last=True)


def mono(pcm: Array) -> Array:
    """float32 `[n]` or `[n, channels]` -> `[n]`, the mean; what is no number, or absurdly loud, counts as 0."""
    return _sane(pcm) if pcm.ndim == 1 else _mean(list(pcm.T))


def _mean(channels: list[Array]) -> Array:
    """The mean of some float32 [n]."""
    # Added one by one: numpy's own sum takes another order for another number of samples.
    total: Array = reduce(np.add, map(_sane, channels))
    return total / np.float32(len(channels))


def _sane(pcm: Array) -> Array:
    """What is no number, or absurdly loud, as 0."""
    if len(pcm) and pcm.min() >= -LOUDEST and pcm.max() <= LOUDEST:  # false for NaN
        return pcm
    return np.where(np.abs(pcm) <= LOUDEST, pcm, np.float32(0))


def check_file(path: str | Path, name: str) -> None:
    """AudioError when the file is missing, no regular file, or unreadable."""
    try:
        if not Path(path).exists():
            raise AudioError(f"{name}: there is no such file")
        if not Path(path).is_file():
            raise AudioError(f"{name}: is not a file that can be read; name an audio file")
        with Path(path).open("rb") as file:
            if not file.read(1):
                raise AudioError(f"{name}: is empty")
    except OSError as error:
        raise AudioError(f"{name}: cannot be read ({error.strerror})") from error


def display_name(source: str | Path | BinaryIO) -> str:
    """A name that can be printed, also of a file whose name is not valid UTF-8."""
    if not isinstance(source, str | Path):
        return "the sound"
    return os.fsencode(source).decode("utf-8", "replace")


class _Converter:
    """Decoded frames, all of one kind -> mono blocks of about a second at one rate.

    Frames are a few milliseconds long: to join them first costs much less than to convert each.
    """

    def __init__(self, kind: _Kind, rate: int) -> None:
        self._kind, self._joined = kind, av.AudioFifo()
        sample_format = "fltp" if kind.layout.nb_channels <= MOST_PLANES else "flt"
        self._resampler = av.AudioResampler(sample_format, kind.layout, rate)

    def takes(self, frame: av.AudioFrame) -> bool:
        return _kind(frame) == self._kind

    def feed(self, frame: av.AudioFrame) -> Iterable[Array]:
        frame.pts = None  # gaps in the time stamps of a damaged file are not sound
        try:
            self._joined.write(frame)
        except NO_SUCH_KIND:
            return ()
        return () if self._joined.samples < self._kind.rate else self._pcm(self._joined.read())

    def finish(self) -> Iterator[Array]:
        yield from self._pcm(self._joined.read())
        yield from self._pcm(None)

    def _pcm(self, frame: av.AudioFrame | None) -> Iterator[Array]:
        """None is the end: then there is what the resampler still holds."""
        blocks: list[av.AudioFrame | None] = []
        with suppress(*NO_SUCH_KIND):
            blocks = list(self._resampler.resample(frame))
        for block in blocks:
            if block is not None:  # as given, where there is nothing to convert
                yield _mean(_channels(block))


class _Kind(NamedTuple):
    sample_format: str
    layout: av.AudioLayout
    rate: int


def _kind(frame: av.AudioFrame) -> _Kind:
    return _Kind(frame.format.name, frame.layout, frame.sample_rate)


def _channels(block: av.AudioFrame) -> list[Array]:
    """Each channel's float32 `[n]`, where the block has it."""
    samples = [np.frombuffer(memoryview(plane), np.float32) for plane in block.planes]
    if block.format.is_planar:
        return [plane[: block.samples] for plane in samples]
    channels = block.layout.nb_channels
    return list(samples[0][: block.samples * channels].reshape(-1, channels).T)


def _open_container(source: str | Path | BinaryIO, name: str) -> av.container.InputContainer:
    if isinstance(source, str | Path):
        check_file(source, name)
        source = f"file:{source}"  # never another protocol, whatever the path looks like
    try:
        # Tags come in any encoding, whatever their format says.
        container = av.open(source, "r", options=OPEN_OPTIONS, metadata_errors="replace")
    except (av.FFmpegError, OSError) as error:
        raise AudioError(f"{name}: is not audio of a kind that is supported; {SUPPORTED}") from error
    if not container.streams.audio:
        container.close()
        raise AudioError(f"{name}: there is no sound in it; {SUPPORTED}")
    context = container.streams.audio[0].codec_context
    if context is None or context.name not in DECODERS:
        container.close()
        raise AudioError(f"{name}: its sound is of a kind that is not supported; {SUPPORTED}")
    return container


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


def _frames(container: av.container.InputContainer) -> Iterator[av.AudioFrame]:
    """What can be decoded: a packet that cannot is left out, a container that breaks off ends the sound."""
    packets = container.demux(container.streams.audio[0])
    while True:
        try:
            packet = next(packets, None)
        except av.FFmpegError:
            return
        if packet is None:
            return
        try:
            yield from (frame for frame in packet.decode() if frame.samples)
        except av.FFmpegError:
            continue


def _converted(frames: Iterable[av.AudioFrame], rate: int) -> Iterator[Array]:
    converter: _Converter | None = None
    for frame in frames:
        if converter is None or not converter.takes(frame):  # the first frame, or a stream that changes on its way
            yield from () if converter is None else converter.finish()
            converter = _Converter(_kind(frame), rate)
        yield from converter.feed(frame)
    yield from () if converter is None else converter.finish()


def _supported(rate: int) -> int:
    return rate if SLOWEST_RATE <= rate <= FASTEST_RATE else USUAL_RATE


def _one_line(text: str) -> str:
    return " ".join(text.replace("\0", " ").split())[:TAG_CHARACTERS]


def _tags(*sources: Mapping[str, str]) -> Tags:
    """The first that each source (the container, the stream) says; keys come in any case."""
    found: dict[str, str] = {}
    for source in reversed(sources):
        found |= {key.lower(): text for key, value in source.items() if (text := _one_line(value))}
    return Tags(found.get("title", ""), found.get("artist") or found.get("album_artist", ""), found.get("album", ""))
