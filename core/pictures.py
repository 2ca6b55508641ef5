"""The picture in a file of music, made small.

It is decoded and written anew, so that what is served is a JPEG image of ours whatever the file held.
"""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction
from typing import Any, BinaryIO, cast

import av
from av.stream import Disposition
from tinytag import TinyTagException

from core.decoding import OPEN_OPTIONS
from core.tags import tinytag_of

LONGEST_SIDE = 600  # pixels of a picture that is kept
MOST_BYTES = 32 << 20  # of a picture in a file
MOST_PIXELS = 64_000_000  # of a picture in a file
QUALITY = 3  # on FFmpeg's scale of what JPEG leaves out, 1 to 31
DECODERS = {  # how a picture begins: FFmpeg's decoder
    b"\xff\xd8\xff": "mjpeg",
    b"\x89PNG\r\n\x1a\n": "png",
    b"RIFF": "webp",
    b"GIF8": "gif",
    b"BM": "bmp",
}
NO_PICTURE = (av.FFmpegError, TinyTagException, MemoryError, OSError, ValueError)  # damage, or what is larger than memory


def cover_of(file: BinaryIO) -> bytes:
    """Return the front cover in an open file of music, or its only picture, as a small JPEG image; b"" where there is none."""
    with suppress(*NO_PICTURE):
        return small(_picture(file))
    return b""


def small(picture: bytes) -> bytes:
    """Return a picture as a JPEG image of at most `LONGEST_SIDE` pixels a side; b"" for what is none.

    Raises FFmpegError or ValueError for damage.
    """
    decoder = next((name for begin, name in DECODERS.items() if picture.startswith(begin)), None)
    if decoder is None or len(picture) > MOST_BYTES:
        return b""
    frame = _decoded(picture, decoder)
    scale = min(1.0, LONGEST_SIDE / max(frame.width, frame.height))
    width, height = (max(round(side * scale), 1) for side in (frame.width, frame.height))
    return _jpeg(frame.reformat(width, height, "yuvj420p"))


def _decoded(picture: bytes, decoder: str) -> av.VideoFrame:
    context = cast(Any, av.CodecContext.create(decoder, "r"))
    context.options = {"max_pixels": str(MOST_PIXELS)}
    context.thread_count = 1
    frames = [*context.decode(av.Packet(picture)), *context.decode(None)]
    if not frames:
        raise ValueError("no picture")
    return cast(av.VideoFrame, frames[0])


def _jpeg(frame: av.VideoFrame) -> bytes:
    context = cast(Any, av.CodecContext.create("mjpeg", "w"))
    context.width, context.height, context.pix_fmt = frame.width, frame.height, "yuvj420p"
    context.time_base = Fraction(1)
    context.options = {"qmin": str(QUALITY), "qmax": str(QUALITY)}
    return b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])


def _picture(file: BinaryIO) -> bytes:
    with suppress(TinyTagException):
        images = tinytag_of(file, image=True).images
        found = images.front_cover or images.any
        if found:
            return found.data
    file.seek(0)
    return _attached(file)


def _attached(file: BinaryIO) -> bytes:
    """Return the picture that FFmpeg finds, as in Matroska."""
    with av.open(file, "r", options=OPEN_OPTIONS, metadata_errors="replace") as container:
        pictures = [stream for stream in container.streams.video if stream.disposition & Disposition.attached_pic]
        for stream in sorted(pictures, key=lambda stream: "front" not in stream.metadata.get("comment", "").lower()):
            for packet in container.demux(stream):
                return bytes(packet)
    return b""
