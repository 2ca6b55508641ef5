"""PCM: bytes from a socket -> PCM, one sample rate -> another, many channels -> one.

All PCM is float32 `[n]`, mono, amplitude -1..1, at the source's own rate until a Resampler changes that.
"""

from typing import Literal

import numpy as np
import soxr
from numpy.typing import NDArray

Array = NDArray[np.float32]

LOUDEST = 2.0**31  # amplitude; floats on an integer scale exist, what is louder still is damage


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
        self._rest = b""

    def feed(self, data: bytes) -> Array:
        """The whole samples there are now."""
        data = self._rest + data if self._rest else data
        whole = len(data) - len(data) % self._frame_bytes
        self._rest = data[whole:]
        samples = np.frombuffer(data, self._dtype, whole // self._sample_bytes)
        with np.errstate(invalid="ignore"):  # of the many kinds of NaN, numpy complains of some
            pcm = np.multiply(samples, self._scale, dtype=np.float32)
        return mono(pcm if self._channels == 1 else pcm.reshape(-1, self._channels))


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
    return _sane(pcm) if pcm.ndim == 1 else average(list(pcm.T))


def average(channels: list[Array]) -> Array:
    """The mean of some float32 [n], where what is no number, or absurdly loud, counts as 0."""
    # Added one by one: numpy's own sum takes another order for another number of samples.
    first, *rest = map(_sane, channels)
    total = first.copy()
    for channel in rest:
        total += channel
    total /= np.float32(len(channels))
    return total


def _sane(pcm: Array) -> Array:
    """What is no number, or absurdly loud, as 0."""
    if len(pcm) and pcm.min() >= -LOUDEST and pcm.max() <= LOUDEST:  # false for NaN
        return pcm
    return np.where(np.abs(pcm) <= LOUDEST, pcm, np.float32(0))
