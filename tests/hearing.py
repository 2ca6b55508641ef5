"""What the tests of recognition share: music from seeds, a library of it, and an ear."""

import itertools
from functools import cache

import numpy as np

from core.constellation import reference
from core.demo import demo_track
from core.fingerprinter import Fingerprinter
from core.index import Index, NewTrack
from core.params import Params
from stream import Recognizer

RATE = 16_000  # samples a second
SECONDS = 25  # of each track of the library
SEEDS = range(8)  # of the tracks of the library, in the order of their numbers
BLOCK = 800  # samples a message: 50 ms
_numbers = itertools.count(1)


@cache
def music(seed, seconds=SECONDS, rate=RATE):
    """The music of a seed; not to be written into."""
    pcm = demo_track(seed, seconds, rate)
    pcm.flags.writeable = False
    return pcm


def clip(seed, start, seconds):
    """Part of a track of the library."""
    return music(seed)[int(start * RATE) : int((start + seconds) * RATE)]


def fingerprint(pcm, rate=RATE, block=None):
    """(peaks, levels) of a sound that is fed in blocks of so many samples, as a query has them."""
    printer = Fingerprinter(Params(), rate)
    size = block or max(len(pcm), 1)
    peaks, levels = [], []
    for start in range(0, len(pcm), size):
        peaks.append(printer.feed(pcm[start : start + size]))
        levels.append(printer.levels)
    peaks.append(printer.finish())
    return np.concatenate(peaks), np.concatenate([*levels, printer.levels])


@cache
def _reference_of(seed):
    return reference_of(music(seed))


def reference_of(pcm, rate=RATE):
    """The peaks that a library keeps of a sound."""
    return reference(fingerprint(pcm, rate)[0], Params())


def known_music(folder):
    """An index that holds the music of `SEEDS`, so that track n is that of seed n - 1."""
    index = Index(folder)
    index.add([(_new_track(f"seed {seed}", SECONDS), _reference_of(seed)) for seed in SEEDS])
    return index


def learn(index, title, pcm, rate=RATE):
    """Adds a sound to an index; returns its track."""
    return index.add([(_new_track(title, len(pcm) / rate), reference_of(pcm, rate))])[0][0]


def learn_copies(index, count, pcm):
    """Add a sound `count` times, as files with different bytes; return the ids of the tracks."""
    peaks = reference_of(pcm)
    return {track.id for track, _ in index.add([(_new_track(f"copy {i}", len(pcm) / RATE), peaks) for i in range(count)])}


def _new_track(title, duration):
    return NewTrack(title, "", "", duration, f"{title}.wav", f"{next(_numbers):064x}", "")


def listen(index, pcm, rate=RATE, block=BLOCK, **options):
    """All events of a sound that is fed in blocks of so many samples."""
    recognizer = Recognizer(index, rate, **options)
    events = []
    for start in range(0, len(pcm), block):
        events += recognizer.feed(pcm[start : start + block])
    return events + recognizer.finish()


def claims(events):
    """What was claimed and lost, in short: [("match", 3), ("lost", 3)]."""
    short = {"match": lambda e: e["guess"]["track"]["id"], "lost": lambda e: e["track"]}
    sent = [event.to_json() for event in events]
    return [(e["type"], short[e["type"]](e)) for e in sent if e["type"] in short]


def silence(seconds, rate=RATE):
    return np.zeros(int(seconds * rate), np.float32)


def white_noise(seconds, seed=0, rate=RATE):
    return np.random.default_rng(seed).standard_normal(int(seconds * rate), np.float32) * np.float32(0.1)


def stretch(pcm, tempo):
    """Played `tempo` times as fast at the same pitch: a phase vocoder."""
    size, hop = 1024, 256  # samples
    window = np.hanning(size + 1)[:-1].astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(pcm, size)[::hop]
    spectrum = np.fft.rfft(frames * window)
    read = np.arange(0, len(frames) - 1, tempo).astype(int)
    phase = np.angle(spectrum)
    advance = np.vstack([phase[:1], phase[read + 1] - phase[read]])[:-1]
    played = np.fft.irfft(np.abs(spectrum[read]) * np.exp(1j * np.cumsum(advance, axis=0))) * window
    out = np.zeros(len(read) * hop + size)
    for i, frame in enumerate(played):
        out[i * hop : i * hop + size] += frame
    return (out / 1.5).astype(np.float32)  # the windows' squares sum to 1.5
