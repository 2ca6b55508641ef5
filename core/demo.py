"""Music from seeds: the demo library, and all that the tests listen to.

A seed decides tempo, tuning, key, mode, chords, timbres and each note, so that two seeds have no passage in common and
no two bars of a track are the same. Below: what a microphone (noise, a room) and a record player (speed) do to music.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
import soxr
from numpy.typing import NDArray

from core.tags import Tags

Array = NDArray[np.float32]

TAG_KEYS = {"track_number": "track", "disc_number": "disc", "year": "date", "label": "publisher", "isrc": "TSRC"}  # FFmpeg's names of tags
MODES = ([0, 2, 4, 5, 7, 9, 11], [0, 2, 3, 5, 7, 8, 10], [0, 2, 3, 5, 7, 9, 10], [0, 2, 4, 5, 7, 9, 10])  # semitones
BAR, STEP = 4.0, 0.25  # beats; drums are set by steps
CHORD, BASS, MELODY = range(3)  # voices
DRUMS = ((0.25, 55.0, 0.02), (0.12, 190.0, 0.6), (0.04, 0.0, 1.0))  # kick, snare, hat: seconds, hertz, share of noise
PARTIALS = 12  # of a voice, at most
CYCLE = 4096  # samples in one cycle of a voice; a power of two
ATTACK, RELEASE = 0.008, 0.03  # seconds

FIRST = (
    "Amber",
    "Borrowed",
    "Crooked",
    "Distant",
    "Electric",
    "Folded",
    "Golden",
    "Hollow",
    "Idle",
    "Northern",
    "Paper",
)
SECOND = ("Harbour", "Lantern", "Machine", "Meadow", "Mirror", "Orchard", "River", "Signal", "Staircase", "Window")
BANDS = (
    "The Sine Waves",
    "Nyquist Limit",
    "Hann & Co.",
    "Fourier's Daughters",
    "Late Reflections",
    "The Octave Errors",
)


@dataclass(frozen=True)
class Style:
    """What stays the same through a track."""

    tempo: float  # beats a second
    key: float  # MIDI pitch of the tonic, not on the piano's grid: records are not tuned alike
    mode: list[int]  # semitones over the tonic
    chords: NDArray[np.int64]  # degrees of the mode, a chord a bar
    hits: NDArray[np.float64]  # chance of each drum on each step [3, steps a bar]
    timbre: NDArray[np.float64]  # amplitudes [voices, PARTIALS]
    decay: NDArray[np.float64]  # seconds until a note has fallen to 1/e, [voices]

    def hertz(self, degree: int) -> float:
        octave, step = divmod(degree, len(self.mode))
        return float(440 * 2 ** ((self.key + 12 * octave + self.mode[step] - 69) / 12))


@dataclass(frozen=True)
class Note:
    start: float  # beats into its bar
    beats: float
    degree: int  # of the mode
    voice: int
    loudness: float  # amplitude


def demo_track(seed: int, seconds: float = 30.0, sample_rate: int = 44_100) -> Array:
    """The music of a seed: float32 `[seconds * sample_rate]`. A longer track begins like a shorter one."""
    rng = np.random.default_rng(seed)
    style = _style(rng)
    out = np.zeros(int(seconds * sample_rate), np.float32)
    kit = [_drum(*drum, rng.spawn(1)[0], sample_rate) for drum in DRUMS]
    for bar in range(int(seconds * style.tempo / BAR) + 1):
        for note in _notes(style, bar, rng):
            _mix(out, _sample(style, bar, note.start, sample_rate), _play(style, note, sample_rate))
        for start, drum, loudness in _beats(style, rng):
            _mix(out, _sample(style, bar, start, sample_rate), kit[drum] * np.float32(loudness))
    return np.tanh(out, out=out)  # stays within -1..1


def demo_names(seed: int) -> tuple[str, str]:
    """(title, artist) of a seed; 110 seeds in a row have titles of their own."""
    return f"{FIRST[seed % len(FIRST)]} {SECOND[seed % len(SECOND)]}", BANDS[seed % len(BANDS)]


def write_demo(folder: str | Path, n: int = 8, seconds: float = 30.0) -> list[Path]:
    """The tracks of seeds 0 to n - 1 as tagged FLAC files in `folder`."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    return [_write_track(Path(folder), seed, seconds) for seed in range(n)]


def write_audio(
    path: str | Path,
    pcm: Array,
    sample_rate: int = 44_100,
    tags: Tags | None = None,
    *,
    codec: str = "",
    layout: str = "mono",
) -> Path:
    """Writes float32 `[n]` (or `[n, channels]` in that `layout`) in the format of the path's suffix."""
    with av.open(str(path), "w") as container:
        container.metadata.update({TAG_KEYS.get(name, name): str(value) for name, value in vars(tags or Tags()).items() if value})
        stream: Any = container.add_stream(codec or container.default_audio_codec, rate=sample_rate, layout=layout)
        stream.bit_rate = 160_000  # bits a second, where the codec has a choice
        stream.options = {"strict": "-2"}  # FFmpeg calls its vorbis encoder experimental
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(pcm, np.float32).reshape(1, -1), "flt", layout)
        frame.sample_rate = sample_rate
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return Path(path)


def add_noise(pcm: Array, snr_db: float, seed: int = 0) -> Array:
    """White noise that many dB below the music's mean power."""
    noise = np.random.default_rng(seed).standard_normal(len(pcm), np.float32)
    return pcm + noise * np.float32(np.sqrt(np.mean(pcm**2)) * 10 ** (-snr_db / 20))


def room(pcm: Array, sample_rate: int = 44_100, seed: int = 0, seconds: float = 0.4) -> Array:
    """As heard across a small room whose echo falls by 60 dB in `seconds`; the same length and loudness."""
    t = np.arange(int(seconds * sample_rate)) / sample_rate
    echo = np.random.default_rng(seed).standard_normal(len(t)) * 10 ** (-3 * t / seconds)
    echo *= 1 / np.sqrt(np.sum(echo**2))  # as loud as the direct sound
    echo[0] += 1
    size = 1 << (len(pcm) + len(echo)).bit_length()  # a fast one
    spectrum = np.fft.rfft(pcm, size) * np.fft.rfft(echo.astype(np.float32), size)
    heard: Array = np.fft.irfft(spectrum, size)[: len(pcm)].astype(np.float32)
    heard *= np.sqrt(np.mean(pcm**2) / np.mean(heard**2))
    return heard


def change_speed(pcm: Array, speed: float) -> Array:
    """Played `speed` times as fast, as a record is: the pitch changes with it."""
    faster: Array = soxr.resample(pcm, speed, 1.0)
    return faster


def _write_track(folder: Path, seed: int, seconds: float) -> Path:
    title, artist = demo_names(seed)
    return write_audio(folder / f"demo-{seed:03}.flac", demo_track(seed, seconds), tags=Tags(title, artist, "Earprint demo"))


def _style(rng: np.random.Generator) -> Style:
    brightness = rng.uniform(0.5, 1.4, (3, 1))
    partials = np.arange(1, PARTIALS + 1)
    return Style(
        tempo=rng.uniform(1.3, 2.6),
        key=rng.uniform(54, 66),
        mode=MODES[rng.integers(len(MODES))],
        chords=rng.integers(0, 7, 4),
        hits=rng.uniform(0, 1, (3, int(BAR / STEP))) ** [[3], [4], [1]],  # more hats than kicks than snares
        timbre=rng.uniform(0.2, 1, (3, PARTIALS)) * partials**-brightness,
        decay=rng.uniform([0.5, 0.3, 0.25], [2.0, 0.8, 1.0]),
    )


def _notes(style: Style, bar: int, rng: np.random.Generator) -> Iterator[Note]:
    root = int(style.chords[bar % len(style.chords)])
    start = 0.0
    while start < BAR:  # the chord, struck anew or turned over now and then
        beats = float(rng.choice([1.0, 1.5, 2.0, 4.0]))
        for third in (0, 2, 4):
            yield Note(start, beats, root + third + 7 * int(rng.integers(-1, 1)), CHORD, 0.12)
        start += beats
    yield from _line(BASS, root - 14, [0, 0, 0, 4, 2, 7], [0.5, 1.0, 1.5], 0.3, rng)
    yield from _line(MELODY, root + int(rng.integers(5, 10)), list(range(-4, 5)), [0.25, 0.5, 0.5, 1.0], 0.25, rng)


def _line(voice: int, degree: int, steps: list[int], lengths: list[float], loudness: float, rng: np.random.Generator) -> Iterator[Note]:
    """Notes one after the other around a degree, with rests."""
    start = 0.0
    while start < BAR:
        beats = float(rng.choice(lengths))
        if rng.random() > 0.15:
            yield Note(start, beats, degree + int(rng.choice(steps)), voice, loudness * rng.uniform(0.6, 1))
        start += beats


def _beats(style: Style, rng: np.random.Generator) -> Iterator[tuple[float, int, float]]:
    """(start in beats, drum, loudness) of a bar."""
    for drum, step in np.argwhere(rng.random(style.hits.shape) < style.hits):
        yield float(step * STEP), int(drum), (0.5, 0.3, 0.12)[drum] * rng.uniform(0.6, 1)


def _play(style: Style, note: Note, sample_rate: int) -> Array:
    hertz = style.hertz(note.degree)
    partials = min(PARTIALS, int(0.45 * sample_rate / hertz))  # what the rate can hold
    cycle = (style.timbre[note.voice, :partials] @ _sines()[:partials]).astype(np.float32)
    n = np.arange(int((note.beats / style.tempo + RELEASE) * sample_rate))
    t = n.astype(np.float32) / np.float32(sample_rate)
    envelope: Array = np.exp(-t / np.float32(style.decay[note.voice]))
    envelope *= np.clip(np.minimum(t / ATTACK, (t[-1] - t) / RELEASE), 0, 1)
    phase = (n * (hertz / sample_rate * CYCLE)).astype(np.int32) & (CYCLE - 1)
    envelope *= cycle[phase]
    return envelope * np.float32(note.loudness)


@cache
def _sines() -> NDArray[np.float64]:
    """One cycle of each partial [PARTIALS, CYCLE]."""
    return np.sin(2 * np.pi * np.outer(np.arange(1, PARTIALS + 1), np.arange(CYCLE) / CYCLE))


def _drum(seconds: float, hertz: float, noise: float, rng: np.random.Generator, sample_rate: int) -> Array:
    t = np.arange(int(seconds * sample_rate)) / sample_rate
    skin = np.sin(2 * np.pi * hertz * (t + 0.03 * (1 - np.exp(-t / 0.03))))  # the pitch falls
    skin = (1 - noise) * skin + noise * rng.standard_normal(len(t))
    return (skin * np.exp(-4 * t / seconds)).astype(np.float32)


def _sample(style: Style, bar: int, start: float, sample_rate: int) -> int:
    return int((bar * BAR + start) / style.tempo * sample_rate)


def _mix(out: Array, start: int, sound: Array) -> None:
    out[start : start + len(sound)] += sound[: max(0, len(out) - start)]
