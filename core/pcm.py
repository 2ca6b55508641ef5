"""PCM: bytes from a socket -> PCM, one sample rate -> another, many channels -> one.

All PCM is float32 `[n]`, mono, amplitude -1..1, at the source's own rate until a Resampler changes that.
"""

from typing import Literal

import numpy as np
import soxr
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float32]

LOUDEST = 2.0**31  # amplitude; floats on an integer scale exist, what is louder still is damage
MIX_STEP = 64  # samples for which a mixer keeps its weights
LEVEL_STEPS = 32  # time constant of the energies that the weights follow: 46 ms at 44.1 kHz
START_STEPS = 8  # time constant of the trust that the mean is intact, as long as there is hardly any sound to tell by
CANCELLED = 0.02  # energy of the mean of all channels / mean energy of a channel, up to which only the strongest channel is taken
INTACT = 0.05  # the same, from which only the mean is taken; between the two they are blended
STRONGER = 2.0  # energy of a channel / that of the chosen one, from which it is chosen instead: equals do not take turns


class Pcm:
    """Raw little-endian PCM bytes, channels interleaved -> float32 `[n]` mono.

    Bytes of a sample that is not complete yet wait for the rest of it. NaN and infinity become 0.
    """

    def __init__(self, format: Literal["s16le", "f32le"], channels: int) -> None:
        self._dtype, scale = {"s16le": ("<i2", 2.0**-15), "f32le": ("<f4", 1.0)}[format]
        self._scale = np.float32(scale)
        self._channels = channels
        self._sample_bytes = np.dtype(self._dtype).itemsize
        self._frame_bytes = self._sample_bytes * channels
        self._mixer = Mixer()
        self._rest = b""

    def feed(self, data: bytes) -> Array:
        """The whole samples there are now."""
        data = self._rest + data if self._rest else data
        whole = len(data) - len(data) % self._frame_bytes
        self._rest = data[whole:]
        samples = np.frombuffer(data, self._dtype, whole // self._sample_bytes)
        with np.errstate(invalid="ignore"):  # of the many kinds of NaN, numpy complains of some
            pcm = np.multiply(samples, self._scale, dtype=np.float32)
        return self._mixer.feed(pcm if self._channels == 1 else pcm.reshape(-1, self._channels))


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


class Mixer:
    """Many channels -> one: their mean or, where the channels cancel each other, the strongest of them.

    A cable of wrong polarity makes the right channel minus the left, and their mean silence. The weights of mean and channel change every
    `MIX_STEP` samples, counted from the first one ever, with the energies before: any split of the input gives the same output, to the bit.
    State: these energies, and the samples fed.
    """

    def __init__(self) -> None:
        self._start(1)

    def _start(self, channels: int) -> None:
        self._energies = np.zeros((2, 1 + channels))  # of the mean and of each channel: smoothed, and the sums of this step
        self._counts = np.zeros(2, np.int64)  # samples fed; the strongest channel

    def feed(self, pcm: Array) -> Array:
        """float32 `[n]` or `[n, channels]` -> `[n]`. What is no number, or absurdly loud, counts as 0."""
        return _sane(pcm) if pcm.ndim == 1 else self.mix(list(pcm.T))

    def mix(self, channels: list[Array]) -> Array:
        """The same for a float32 `[n]` of each channel. Another number of channels than before starts anew."""
        if len(channels) == 1:
            return _sane(channels[0])
        if self._energies.shape[1] != 1 + len(channels):
            self._start(len(channels))
        return np.asarray(_mix(np.stack([_sane(channel) for channel in channels]), self._energies, self._counts))


def _sane(pcm: Array) -> Array:
    """What is no number, or absurdly loud, as 0."""
    if len(pcm) and pcm.min() >= -LOUDEST and pcm.max() <= LOUDEST:  # false for NaN
        return pcm
    return np.where(np.abs(pcm) <= LOUDEST, pcm, np.float32(0))


@njit(cache=True, nogil=True)
def _mix(planes, energies, counts):  # type: ignore[no-untyped-def]
    """planes: float32 [channels, n]; energies: float64 [2, 1 + channels] and counts: int64 [2], which are updated."""
    channels, n = planes.shape
    out = np.empty(n, np.float32)
    levels, sums = energies
    i = 0
    while i < n:
        last = min(i + MIX_STEP - counts[0] % MIX_STEP, n)
        weight, chosen = np.float32(_channel_weight(levels, counts[0] // MIX_STEP)), counts[1]
        for j in range(i, last):
            total = np.float32(0.0)
            for c in range(channels):
                x = planes[c, j]
                total += x
                sums[1 + c] += np.float64(x) * x
            mean = total / np.float32(channels)
            sums[0] += np.float64(mean) * mean
            out[j] = mean + weight * (planes[chosen, j] - mean) if weight > 0 else mean
        counts[0] += last - i
        i = last
        if counts[0] % MIX_STEP == 0:
            levels += (sums - levels) / LEVEL_STEPS
            sums[:] = 0.0
            strongest = np.argmax(levels[1:])
            if levels[1 + strongest] > STRONGER * levels[1 + chosen]:
                counts[1] = strongest
    return out


@njit(cache=True, nogil=True)
def _channel_weight(levels, steps):  # type: ignore[no-untyped-def]
    """The weight of the strongest channel, 0 to 1. In the beginning the mean counts as intact, until there is enough sound to tell."""
    energy = levels[1:].mean()
    share = levels[0] / energy if energy > 0.0 else 1.0
    share += np.exp(-steps / START_STEPS)
    return min(max((INTACT - share) / (INTACT - CANCELLED), 0.0), 1.0)
