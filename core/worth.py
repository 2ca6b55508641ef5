"""What a look-up may expect of each posting list: the chance that it holds a true hit.

Peaks do not all survive alike. A strong peak is heard through noise and a weak one is not; the nearer partners are chosen again and the
last ones are not; and rooms, speakers and turntables move a peak by a frame or a band. So the chance that the list of a hash, displaced
by some bands and frames, holds a posting of the track that is playing is taken as a product of factors, which `benchmarks.fit_worth`
fits on half of the development tracks, in synthetic rooms and noises: log2 of each is in worth.json.

Which lists are worth reading first is the question of query-directed probing: Lv et al., "Multi-Probe LSH", VLDB 2007.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.hashes import KINDS, Kind, Traits
from core.warps import PLAIN as PLAIN_WARP
from core.warps import Warp

WORTH_FILE = Path(__file__).with_name("worth.json")
REACH = 2  # frames by which the last frame step of a hash may be off
PLAIN, RECORD, TEMPO, PITCH = "plain", "record", "tempo", "pitch"  # situations: what is assumed to have been done to the music
DIGITS = 3


@dataclass(frozen=True, eq=False)
class Worth:
    """Of one kind of hash in one situation.

    traits: for each trait of a hash, log2 of the factor of each of its values, float32 [t, values] (the last stands for all beyond);
    moves: what is added to a hash for each displacement, int64 [d]; chances: log2 of the chance of a true hit where the last frame
    step is off by 0 to REACH frames, to either side, float32 [d, REACH + 1].
    """

    traits: NDArray[np.float32]
    moves: NDArray[np.int64]
    chances: NDArray[np.float32]

    @classmethod
    def of(cls, traits: Sequence[NDArray[np.float64]], moves: Sequence[int], chances: NDArray[np.float64]) -> "Worth":
        width = max(map(len, traits))
        padded = [np.pad(factors, (0, width - len(factors)), mode="edge") for factors in traits]
        return cls(np.array(padded, np.float32), np.array(moves, np.int64), np.asarray(chances, np.float32))

    def of_hashes(self, traits: Traits) -> NDArray[np.float32]:
        """traits: u8 [h, t]. Returns log2 of the product of their factors, float32 [h]."""
        last = self.traits.shape[1] - 1
        total = np.zeros(len(traits), np.float32)
        for factors, values in zip(self.traits, traits.T, strict=True):
            total += factors[np.minimum(values, last)]
        return total


def dump(worths: Mapping[tuple[str, int], Worth], path: Path) -> None:
    """Write what was fitted for each (situation, number of a kind)."""
    rows = [
        {
            "situation": situation,
            "kind": KINDS[number].name,
            "traits": [[round(float(x), DIGITS) for x in row] for row in worth.traits],
            "moves": worth.moves.tolist(),
            "chances": [[round(float(x), DIGITS) for x in row] for row in worth.chances],
        }
        for (situation, number), worth in worths.items()
    ]
    path.write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")


@cache
def load() -> dict[tuple[str, Kind], Worth]:
    """The shipped tables, by situation and kind."""
    kinds = {kind.name: kind for kind in KINDS}
    return {
        (row["situation"], kinds[row["kind"]]): Worth(
            np.array(row["traits"], np.float32), np.array(row["moves"], np.int64), np.array(row["chances"], np.float32)
        )
        for row in json.loads(WORTH_FILE.read_text())
    }


def situation(warp: Warp) -> str:
    """Which table holds where a query's peaks are moved by `warp`: beside a rung of the ladder of warps, all peaks are off together."""
    if warp == PLAIN_WARP:
        return PLAIN
    if warp.pitch == 0:
        return TEMPO
    return PITCH if warp.speed == 1.0 else RECORD
