"""Conversations that a listener may have with `stream.protocol.Session`, most of them wrong, and what must hold of each."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from core.demo import demo_track
from core.index import Index
from stream.protocol import FORMATS, Limits, Session

Message = str | bytes
Transcript = Sequence[Message]

LIMITS = Limits(message_bytes=1 << 16, silence_seconds=3.0)
HANG_SECONDS = 20.0  # of CPU time, for a message of at most 64 KiB; the first one compiles what is not compiled yet
DELAY_SECONDS = 0.1  # that an answer may say too much of what it needed, until the end shows that there was less
RATES = (8_000, 11_025, 44_100, 48_000, 192_000)  # Hz
TYPES = {"ready", "guesses", "match", "lost", "constellation", "end", "error"}
CLOSES = {1000, 1003, 1007, 1008, 1009}
MUSIC = demo_track(0, 8.0, 8_000)
SOUNDS = {"s16le": (MUSIC * 32_767).astype("<i2").tobytes(), "f32le": MUSIC.astype("<f4").tobytes()}

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
good_starts = st.fixed_dictionaries(
    {
        "type": st.just("start"),
        "sample_rate": st.sampled_from(RATES),
        "format": st.sampled_from(sorted(FORMATS)),
        "channels": st.integers(1, 3),
        "constellation": st.booleans(),
    }
)
keys = st.sampled_from(["type", "sample_rate", "format", "channels", "constellation"])
bad_starts = st.builds(lambda start, key, value: {**start, key: value}, good_starts, keys, anything)
texts = st.one_of(
    st.just('{"type": "stop"}'),
    good_starts.map(json.dumps),
    bad_starts.map(json.dumps),
    anything.map(json.dumps),
    st.text(st.characters(codec=None), max_size=50),  # lone surrogates among them
    st.sampled_from(["[" * 5_000, " " * 20_000, '{"type": "stop"}\0', "1" * 6_000, '{"sample_rate": 1' + "0" * 5_000 + "}"]),
)
floats = st.lists(st.floats(width=32), max_size=200).map(lambda values: np.array(values * 10, "<f4").tobytes())
music = st.builds(
    lambda sound, begin, size: sound[begin : begin + size],
    st.sampled_from(sorted(SOUNDS.values())),
    st.integers(0, 60_000),
    st.integers(0, 1 << 16),
)
sounds = music | floats | st.binary(max_size=300) | st.just(bytes(40_000)) | st.just(bytes(LIMITS.message_bytes + 1))
messages = sounds | music | texts
transcripts = st.one_of(
    st.lists(messages, max_size=8),
    st.builds(lambda start, rest: [json.dumps(start), *rest], good_starts, st.lists(messages, max_size=8)),
    st.builds(lambda start, rest: [json.dumps(start), *rest, '{"type": "stop"}'], good_starts, st.lists(sounds, max_size=6)),
)


@dataclass
class Tally:
    """What was said in all conversations."""

    transcripts: int = 0
    messages: int = 0
    replies: int = 0
    ends: int = 0
    errors: int = 0
    longest: float = 0.0  # seconds of CPU time for one message


def fuzz(index: Index, n: int, number: int) -> Tally:
    """Has n conversations from this seed. Raises with the shortest that goes wrong."""
    tally = Tally()

    @seed(number)
    @settings(max_examples=n, deadline=None, database=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate, Phase.shrink])
    @given(transcripts)
    def converse(transcript: Transcript) -> None:
        hold(index, transcript, tally)

    converse()
    return tally


def hold(index: Index, transcript: Transcript, tally: Tally) -> None:
    """One conversation. Any exception is a finding: of the session, or an AssertionError about what it said."""
    session = Session(index, LIMITS)
    said: list[dict[str, Any]] = []
    for message in transcript:
        over = session.closed is not None and session.closed.code != 1000
        begin = time.thread_time()
        replies = session.receive(message)
        tally.longest = max(tally.longest, time.thread_time() - begin)
        assert time.thread_time() - begin < HANG_SECONDS, "a message took too long"
        assert not (over and replies), "an answer after an error"
        said += replies
    tally.transcripts += 1
    tally.messages += len(transcript)
    tally.replies += len(said)
    tally.ends += sum(reply["type"] == "end" for reply in said)
    tally.errors += sum(reply["type"] == "error" for reply in said)
    check(session, said)


def check(session: Session, said: Sequence[dict[str, Any]]) -> None:
    """What must hold of everything that was said in a conversation."""
    json.dumps(said, allow_nan=False).encode()
    types = [reply["type"] for reply in said]
    assert set(types) <= TYPES
    assert types.count("ready") <= 1
    assert types.count("end") <= 1
    assert types.count("error") <= 1
    assert ("error" in types) == (session.closed is not None and session.closed.code != 1000)
    assert session.closed is None or (session.closed.code in CLOSES and len(session.closed.reason.encode()) <= 123)
    times = [reply["elapsed"] for reply in said if "elapsed" in reply]
    assert all(later >= earlier - DELAY_SECONDS for earlier, later in pairwise(times)), f"time goes backwards: {times}"
    for reply in said:
        if "guesses" in reply:
            shares = [reply["absent"], *(guess["confidence"] for guess in reply["guesses"])]
            assert all(0 <= share <= 1 for share in shares)
            assert sum(shares) <= 1 + 1e-6 * len(shares) + 0.01, "more than everything"  # each is rounded
