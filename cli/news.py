"""What a listener on a terminal is told: only news, a line each."""

from collections import deque

from cli.said import REMARKABLE_CENTS, REMARKABLE_SPEED, Record, clock, guess_text, name_of, no_match

WORTH_SAYING = 0.1  # confidence; a guess below it is chance
SETTLED_GUESSES = 4  # in a row that have to agree about the speed
SETTLED_SPEED = 0.003  # that they may differ by, as a ratio


class News:
    """Turns a server's messages into lines. State: what was said last, and how fast the leading track has been heard to be."""

    def __init__(self) -> None:
        self._names: dict[int, str] = {}  # of the tracks that were claimed, which `lost` names by their ids
        self._claimed: int | None = None
        self._leader: int | None = None
        self._speeds: deque[float] = deque(maxlen=SETTLED_GUESSES)
        self._speed_said = False

    def line(self, event: Record) -> str | None:
        """Return what to print for a message: `0:07  match    Title - Artist  at 1:23  (99.9 %, 45 bits)`, or None for no news."""
        text = self._text(event)
        return text and f"{clock(event.get('elapsed', 0.0))}  {text[0]:7}  {text[1]}"

    def _text(self, event: Record) -> tuple[str, str] | None:
        match event["type"]:
            case "ready":
                return "ready", f"{event['tracks']:,} tracks"
            case "match":
                self._claimed = event["guess"]["track"]["id"]
                self._names[self._claimed] = name_of(event["guess"]["track"])
                return "match", self._said(event["guess"])
            case "lost":
                self._claimed = self._leader = None
                return "lost", self._names.get(event["track"], f"track {event['track']}")
            case "guesses":
                return self._guesses(event["guesses"])
            case "end":
                return "end", guess_text(event["match"], "position") if event["match"] else no_match(event, "position")
        return None

    def _guesses(self, guesses: list[Record]) -> tuple[str, str] | None:
        if not guesses or guesses[0]["confidence"] < WORTH_SAYING:
            return None
        best = guesses[0]
        is_new = best["track"]["id"] != self._leader
        self._follow(best)
        if is_new and best["track"]["id"] != self._claimed:
            return "guess", self._said(best)
        if self._claimed == best["track"]["id"] and self._settled and not self._speed_said and _is_remarkable(best):
            return "speed", self._said(best)
        return None

    def _follow(self, best: Record) -> None:
        if best["track"]["id"] != self._leader:
            self._leader, self._speed_said = best["track"]["id"], False
            self._speeds.clear()
        self._speeds.append(best["speed"])

    @property
    def _settled(self) -> bool:
        return len(self._speeds) == SETTLED_GUESSES and max(self._speeds) - min(self._speeds) <= SETTLED_SPEED

    def _said(self, guess: Record) -> str:
        settled = guess["track"]["id"] == self._leader and self._settled
        self._speed_said = self._speed_said or settled
        return guess_text(guess, "position", settled=settled)


def _is_remarkable(guess: Record) -> bool:
    return bool(abs(guess["speed"] - 1) >= REMARKABLE_SPEED or abs(guess["pitch_cents"]) >= REMARKABLE_CENTS)
