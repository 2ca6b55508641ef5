"""A file through FFmpeg (PyAV): opening it, and its sound in mono blocks.

A file is demuxed, decoded and joined to frames of a second within FFmpeg (by its filter `amovie`): of each of the eighty packets that may
make a second, Python would have to make half a dozen objects. That filter ends at the first damage; from there on, as with open files that
have no name, packets are decoded one by one. Both give the same samples.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain, groupby
from operator import attrgetter
from pathlib import Path
from typing import BinaryIO, cast

import av
import av.filter
import numpy as np
from av.audio.stream import AudioStream
from av.stream import Disposition

from core.disk import check_file
from core.errors import AudioError
from core.formats import DECODERS, DEMUXERS, PCM_DECODERS, SUPPORTED
from core.pcm import Array, Mixer

SLOWEST_RATE, FASTEST_RATE = 8_000, 192_000  # samples a second; files beyond are resampled
USUAL_RATE = 44_100  # samples a second, for those

DECODER_NAMES = {*DECODERS, *(name for name in av.codecs_available if name.startswith(PCM_DECODERS))}
OPEN_OPTIONS = {"format_whitelist": ",".join(DEMUXERS), "codec_whitelist": ",".join(sorted(DECODER_NAMES)), "protocol_whitelist": "file"}
NOT_THE_MUSIC = Disposition.comment | Disposition.hearing_impaired | Disposition.visual_impaired | Disposition.descriptions
MOST_PLANES = 7  # PyAV crashes on planes of eight channels and more
NO_SUCH_KIND = av.FFmpegError, RuntimeError  # raised over a frame whose kind damage has made up
NOT_IN_BULK = av.FFmpegError, UnicodeEncodeError  # damage, or a sound that changes its kind; a name that is not UTF-8


class KindError(AudioError):
    """A container that is whole, but has no sound in a format that is decoded."""


def open_container(source: str | Path | BinaryIO, name: str) -> av.container.InputContainer:
    """Raises AudioError, which calls the source `name`, for what is no sound of a kind that is supported."""
    if isinstance(source, str | Path):
        check_file(source, name)
        source = _address(source)
    try:
        # Tags come in any encoding, whatever their format says: `tags` finds out which.
        container = av.open(source, "r", options=OPEN_OPTIONS, metadata_errors="surrogateescape")
    except (av.FFmpegError, OSError) as error:
        raise AudioError(f"{name}: is not audio of a kind that is supported; {SUPPORTED}") from error
    if not container.streams.audio:
        container.close()
        raise KindError(f"{name}: there is no sound in it; {SUPPORTED}")
    if not _decodable(container):
        container.close()
        raise KindError(f"{name}: its sound is of a kind that is not supported; {SUPPORTED}")
    return container


def _decodable(container: av.container.InputContainer) -> list[AudioStream]:
    return [stream for stream in container.streams.audio if stream.codec_context and stream.codec_context.name in DECODER_NAMES]


def streams(container: av.container.InputContainer) -> list[AudioStream]:
    """Return the audio streams that can be decoded, those first that a player would take: the default one, and commentary last."""
    return sorted(_decodable(container), key=_rank)


def _rank(stream: AudioStream) -> tuple[bool, bool]:
    return bool(stream.disposition & NOT_THE_MUSIC), not stream.disposition & Disposition.default


def decode(stream: AudioStream, source: str | Path | BinaryIO, name: str, rate: int | None = None) -> tuple[int, Iterator[Array]]:
    """Return the sample rate, and a stream's sound, float32 [n], mono, in blocks of about a second.

    rate: the rate to resample to; its own, if that is supported, when None. Raises AudioError when there is no sound.
    """
    frames = _frames(stream)
    first = next(frames, None)
    if first is None:
        raise AudioError(f"{name}: no sound in it can be decoded; {SUPPORTED}")
    rate = rate or (first.sample_rate if SLOWEST_RATE <= first.sample_rate <= FASTEST_RATE else USUAL_RATE)
    one_by_one = _converted(chain([first], frames), rate)
    if isinstance(source, str | Path) and rate == first.sample_rate and first.layout.nb_channels <= MOST_PLANES:
        return rate, _first_of(_in_bulk(source, stream.index, rate), one_by_one)
    return rate, one_by_one


def _address(path: str | Path) -> str:
    return f"file:{path}"  # never another protocol, whatever the path looks like


def _first_of(fast: Iterator[Array], slow: Iterator[Array]) -> Iterator[Array]:
    """What `fast` gives until it fails, and then what `slow` gives after that."""
    given = 0
    with suppress(*NOT_IN_BULK):
        for block in fast:
            given += len(block)
            yield block
        return
    for block in slow:
        skipped = min(given, len(block))
        given -= skipped
        if skipped < len(block):
            yield block[skipped:]


def _in_bulk(path: str | Path, stream: int, rate: int) -> Iterator[Array]:
    """A stream's sound in blocks of a second. Raises FFmpegError at the first packet that cannot be decoded."""
    graph = av.filter.Graph()
    graph.link_nodes(
        graph.add("amovie", filename=_address(path), stream_index=str(stream), dec_threads="1", format_opts=_joined_options()),
        graph.add("aformat", sample_fmts="fltp"),
        graph.add("asetnsamples", n=str(rate), p="0"),  # p: whether the last one is filled up with silence
        graph.add("abuffersink"),
    ).configure()
    mixer = Mixer()
    with suppress(EOFError):
        while isinstance(frame := graph.pull(), av.AudioFrame):
            yield mixer.mix(_channels(frame))


def _joined_options() -> str:
    return ":".join(f"{key}={value}" for key, value in OPEN_OPTIONS.items())


def _frames(stream: AudioStream) -> Iterator[av.AudioFrame]:
    """What can be decoded: a packet that cannot is left out, a container that breaks off ends the sound."""
    with suppress(av.FFmpegError):
        for packet in cast(av.container.InputContainer, stream.container).demux(stream):
            try:
                frames = packet.decode()
            except av.FFmpegError:
                continue
            yield from (frame for frame in frames if frame.samples)


def _converted(frames: Iterable[av.AudioFrame], rate: int) -> Iterator[Array]:
    """Decoded frames -> mono blocks of about a second at one rate. A stream may change its kind on its way."""
    for (_, layout, _), alike in groupby(frames, attrgetter("format.name", "layout", "sample_rate")):
        yield from _mixed(_joined(alike), layout, rate)


def _joined(frames: Iterable[av.AudioFrame]) -> Iterator[av.AudioFrame | None]:
    """Frames of one kind, a few milliseconds long -> frames of a second: to join them costs much less than to convert each."""
    joined = av.AudioFifo()
    for frame in frames:
        frame.pts = None  # gaps in the time stamps of a damaged file are not sound
        try:
            joined.write(frame)
        except NO_SUCH_KIND:
            continue
        if joined.samples >= frame.sample_rate:
            yield joined.read()
    if joined.samples:
        yield joined.read()


def _mixed(frames: Iterable[av.AudioFrame | None], layout: av.AudioLayout, rate: int) -> Iterator[Array]:
    """Frames of one kind -> mono at one rate."""
    resampler, mixer = av.AudioResampler("fltp" if layout.nb_channels <= MOST_PLANES else "flt", layout, rate), Mixer()
    for frame in chain(frames, [None]):  # at the end there is what the resampler still holds
        blocks: list[av.AudioFrame | None] = []
        with suppress(*NO_SUCH_KIND):
            blocks = list(resampler.resample(frame))
        for block in blocks:
            if block is not None:  # as given, where there is nothing to convert
                yield mixer.mix(_channels(block))


def _channels(block: av.AudioFrame) -> list[Array]:
    """Each channel's float32 `[n]`, where the block has it."""
    samples = [np.frombuffer(memoryview(plane), np.float32) for plane in block.planes]
    if block.format.is_planar:
        return [plane[: block.samples] for plane in samples]
    channels = block.layout.nb_channels
    return list(samples[0][: block.samples * channels].reshape(-1, channels).T)
