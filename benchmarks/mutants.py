"""Files that are nearly music: good ones of each format, damaged in ways that programs, networks and attackers damage files."""

import random
import re
import zlib
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from core.audio import Tags
from core.demo import demo_track, write_audio

SECONDS = 2.0  # of music in each file
RATE = 44_100  # Hz
FORMATS = {  # suffix: encoder
    ".wav": "pcm_s16le",
    ".w64": "pcm_s16le",
    ".flac": "flac",
    ".mp3": "libmp3lame",
    ".ogg": "vorbis",
    ".opus": "libopus",
    ".webm": "libopus",
    ".mka": "vorbis",
    ".m4a": "aac",
    ".mov": "alac",
    ".aiff": "pcm_s16be",
    ".aac": "aac",
    ".wma": "wmav2",
    ".mp2": "mp2",
    ".ac3": "ac3",
    ".eac3": "eac3",
    ".tta": "tta",
    ".wv": "wavpack",
    ".au": "pcm_s16be",
    ".caf": "pcm_s16be",
    ".ts": "mp2",
    ".mpg": "mp2",
    ".avi": "libmp3lame",
}
RATES = {"libopus": 48_000}  # Hz, of encoders that are particular about it
STEREO = {"vorbis"}  # encoders that know nothing else
TAGS = Tags("Title", "Artist", "Album")

MOST_DAMAGES = 8  # to one file
HEAD_BYTES = 512  # where most of what is believed stands
IN_THE_HEAD = 0.5  # of the damages
MOST_BYTES = 4096  # that one damage moves
NUMBERS = (0, 1, 2, 7, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, (1 << 63) - 1, (1 << 64) - 1)
WIDTHS = (1, 2, 3, 4, 8)  # bytes of a number in a file

PAGED = (".ogg", ".opus")  # damage to these is found by checksums
RESEALED = 0.7  # of these files have the right checksums all the same: somebody meant the damage
CHECKSUM = slice(22, 26)  # in a page
REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))  # the bits of each byte

Random = random.Random


def originals(folder: Path) -> dict[str, bytes]:
    """A good file of each format, by its suffix."""
    return {suffix: _write(folder / f"good{suffix}", encoder).read_bytes() for suffix, encoder in FORMATS.items()}


def _write(path: Path, encoder: str) -> Path:
    rate, channels = RATES.get(encoder, RATE), 1 + (encoder in STEREO)
    pcm = demo_track(1, SECONDS, rate).repeat(channels)
    return write_audio(path, pcm, rate, TAGS, codec=encoder, layout="stereo" if encoder in STEREO else "mono")


def mutant(files: dict[str, bytes], suffix: str, seed: int, number: int) -> bytes:
    """The file of this format, seed and number: always the same."""
    rng = Random(f"{seed} {suffix} {number}")
    data = bytearray(files[suffix])
    for _ in range(rng.randint(1, MOST_DAMAGES)):
        rng.choice(DAMAGES)(data, rng)
    if rng.random() < 0.05:  # the rest of it belongs to another format
        other = files[rng.choice(list(files))]
        data[_place(data, rng) :] = other[_place(other, rng) :]
    if suffix in PAGED and rng.random() < RESEALED:
        _reseal(data)
    return bytes(data)


def _reseal(data: bytearray) -> None:
    """Gives each page of an Ogg file its checksum (RFC 3533, section 6)."""
    begins = [page.start() for page in re.finditer(b"OggS", data)]
    for begin, end in pairwise([*begins, len(data)]):
        if end - begin > CHECKSUM.stop:
            place = slice(begin + CHECKSUM.start, begin + CHECKSUM.stop)
            data[place] = bytes(4)
            data[place] = _checksum(data[begin:end])


def _checksum(page: bytes | bytearray) -> bytes:
    """That of Ogg: zlib's with the bits of all bytes the other way round, and 0 at both ends."""
    reflected = zlib.crc32(page.translate(REVERSED), 0xFFFF_FFFF) ^ 0xFFFF_FFFF
    return reflected.to_bytes(4, "big").translate(REVERSED)


def _place(data: bytes | bytearray, rng: Random) -> int:
    """Where to damage: anywhere, or where the headers are."""
    return rng.randrange(max(1, min(len(data), HEAD_BYTES) if rng.random() < IN_THE_HEAD else len(data)))


def _piece(data: bytearray, rng: Random) -> slice:
    begin = _place(data, rng)
    return slice(begin, begin + int(MOST_BYTES ** rng.random()))


def _flip_bit(data: bytearray, rng: Random) -> None:
    if data:
        data[_place(data, rng)] ^= 1 << rng.randrange(8)


def _overwrite(data: bytearray, rng: Random) -> None:
    piece = _piece(data, rng)
    data[piece] = rng.randbytes(len(data[piece]))


def _blank(data: bytearray, rng: Random) -> None:
    piece = _piece(data, rng)
    data[piece] = rng.choice((b"\0", b"\xff")) * len(data[piece])


def _number(data: bytearray, rng: Random) -> None:
    """A size, count or rate at the edge of what it can be."""
    width, at = rng.choice(WIDTHS), _place(data, rng)
    value = rng.choice(NUMBERS) & ((1 << 8 * width) - 1)
    data[at : at + width] = value.to_bytes(width, rng.choice(("little", "big")))


def _truncate(data: bytearray, rng: Random) -> None:
    del data[_place(data, rng) :]


def _remove(data: bytearray, rng: Random) -> None:
    del data[_piece(data, rng)]


def _insert(data: bytearray, rng: Random) -> None:
    at = _place(data, rng)
    data[at:at] = rng.randbytes(int(MOST_BYTES ** rng.random()))


def _repeat(data: bytearray, rng: Random) -> None:
    at = _place(data, rng)
    data[at:at] = data[_piece(data, rng)] * rng.randint(1, 4)


DAMAGES: tuple[Callable[[bytearray, Random], None], ...] = (
    *(_flip_bit, _flip_bit, _number, _number),  # these alone leave most of a file believable
    *(_overwrite, _blank, _truncate, _remove, _insert, _repeat),
)
