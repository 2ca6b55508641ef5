"""PCM -> log-mel frames. The window and the mel bank are built once; any split of the PCM gives the same frames to the bit."""

from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

from core.params import Params

POWER_FLOOR = 1e-7  # power of a mel band below which there is nothing: the rounding noise of 16-bit sound; a full-scale sine has 3e5
BLOCK_FRAMES = 24  # transformed at a time, four by four; their windows and spectra stay in a core's cache, and are memory used again
SILENCE_DB = 10.0 * np.log10(POWER_FLOOR)

Pcm = NDArray[np.float32]
Frames = NDArray[np.float32]


class Spectrogram:
    """Turns PCM into log-mel frames. State: the samples that the next window still needs."""

    def __init__(self, params: Params) -> None:
        self.params = params
        self._window = hann(params.n_fft)
        self._bank = mel_bank(params)
        self._rest: Pcm = np.zeros(0, np.float32)

    def feed(self, pcm: Pcm) -> Frames:
        """pcm: float32 [n], mono at `params.sample_rate`. Returns float32 [t, n_mels], dB: the frames whose whole window is here."""
        pcm = np.concatenate([self._rest, pcm])
        n_fft, hop = self.params.n_fft, self.params.hop
        count = max(0, (len(pcm) - n_fft) // hop + 1)
        self._rest = pcm[count * hop :].copy()
        frames = np.empty((count, self.params.n_mels), np.float32)
        if count:
            windows = _windows(pcm, n_fft, hop)
            scratch = np.empty((min(count, BLOCK_FRAMES), n_fft), np.float32)
            for some in (slice(first, first + BLOCK_FRAMES) for first in range(0, count, BLOCK_FRAMES)):
                windowed = np.multiply(windows[some], self._window, out=scratch[: len(windows[some])])
                frames[some] = mel_power(windowed, self._bank)
        return decibels(frames)


def _windows(pcm: Pcm, n_fft: int, hop: int) -> Pcm:
    """The windows that are whole, float32 [t, n_fft], as a view, read only. (numpy's functions for that take as long as the Fourier
    transform of four.)"""
    count = (len(pcm) - n_fft) // hop + 1
    return np.ndarray((count, n_fft), np.float32, pcm.data.toreadonly(), strides=(hop * pcm.itemsize, pcm.itemsize))


def mel_power(windowed: Pcm, bank: "MelBank") -> Frames:
    """windowed: float32 [t, n_fft]. Returns the power in each mel band, float32 [t, n_mels]
    (as `librosa.feature.melspectrogram(center=False, norm=None)` has it)."""
    from core.fourier import rfft  # slow to import, and reading an index needs none

    power: Frames = _banded_power(rfft(windowed).view(np.float32), *bank)
    return power


def decibels(power: Frames) -> Frames:
    """10 log10, floored at `SILENCE_DB`. Writes over `power`."""
    np.maximum(power, np.float32(POWER_FLOOR), out=power)
    np.log10(power, out=power)
    power *= np.float32(10.0)
    return power


MelBank = tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.int32]]


@lru_cache
def hann(n: int) -> Pcm:
    """The periodic Hann window, float32 [n]."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n)).astype(np.float32)


@lru_cache
def mel_bank(params: Params) -> MelBank:
    """librosa's mel filters as bands of their non-zero weights: weights float32 [n_mels, widest], first bin and width, int32 [n_mels].

    A dense product by BLAS gives other bits for another number of rows; summing each band in order does not, and is faster.
    """
    dense = _triangles(_mel_hertz(params), np.fft.rfftfreq(params.n_fft, 1 / params.sample_rate).astype(np.float64))
    first = np.argmax(dense > 0, axis=1).astype(np.int32)
    width = np.count_nonzero(dense, axis=1).astype(np.int32)
    weights = np.zeros((params.n_mels, width.max()), np.float32)
    for band in range(params.n_mels):
        weights[band, : width[band]] = dense[band, first[band] : first[band] + width[band]]
    return weights, first, width


@lru_cache
def band_hertz(params: Params) -> NDArray[np.float64]:
    """The centre of each band, float64 [n_mels], Hz."""
    return _mel_hertz(params)[1:-1]


def _mel_hertz(params: Params) -> NDArray[np.float64]:
    """Each band reaches from the centre of the band before to that of the one after: float64 [n_mels + 2], Hz."""
    from librosa import mel_frequencies

    return np.asarray(mel_frequencies(n_mels=params.n_mels + 2, fmin=params.fmin, fmax=params.fmax), np.float64)


def _triangles(edges: NDArray[np.float64], bins: NDArray[np.float64]) -> Frames:
    """`librosa.filters.mel` to the bit, float32 [n_mels, bins]; to import that takes ten times as long as to import the rest of this."""
    slopes, ramps = np.diff(edges)[:, None], edges[:, None] - bins
    rising, falling = -ramps[:-2] / slopes[:-1], ramps[2:] / slopes[1:]
    return np.maximum(0, np.minimum(rising, falling)).astype(np.float32)


@njit(cache=True, nogil=True)
def _banded_power(spectrum, weights, first, width):  # type: ignore[no-untyped-def]
    """spectrum: float32 [t, 2 * bins], real and imaginary parts in turn, of which compilers make better code than of complex numbers.

    Four frames at a time: a sum waits for each of its additions, and four sums wait together.
    """
    last = len(spectrum) - 1
    out = np.empty((len(spectrum), len(first)), np.float32)
    power = np.empty((4, spectrum.shape[1] // 2), np.float32)
    for t in range(0, len(spectrum), 4):
        t1, t2, t3 = min(t + 1, last), min(t + 2, last), min(t + 3, last)
        p0, p1, p2, p3 = power
        _square(spectrum[t], p0)
        _square(spectrum[t1], p1)
        _square(spectrum[t2], p2)
        _square(spectrum[t3], p3)
        for b in range(len(first)):
            s0 = s1 = s2 = s3 = np.float32(0.0)
            for j in range(width[b]):
                weight, k = weights[b, j], first[b] + j
                s0 += weight * p0[k]
                s1 += weight * p1[k]
                s2 += weight * p2[k]
                s3 += weight * p3[k]
            out[t, b], out[t1, b], out[t2, b], out[t3, b] = s0, s1, s2, s3
    return out


@njit(cache=True, nogil=True)
def _square(row, out):  # type: ignore[no-untyped-def]
    for k in range(len(out)):
        out[k] = row[2 * k] * row[2 * k] + row[2 * k + 1] * row[2 * k + 1]
