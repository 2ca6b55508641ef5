"""Every number that changes a fingerprint, with its unit. An index stores the `Params` it was made with and is read with no others."""

import json
from dataclasses import asdict, dataclass, fields, replace

FRONT_END_VERSION = 2  # raise when the same numbers would give other peaks, or these are packed otherwise
HASH_VERSION = 2  # raise when the same peaks would give other hashes


NOT_IN_PEAKS = (  # the numbers that a stored constellation does not depend on
    *("hash_version", "pair_frames", "pair_bands", "reference_fan", "triple_fan"),
    *("query_rank", "query_fan", "query_triple_fan"),
)


@dataclass(frozen=True)
class Params:
    """The numbers of one algorithm; derived ones are properties.

    A frame is one column of the spectrogram, `hop` samples after the one before it. All neighbourhoods are counted in frames and
    bands, and look ahead as little as possible: what is ahead is the delay of live recognition.
    """

    front_end_version: int = FRONT_END_VERSION
    hash_version: int = HASH_VERSION

    # PCM -> log-mel frames
    sample_rate: int = 11025  # Hz; what every sound is resampled to
    n_fft: int = 2048  # samples a window: 186 ms
    hop: int = 256  # samples from a frame to the next: 23.2 ms
    n_mels: int = 256  # bands
    fmin: float = 150.0  # Hz, lower edge of the lowest band
    fmax: float = 5000.0  # Hz, upper edge of the highest band

    # frames -> whitened levels -> peaks
    mean_past: int = 45  # frames before, over which a band's mean is taken away: 1.0 s
    mean_ahead: int = 3  # frames after
    whiteness: float = 0.3  # share of a band's own mean in what is taken away; the rest is the mean of all bands
    peak_past: int = 5  # frames before, in which a peak is the maximum
    peak_ahead: int = 3  # frames after
    peak_bands: int = 3  # bands to either side
    peak_floor: float = 2.0  # dB above its band's mean that a peak needs
    rank_past: int = 22  # frames before, among whose peaks a peak is ranked: 0.5 s
    rank_ahead: int = 1  # frames after
    reference_rank: int = 22  # peaks of a lower rank (0 is the strongest) are kept of a reference
    query_rank: int = 36  # and of a query, in which noise takes places

    # peaks -> hashes
    pair_frames: int = 60  # frames between the latest peak of a hash and each earlier one, at most: 1.4 s
    pair_bands: int = 48  # bands between them, at most
    reference_fan: int = 6  # earlier peaks that a reference's peak makes pairs with
    query_fan: int = 10  # and a query's
    triple_fan: int = 0  # earlier peaks of which a reference's peak makes triples, two at a time; 0: the index has no triples
    query_triple_fan: int = 8  # and a query's

    @property
    def frame_seconds(self) -> float:
        return self.hop / self.sample_rate

    @property
    def look_ahead(self) -> int:
        """Frames that must have been heard after a frame before its peaks are decided."""
        return self.mean_ahead + self.peak_ahead + self.rank_ahead

    @property
    def delay(self) -> float:
        """Seconds from a sound to its peak: window, look-ahead, and the resampler's filter."""
        return (self.n_fft + self.look_ahead * self.hop) / self.sample_rate + RESAMPLER_DELAY

    def same_front_end(self, other: "Params") -> bool:
        """Whether a reference's peaks are the same under both."""
        return replace(self, **{name: getattr(other, name) for name in NOT_IN_PEAKS}) == other

    @staticmethod
    def versions() -> dict[str, int]:
        """The fields that must be as they are here for an index to be read, whatever numbers it was made with."""
        return {"front_end_version": FRONT_END_VERSION, "hash_version": HASH_VERSION}

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Params":
        """The numbers in `text`; names that this version does not know are dropped, so that versions can be compared at all."""
        known = {f.name for f in fields(cls)}
        return cls(**{name: value for name, value in json.loads(text).items() if name in known})


RESAMPLER_DELAY = 0.03  # seconds; soxr HQ to 11,025 Hz, and the block it works in
