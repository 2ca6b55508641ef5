"""PCM -> peaks, live or from a file: the resampler, the spectrogram and the constellation in one object."""

import math

import numpy as np
from numpy.typing import NDArray

from core.constellation import Constellation, Levels, Peaks
from core.errors import EarprintError
from core.params import Params
from core.pcm import Mixer, Resampler
from core.spectrogram import Spectrogram

MIN_RATE, MAX_RATE = 8_000, 192_000  # Hz


class Fingerprinter:
    """Feed it PCM in blocks of any size, then `finish`: the peaks are the same for any split, to the bit.

    State: the PCM that cannot decide anything yet, and what the resampler, the spectrogram and the constellation have not decided.
    `params.delay` is how far they are behind.
    """

    def __init__(self, params: Params, sample_rate: int, step: int = 1) -> None:
        """sample_rate: Hz of the PCM to come, 8,000 to 192,000; raises EarprintError for others. step: frames; who looks at the peaks
        only when so many more are decided has them as soon as with a step of 1, at a fraction of the cost of many small blocks."""
        if not MIN_RATE <= sample_rate <= MAX_RATE:
            raise EarprintError(f"sample rate {sample_rate} Hz: give {MIN_RATE} to {MAX_RATE} Hz")
        self.params = params
        self._step = step
        self._until = 0  # frames that have to be decided before anybody looks
        self._ratio = sample_rate / params.sample_rate
        self._mixer = Mixer()
        self._resampler = Resampler(sample_rate, params.sample_rate)
        self._spectrogram = Spectrogram(params)
        self._constellation = Constellation(params)
        self._heard: list[NDArray[np.float32]] = []  # PCM as it came: a call for each small block would cost more than the work
        self._fed = 0  # samples that came, ever
        self._waiting: list[NDArray[np.float32]] = []  # PCM, resampled
        self._samples = 0  # resampled, ever

    def feed(self, pcm: NDArray[np.float32]) -> Peaks:
        """pcm: float32 [n] or [n, channels], amplitude -1..1 (what is not finite counts as 0). Returns the PEAK [k] decided by it."""
        pcm = self._mixer.feed(pcm)
        self._fed += len(pcm)
        if self.wanted:
            self._heard.append(pcm.copy())  # the caller may write over it
            return self._constellation.nothing()
        self._resample(pcm)
        return self._decide() if self._samples >= self._enough() else self._constellation.nothing()

    def finish(self) -> Peaks:
        """The sound is over: returns the PEAK [k] still undecided."""
        self._resample(np.zeros(0, np.float32))
        self._wait(self._resampler.finish())
        return self._decide(last=True)

    def wait_for(self, frame: int) -> None:
        """Nobody looks at the peaks before those of so many frames are decided: until then nothing is, and then all at once."""
        self._until = frame

    @property
    def wanted(self) -> int:
        """How many more samples have to be fed, at least, until something can be decided."""
        return max(0, math.ceil(self._enough() * self._ratio) - self._fed)

    def _resample(self, pcm: NDArray[np.float32]) -> None:
        """All that was heard, and `pcm` after it."""
        self._wait(self._resampler.feed(np.concatenate([*self._heard, pcm]) if self._heard else pcm))
        self._heard.clear()

    def _wait(self, pcm: NDArray[np.float32]) -> None:
        self._waiting.append(pcm)
        self._samples += len(pcm)

    def _enough(self) -> int:
        """How many samples, resampled, decide the next step, or the frames that are waited for."""
        p = self.params
        frames = max(self._until, (self.upto // self._step + 1) * self._step) + p.look_ahead
        return (frames - 1) * p.hop + p.n_fft

    def _decide(self, last: bool = False) -> Peaks:
        waiting, self._waiting = self._waiting, []
        return self._constellation.feed(self._spectrogram.feed(np.concatenate(waiting)), last)

    @property
    def levels(self) -> Levels:
        """int8 [t, n_mels], 1/4 dB over the mean: the frames whitened by the last call. Queries are judged by them."""
        return self._constellation.levels

    @property
    def upto(self) -> int:
        """Frames whose peaks have been given out."""
        return self._constellation.upto
