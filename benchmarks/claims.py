"""What is claimed while a programme plays, and what that is worth.

Conventions
    Times are seconds of audio heard (`elapsed` of the events). What is claimed at a moment is the last match that was
    not lost. A place is (segment, start, end) in the programme. A pause is not judged.

Metrics
    claimed     known segments in which their track was claimed; seconds from their start to that (median, 90 %)
    lost        seconds from the end of a segment whose track is claimed to `lost` (median, 90 %)
    flaps       claims of a segment's track that were withdrawn and made again within it
    wrong       matches of something else while a known track plays; false: any match while none does; for each an hour.
                The track of the segment before may still be claimed for GRACE seconds
    labelled    seconds in whose middle exactly what plays is claimed, or nothing where nothing known does
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.programme import Segment, placed

GRACE = 3.0  # seconds
SECONDS_PER_HOUR = 3600
Place = tuple[Segment, float, float]


@dataclass(frozen=True)
class Span:
    """A claim, and from when to when it stood."""

    tracks: frozenset[int]  # the track and its twins
    start: float
    end: float
    title: str


def spans(events: Iterable[dict[str, Any]]) -> Iterator[Span]:
    """The claims in the events: from each match to its loss, or to the end."""
    guess, start = None, 0.0
    for event in events:
        if guess and event["type"] in ("lost", "end"):
            tracks = frozenset([guess["track"]["id"], *(twin["id"] for twin in guess["twins"])])
            yield Span(tracks, start, event["elapsed"], guess["track"]["title"])
            guess = None
        if event["type"] == "match":
            guess, start = event["guess"], event["elapsed"]


# Metrics


@dataclass(frozen=True)
class Visit:
    """A known segment, and the claims of its track that stood while it played."""

    start: float
    end: float
    claims: list[Span]
    followed: bool  # by something else, so that its track should be lost

    @property
    def lost_late(self) -> bool:
        return self.followed and bool(self.claims) and self.claims[-1].end >= self.end


@dataclass(frozen=True)
class Score:
    """What the claims in some programmes were worth."""

    visits: list[Visit]
    wrong: list[Span]
    false: list[Span]
    labels: list[bool]  # of each judged second
    known_hours: float
    other_hours: float


def score(claims: Sequence[Span], segments: Sequence[Segment]) -> Score:
    """What the claims made in this programme were worth."""
    places = list(placed(segments))
    visited = list(visits(claims, places))
    bad = [(span, segment) for span in claims for segment in wrongly_claimed(span, places)]
    known_seconds = sum(visit.end - visit.start for visit in visited)
    return Score(
        visits=visited,
        wrong=[span for span, segment in bad if segment.truth],
        false=[span for span, segment in bad if not segment.truth],
        labels=[label for place in places if place[0].judged for label in labels(claims, *place)],
        known_hours=known_seconds / SECONDS_PER_HOUR,
        other_hours=(places[-1][2] - known_seconds) / SECONDS_PER_HOUR,
    )


def visits(claims: Sequence[Span], places: Sequence[Place]) -> Iterator[Visit]:
    following = [*(segment for segment, _, _ in places[1:]), None]
    for (segment, start, end), after in zip(places, following, strict=True):
        if segment.truth and segment.judged:
            right = [c for c in claims if not c.tracks.isdisjoint(segment.truth) and c.start < end and c.end > start]
            yield Visit(start, end, right, after is not None and after.truth.isdisjoint(segment.truth))


def wrongly_claimed(span: Span, places: Sequence[Place]) -> Iterator[Segment]:
    """The segment in which the span began, if it claims neither its track nor, within GRACE, that of the one before."""
    before: frozenset[int] = frozenset()
    for segment, start, end in places:
        if start <= span.start < end:
            allowed = segment.truth | (before if span.start < start + GRACE else frozenset())
            if allowed.isdisjoint(span.tracks):
                yield segment
        before = segment.truth


def labels(claims: Sequence[Span], segment: Segment, start: float, end: float) -> list[bool]:
    """Of each whole second of the segment: whether what is claimed in its middle is right."""
    return [is_labelled(claims, segment.truth, start + second + 0.5) for second in range(int(end - start))]


def is_labelled(claims: Sequence[Span], truth: frozenset[int], moment: float) -> bool:
    tracks = next((span.tracks for span in claims if span.start <= moment < span.end), frozenset())
    return not tracks.isdisjoint(truth) if truth else not tracks


def together(scores: Sequence[Score]) -> Score:
    """The score of all programmes as if they were one."""
    return Score(
        visits=[visit for s in scores for visit in s.visits],
        wrong=[span for s in scores for span in s.wrong],
        false=[span for s in scores for span in s.false],
        labels=[label for s in scores for label in s.labels],
        known_hours=sum(s.known_hours for s in scores),
        other_hours=sum(s.other_hours for s in scores),
    )
