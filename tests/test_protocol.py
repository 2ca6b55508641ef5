"""The protocol as transcripts: what a client sends, and what it gets back. A stand-in for the recogniser counts."""

import json
import tracemalloc
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.params import Params
from stream import protocol
from stream.protocol import Close, Limits, Session

START = {"type": "start", "sample_rate": 8000, "format": "s16le", "channels": 1, "constellation": False}
STOP = '{"type": "stop"}'


@dataclass
class Heard:
    type: str
    samples: int

    def to_json(self):
        return {"type": self.type, "samples": self.samples}


class Counter:
    """A recogniser that says after each feed how many samples it has heard."""

    delay, threshold, wanted = 0.3, 40.0, 0

    def __init__(self, index, sample_rate, constellation):
        self.heard = np.zeros(0, np.float32)
        self.constellation = constellation
        self.seconds_waited = 0.0

    def waited(self, seconds):
        self.seconds_waited = seconds

    def feed(self, pcm):
        self.heard = np.concatenate([self.heard, pcm])
        return [Heard("guesses", len(self.heard))]

    def finish(self):
        return [Heard("guesses", len(self.heard)), Heard("end", len(self.heard))]


@pytest.fixture(autouse=True)
def recognizer(monkeypatch):
    monkeypatch.setattr(protocol, "Recognizer", Counter)


@pytest.fixture
def session():
    return new_session()


def new_session(limits=protocol.LIMITS):
    return Session(SimpleNamespace(count=lambda: 3, params=Params()), limits)


def start(**changes):
    return json.dumps({**START, **changes})


def refusal(replies):
    assert [reply["type"] for reply in replies] == ["error"]
    return replies[0]["code"]


def test_a_whole_conversation(session):
    assert session.receive(start()) == [{"type": "ready", "tracks": 3, "delay": 0.3, "threshold": 40.0}]
    assert session.receive(bytes(200)) == [{"type": "guesses", "samples": 100}]
    assert session.receive(bytes(2)) == [{"type": "guesses", "samples": 101}]
    assert session.closed is None
    assert session.receive(STOP) == [{"type": "guesses", "samples": 101}, {"type": "end", "samples": 101}]
    assert session.closed == Close(1000, "")


def test_who_asks_for_the_constellation_is_told_its_scale(session):
    (ready,) = session.receive(start(constellation=True))
    assert ready["constellation"]["frame_seconds"] == pytest.approx(256 / 11_025)
    assert ready["constellation"]["first_seconds"] == pytest.approx(1_024 / 11_025)
    assert len(ready["constellation"]["hertz"]) == 256
    assert session._recognizer.constellation


def test_stop_without_sound(session):
    session.receive(start())
    assert session.receive(b"") == []
    assert [reply["type"] for reply in session.receive(STOP)] == ["guesses", "end"]


@pytest.mark.parametrize(
    "message",
    [
        {k: v for k, v in START.items() if k not in ("channels", "constellation")},
        START | {"format": "f32le", "channels": 32, "sample_rate": 192_000, "constellation": True},
        START | {"sample_rate": 8_000, "colour": "blue"},
    ],
)
def test_what_may_be_said_at_the_start(session, message):
    assert session.receive(json.dumps(message))[0]["type"] == "ready"


@pytest.mark.parametrize(
    ("text", "code", "close"),
    [
        ("", "bad_json", 1008),
        ("start", "bad_json", 1008),
        ("[]", "bad_json", 1008),
        ('"start"', "bad_json", 1008),
        ("[" * 16_000, "bad_json", 1008),
        ("9" * 5_000, "bad_json", 1008),
        ("{}", "bad_message", 1008),
        ('{"type": "begin"}', "bad_message", 1008),
        ('{"type": ["start"]}', "bad_message", 1008),
        (start(constellation="yes"), "bad_message", 1008),
        (start(constellation=None), "bad_message", 1008),
        (STOP, "wrong_order", 1008),
        (b"\0\0", "wrong_order", 1008),
        (b"", "wrong_order", 1008),
        (start(sample_rate=7_999), "unsupported_rate", 1003),
        (start(sample_rate=192_001), "unsupported_rate", 1003),
        (start(sample_rate=44_100.5), "unsupported_rate", 1003),
        (start(sample_rate="44100"), "unsupported_rate", 1003),
        (start(sample_rate=float("nan")), "unsupported_rate", 1003),
        (start(sample_rate=None), "unsupported_rate", 1003),
        (start(sample_rate=True), "unsupported_rate", 1003),
        (start(sample_rate=10**400), "unsupported_rate", 1003),
        (start(format="s24le"), "unsupported_format", 1003),
        (start(format=["s16le"]), "unsupported_format", 1003),
        ('{"type": "start", "sample_rate": 8000}', "unsupported_format", 1003),
        (start(channels=0), "unsupported_channels", 1003),
        (start(channels=33), "unsupported_channels", 1003),
        (start(channels=1.0), "unsupported_channels", 1003),
        (start(channels=True), "unsupported_channels", 1003),
        ("\ud800", "broken_utf8", 1007),
        (" " * (2**20 + 1), "too_big", 1009),
        (bytes(2**20 + 1), "too_big", 1009),
        ("é" * 2**19 + " ", "too_big", 1009),
    ],
)
def test_wrong_first_messages(session, text, code, close):
    assert refusal(session.receive(text)) == code
    assert session.closed.code == close


@pytest.mark.parametrize("message", [start(), STOP, b"\0\0", "{}"])
def test_nothing_may_follow_stop(session, message):
    session.receive(start())
    session.receive(STOP)
    assert refusal(session.receive(message)) == "wrong_order"
    assert session.closed == Close(1008, "nothing may follow stop")


def test_start_only_once(session):
    session.receive(start())
    assert refusal(session.receive(start())) == "wrong_order"


def test_after_an_error_everything_is_ignored(session):
    session.receive("{}")
    closed = session.closed
    assert session.receive(start()) == session.receive(b"\0\0") == session.receive(STOP) == []
    assert session.closed is closed


def test_the_message_names_the_value(session):
    (error,) = session.receive(start(sample_rate=96))
    assert error["message"] == "sample_rate must be a whole number from 8000 to 192000 Hz, not 96"
    assert session.closed.reason == error["message"]


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists)


@given(JSON | st.dictionaries(st.text(), st.text()))
def test_every_reason_fits_into_a_close_frame(value):
    """RFC 6455, 5.5: a control frame holds 125 bytes, two of which are the code."""
    for key in ("type", *START):
        session = new_session()
        session.receive(json.dumps(START | {key: value}))
        assert session.closed is None or len(session.closed.reason.encode()) <= 123


@given(st.one_of(st.text(), st.binary()))
def test_no_message_raises(message):
    session = new_session()
    session.receive(message)
    session.receive(start())
    session.receive(message)


SHAPES = [("s16le", "<i2", 1), ("s16le", "<i2", 2), ("f32le", "<f4", 3)]


@pytest.mark.parametrize(("format", "dtype", "channels"), SHAPES)
def test_cut_anywhere_is_the_same_sound(format, dtype, channels):
    """A byte at a time, odd sizes, all at once: the recogniser hears the same samples."""
    sound = (np.sin(np.arange(300 * channels)) * 1000).astype(dtype).tobytes()
    heard = []
    for size in (1, 7, len(sound)):
        session = new_session()
        session.receive(start(format=format, channels=channels))
        for begin in range(0, len(sound), size):
            session.receive(sound[begin : begin + size])
        heard.append(session._recognizer.heard)
    assert len(heard[0]) == 300
    assert all(np.array_equal(other, heard[0]) for other in heard[1:])


def test_a_long_message_is_answered_in_steps():
    """65 seconds in one message are 66 steps, and none of them is worked before it is asked for."""
    session = new_session(Limits(step_seconds=1.0))
    session.receive(start())
    steps = session.steps(bytes(2**20))
    assert next(steps) == [{"type": "guesses", "samples": 8000}]
    assert len(session._recognizer.heard) == 8000
    assert len(list(steps)) == 65
    assert len(session._recognizer.heard) == 2**19


def test_a_bug_is_no_fault_of_the_client(session, monkeypatch):
    session.receive(start())
    monkeypatch.setattr(Counter, "feed", lambda self, pcm: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        session.receive(b"\0\0")


def types(replies):
    return [reply.get("code", reply["type"]) for reply in replies]


LOUD, DEAD = (1000).to_bytes(2, "little") * 8000, (2).to_bytes(2, "little") * 8000  # a second of s16le


def test_silence_has_an_end():
    session = new_session(Limits(silence_seconds=3))
    session.receive(start())
    for sound in (DEAD, DEAD, LOUD, DEAD, DEAD):  # sound in between: it begins anew
        assert types(session.receive(sound)) == ["guesses"]
    assert types(session.receive(DEAD + LOUD)) == ["guesses", "guesses", "end", "silence"]
    assert session.closed == Close(1008, "nothing but silence for 3 s")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), 3e38])
def test_what_is_no_number_is_silence(value):
    session = new_session(Limits(silence_seconds=1))
    session.receive(start(format="f32le"))
    sound = np.full(8000, value, "<f4").tobytes()
    assert types(session.receive(sound)) == ["guesses", "guesses", "end", "silence"]
    assert not session._recognizer.heard.any()


def test_half_a_sample_at_the_end_is_not_heard(session):
    session.receive(start(format="f32le", channels=2))
    assert session.receive(bytes(8 * 10 + 7))[0]["samples"] == 10
    assert session.receive(STOP)[-1] == {"type": "end", "samples": 10}


def test_the_seconds_heard(session):
    session.receive(start(channels=2))
    session.receive(bytes(8000 * 2 * 2 // 4))
    assert session.heard == 0.25


def test_how_long_sound_waited_is_passed_on(session):
    session.waited(1.0)  # there is nobody yet who could listen
    session.receive(start())
    assert session._recognizer.seconds_waited == 0.0
    session.waited(0.5)
    assert session._recognizer.seconds_waited == 0.5


def test_an_interruption_brings_the_end(session):
    assert session.interrupt() == []
    session.receive(start())
    session.receive(LOUD)
    assert types(session.interrupt()) == ["guesses", "end"]


def test_after_the_end_there_is_nothing_to_interrupt(session):
    session.receive(start())
    session.receive(STOP)
    assert session.interrupt() == []


def test_lower_limits():
    session = new_session(Limits(message_bytes=100, sample_rate=8000))
    assert types(session.receive(start(sample_rate=8001))) == ["unsupported_rate"]
    session = new_session(Limits(message_bytes=100))
    session.receive(start())
    assert types(session.receive(bytes(100))) == ["guesses"]
    assert types(session.receive(bytes(101))) == ["too_big"]


def test_the_bytes_that_are_wanted(session, monkeypatch):
    monkeypatch.setattr(Counter, "wanted", 5)
    assert session.wanted == 0  # anything before the start is wrong, which is said at once
    session.receive(start(format="f32le", channels=2))
    assert session.wanted == 5 * 2 * 4
    session.receive(bytes(3))
    assert session.wanted == 5 * 2 * 4 - 3
    session.receive(STOP)
    assert session.wanted == 0


@pytest.mark.parametrize("message", [b"", b"12"])
def test_small_messages_cost_no_more_than_their_bytes(session, monkeypatch, message):
    monkeypatch.setattr(Counter, "wanted", 1 << 20)
    session.receive(start())
    tracemalloc.start()
    for _ in range(20_000):
        session.receive(message)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 2 * 20_000 * len(message) + 20_000


@pytest.mark.parametrize("end", [lambda session: session.receive(STOP), Session.interrupt])
def test_too_little_sound_to_say_anything_waits_for_more_or_for_the_end(session, monkeypatch, end):
    monkeypatch.setattr(Counter, "wanted", 5)
    session.receive(start())
    assert session.receive(bytes(6)) == session.receive(bytes(3)) == []
    assert session.heard == 0
    assert session.receive(bytes(1)) == [{"type": "guesses", "samples": 5}]
    assert session.receive(bytes(4)) == []
    assert end(session)[-1] == {"type": "end", "samples": 7}
    assert session.heard == pytest.approx(7 / START["sample_rate"])
