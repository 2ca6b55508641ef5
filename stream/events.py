"""What a listener is told."""

from dataclasses import dataclass
from typing import Any

from core.evidence import Guess
from core.kinds import SILENCE


@dataclass(frozen=True)
class Guesses:
    """What may be playing, best first. heard: the kind of sound lately, see core/kinds.py."""

    elapsed: float
    guesses: tuple[Guess, ...]
    absent: float
    heard: str = SILENCE

    def to_json(self) -> dict[str, Any]:
        return {"type": "guesses", "elapsed": round(self.elapsed, 3), **answer_json(self.guesses, self.absent, self.heard)}


@dataclass(frozen=True)
class Match:
    """A claim."""

    elapsed: float
    guess: Guess

    def to_json(self) -> dict[str, Any]:
        return {"type": "match", "elapsed": round(self.elapsed, 3), "guess": self.guess.to_json()}


@dataclass(frozen=True)
class Lost:
    """The claimed track (its id) is no longer playing, or the claim proved wrong."""

    elapsed: float
    track: int

    def to_json(self) -> dict[str, Any]:
        return {"type": "lost", "elapsed": round(self.elapsed, 3), "track": self.track}


@dataclass(frozen=True)
class End:
    """All was heard. match: the claim that stands, else the last one made, else None; heard: what kind of sound most of it was; tracks: how
    many the library holds."""

    elapsed: float
    match: Guess | None
    guesses: tuple[Guess, ...]
    absent: float
    heard: str = SILENCE
    tracks: int = 0

    def to_json(self) -> dict[str, Any]:
        return {
            "type": "end",
            "elapsed": round(self.elapsed, 3),
            "match": self.match and self.match.to_json(),
            **answer_json(self.guesses, self.absent, self.heard),
            "tracks": self.tracks,
        }


def answer_json(guesses: tuple[Guess, ...], absent: float, heard: str) -> dict[str, Any]:
    return {"guesses": [g.to_json() for g in guesses], "absent": round(absent, 6), "heard": heard}
