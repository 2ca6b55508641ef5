"""Live recognition: PCM in, events out. Time is the number of samples heard; a file is a stream that ends.

    Recognizer = core.Fingerprinter (PCM -> peaks) + Matcher (peaks -> answers)
    Session    = the wire protocol around a Recognizer

Importing `stream` is light: a name below brings its module when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stream.events import End, Guesses, Lost, Match
    from stream.matcher import Event, Matcher
    from stream.protocol import Session
    from stream.recognizer import Answer, Recognizer, identify, recognize, warm
    from stream.sight import Seen

_HOME = {
    "Answer": "recognizer",
    "End": "events",
    "Event": "matcher",
    "Guesses": "events",
    "Lost": "events",
    "Match": "events",
    "Matcher": "matcher",
    "Recognizer": "recognizer",
    "Seen": "sight",
    "Session": "protocol",
    "identify": "recognizer",
    "recognize": "recognizer",
    "warm": "recognizer",
}

__all__ = [
    "Answer",
    "End",
    "Event",
    "Guesses",
    "Lost",
    "Match",
    "Matcher",
    "Recognizer",
    "Seen",
    "Session",
    "identify",
    "recognize",
    "warm",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'stream' has no attribute {name!r}")
    return getattr(import_module(f"stream.{_HOME[name]}"), name)
