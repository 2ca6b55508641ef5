"""Rooms, devices and noises, made from seeds: enough to measure with, where nobody gives recordings of the real ones.

Conventions
    Sound is float32 [n] mono at SAMPLE_RATE. The same seed gives the same sound.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import signal

Sound = NDArray[np.float32]
Random = np.random.Generator

SAMPLE_RATE = 44100  # Hz


# Rooms and devices


def synthetic_rooms(rt60s: Sequence[float] = (0.25, 0.45, 0.8), seed: int = 1) -> tuple[Sound, ...]:
    """A direct sound and a tail of noise that falls by 60 dB in each of these seconds."""
    return tuple(_room(rt60, np.random.default_rng([seed, i])) for i, rt60 in enumerate(rt60s))


def _room(rt60: float, rng: Random) -> Sound:
    n = int(rt60 * SAMPLE_RATE)
    response = rng.standard_normal(n) * 10 ** (-3 * np.arange(n) / n)
    response[0] = 0.35 * np.sqrt((response[1:] ** 2).sum())  # the listener sits far off: 9 dB more room than music
    return unit_energy(response)


def small_loudspeaker() -> Sound:
    """The response of a small loudspeaker: little bass, a bump at 3 kHz, less treble."""
    hertz = [0, 150, 300, 800, 1500, 3000, 5000, 8000, 12000, SAMPLE_RATE / 2]
    gain = [0, 0.1, 0.6, 1, 0.7, 1.3, 0.8, 0.5, 0.15, 0]
    linear = signal.firwin2(511, hertz, gain, fs=SAMPLE_RATE)
    return unit_energy(signal.minimum_phase(linear, half=False))


def unit_energy(response: Sound) -> Sound:
    return (response / np.sqrt((response**2).sum())).astype(np.float32)


# Noises


def synthetic_noises(seconds: float, seed: int = 1) -> tuple[Sound, ...]:
    """Talk in a pub, one person talking, white noise, pink noise, and mains hum."""
    n, rngs = int(seconds * SAMPLE_RATE), np.random.default_rng(seed).spawn(5)
    return babble(n, rngs[0]), speech(n, rngs[1]), white(n, rngs[2]), pink(n, rngs[3]), hum(n, rngs[4])


def white(n: int, rng: Random) -> Sound:
    return rng.standard_normal(n).astype(np.float32)


def pink(n: int, rng: Random) -> Sound:
    """Noise whose power falls by 3 dB an octave."""
    spectrum = np.fft.rfft(rng.standard_normal(n))
    return np.fft.irfft(spectrum / np.sqrt(np.maximum(np.arange(len(spectrum)), 1)), n).astype(np.float32)


def brown(n: int, rng: Random) -> Sound:
    """Noise whose power falls by 6 dB an octave, as wind and traffic."""
    spectrum = np.fft.rfft(rng.standard_normal(n))
    return np.fft.irfft(spectrum / np.maximum(np.arange(len(spectrum)), 1), n).astype(np.float32)


def applause(n: int, rng: Random) -> Sound:
    """From a few to many hands: claps, each a short burst that rings between 600 and 2,500 Hz, and the murmur of a hall."""
    out = np.zeros(n + SAMPLE_RATE)
    for start in rng.integers(n, size=int(n / SAMPLE_RATE * rng.uniform(8, 150))):
        length = int(SAMPLE_RATE * rng.uniform(0.004, 0.02))
        burst = rng.standard_normal(length) * np.exp(-4 * np.arange(length) / length)
        clap = _resonator(burst, rng.uniform(600, 2500), rng.uniform(600, 1500))
        out[start : start + length] += clap / (np.abs(clap).max() + 1e-9) * rng.uniform(0.1, 1)
    return mix(out[:n].astype(np.float32), pink(n, rng), 25.0).astype(np.float32)


def hum(n: int, rng: Random, mains: float = 50.0, harmonics: int = 24) -> Sound:
    """Mains hum with its overtones, and a little noise."""
    t = np.arange(n) / SAMPLE_RATE
    tones = [rng.uniform(0.2, 1) / k * np.sin(2 * np.pi * (k * mains * t + rng.random())) for k in range(1, harmonics)]
    return (np.sum(tones, axis=0) + 0.05 * rng.standard_normal(n)).astype(np.float32)


def babble(n: int, rng: Random, voices: int = 8) -> Sound:
    """Several people talking at once, over the murmur of many."""
    talk = np.sum([speech(n, voice) for voice in rng.spawn(voices)], axis=0)
    return mix(talk.astype(np.float32), pink(n, rng), 12.0).astype(np.float32)


def speech(n: int, rng: Random) -> Sound:
    """One voice: syllables of a buzz through three moving formants, hisses between them, pauses between sentences."""
    voice, pieces, length = rng.uniform(90, 220), [], 0
    while length < n:
        pause = np.zeros(int(rng.uniform(0.1, 0.6) * SAMPLE_RATE))
        pieces.append(_syllable(voice, rng) if rng.random() < 0.85 else pause)
        length += len(pieces[-1])
    return np.concatenate(pieces)[:n].astype(np.float32)


def _syllable(voice: float, rng: Random) -> Sound:
    n = int(rng.uniform(0.12, 0.28) * SAMPLE_RATE)
    hertz = voice * np.linspace(rng.uniform(0.85, 1.2), rng.uniform(0.8, 1.1), n)
    buzz = np.diff(np.floor(np.cumsum(hertz) / SAMPLE_RATE), prepend=0.0) + 0.01 * rng.standard_normal(n)
    for low, high, width in ((280, 800, 80), (900, 2300, 120), (2300, 3200, 180)):  # Hz: vowels' formants
        buzz = _resonator(buzz, rng.uniform(low, high), width)
    vowel = buzz / (np.abs(buzz).max() + 1e-9) * np.hanning(n)
    hiss = np.diff(rng.standard_normal(n // 3 + 1)) * np.hanning(n // 3) * rng.uniform(0, 0.15)
    return np.concatenate([hiss, vowel])


def _resonator(pcm: Sound, hertz: float, width: float) -> Sound:
    """A two-pole filter that rings at a frequency, `width` Hz wide."""
    radius, angle = np.exp(-np.pi * width / SAMPLE_RATE), 2 * np.pi * hertz / SAMPLE_RATE
    return signal.lfilter([1.0], [1.0, -2 * radius * np.cos(angle), radius**2], pcm)


def mix(pcm: Sound, noise: Sound, snr: float) -> Sound:
    """The sound with noise under it, `snr` dB weaker."""
    return pcm + noise * (rms(pcm) / rms(noise) * 10 ** (-snr / 20))


def rms(pcm: Sound) -> float:
    return float(np.sqrt(np.mean(pcm**2))) + 1e-9


def cut(noises: Sequence[Sound], n: int, rng: Random) -> Sound:
    """n samples from somewhere in one of the noises, repeated where it is too short."""
    noise = noises[rng.integers(len(noises))]
    start = rng.integers(len(noise))
    return np.take(noise, np.arange(start, start + n), mode="wrap")
