"""PCM -> peaks, live or from a file: the resampler, the spectrogram and the constellation in one object."""

import numpy as np
from numpy.typing import NDArray

from core.audio import Resampler, mono
from core.constellation import Constellation, Levels, Peaks
from core.errors import EarprintError
from core.params import Params
from core.spectrogram import Spectrogram

MIN_RATE, MAX_RATE = 8_000, 192_000  # Hz


class Fingerprinter:
    """Feed it PCM in blocks of any size, then `finish`: the peaks are the same for any split, to the bit.

    State: what the resampler, the spectrogram and the constellation have not decided yet. `params.delay` is how far they are behind.
    """

    def __init__(self, params: Params, sample_rate: int) -> None:
        """sample_rate: Hz of the PCM to come, 8,000 to 192,000; raises EarprintError for others."""
        if not MIN_RATE <= sample_rate <= MAX_RATE:
            raise EarprintError(f"sample rate {sample_rate} Hz: give {MIN_RATE} to {MAX_RATE} Hz")
        self.params = params
        self._resampler = Resampler(sample_rate, params.sample_rate)
        self._spectrogram = Spectrogram(params)
        self._constellation = Constellation(params)

    def feed(self, pcm: NDArray[np.float32]) -> Peaks:
        """pcm: float32 [n] or [n, channels], amplitude -1..1 (what is not finite counts as 0). Returns the PEAK [k] decided by it."""
        return self._constellation.feed(self._spectrogram.feed(self._resampler.feed(mono(pcm))))

    def finish(self) -> Peaks:
        """The sound is over: returns the PEAK [k] still undecided."""
        return self._constellation.feed(self._spectrogram.feed(self._resampler.finish()), last=True)

    @property
    def levels(self) -> Levels:
        """int8 [t, n_mels], 1/4 dB over the mean: the frames whitened by the last call. Queries are judged by them."""
        return self._constellation.levels

    @property
    def upto(self) -> int:
        """Frames whose peaks have been given out."""
        return self._constellation.upto
