"""When a library is so large that it needs hashes of three peaks, and what it takes to rebuild one.

Pairs take 21 bits, so the lists of pairs grow with the library until a budget of postings reads too few of them. Triples take 34: their
lists stay short, at the price of as many postings again, and of peaks that must survive three at a time (docs/scale.md).
"""

from core.params import Params

TRIPLES_FROM = 300_000_000  # postings of pairs, about 400 hours
TRIPLE_FAN = 4  # earlier peaks of which a peak makes triples: six, as many as pairs
POSTINGS_A_SECOND = 1_500_000  # that a rebuild makes and merges on one core
BYTES_A_POSTING = 5.5  # of disk, pages that are free for a time included


def needs_triples(peaks: int, params: Params) -> bool:
    """Whether pairs alone would find too little in a library with this many peaks."""
    return peaks * params.reference_fan >= TRIPLES_FROM


def rebuild_cost(peaks: int, params: Params) -> str:
    """What a rebuild from constellations takes, in words: time on one core, and disk."""
    postings = peaks * (params.reference_fan + params.triple_fan * (params.triple_fan - 1) // 2)
    minutes = max(1, round(postings / POSTINGS_A_SECOND / 60))
    return f"about {minutes:,} minute{'s' if minutes > 1 else ''}, and {postings * BYTES_A_POSTING / 1e9:,.1f} GB of disk"
