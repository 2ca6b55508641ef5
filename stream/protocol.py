"""The wire protocol of a listener, without a network and without a clock: a message in, replies out.

    client   start                        first, once
    server   ready
    client   PCM ...                      any number of binary messages, cut anywhere
    server   guesses | match | lost ...   as the sound gives reason, and constellation where start asked for it
    client   stop
    server   end                          then close 1000

Every way of being wrong has one reply, `{"type": "error", "code", "message"}`, and one close code:

    code                   close   when
    bad_json               1008    a text message is not one JSON object
    bad_message            1008    the object has an unknown type, or an option that makes no sense
    wrong_order            1008    sound before start, a second start, anything after stop
    unsupported_rate       1003    sample_rate is not a whole number of the supported range
    unsupported_format     1003    format is not one of FORMATS
    unsupported_channels   1003    channels is not a whole number of the supported range
    broken_utf8            1007    a text message has no UTF-8 form
    too_big                1009    a message is larger than Limits.message_bytes, or a text larger than TEXT_BYTES
    silence                1008    there was no sound for Limits.silence_seconds; `end` comes before

Any exception that leaves a `Session` is a bug of ours, never the client's fault.
"""

import json
import math
import reprlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from core.pcm import Pcm
from stream.recognizer import Recognizer
from stream.sight import scale

if TYPE_CHECKING:
    from core.index import Index

Reply = dict[str, Any]
Format = Literal["s16le", "f32le"]

SAMPLE_RATES = range(8_000, 192_000 + 1)  # Hz
CHANNELS = range(1, 32 + 1)
FORMATS: dict[Format, int] = {"s16le": 2, "f32le": 4}  # name -> bytes a sample

BAD_DATA = 1003  # close codes of RFC 6455, section 7.4.1
BROKEN_UTF8 = 1007
POLICY = 1008
TOO_BIG = 1009
NORMAL = 1000

TEXT_BYTES = 1 << 14  # of a text message: reading a megabyte of JSON would keep everybody waiting
SILENCE = 1e-4  # of full scale: three steps of 16 bits, which no microphone stays below


@dataclass(frozen=True)
class Limits:
    """What one listener may cost."""

    message_bytes: int = 1 << 20
    sample_rate: int = SAMPLE_RATES[-1]  # Hz; the highest that is taken
    silence_seconds: float = math.inf  # of sound that is silent, after which listening ends
    step_seconds: float = 1.0  # of sound in one step: some 10 ms of work, after which others get their turn


LIMITS = Limits()


@dataclass(frozen=True)
class Close:
    """How the connection is to be closed. The reason has at most 123 bytes, which is all that a close frame holds."""

    code: int
    reason: str


@dataclass(frozen=True)
class Start:
    """A valid start message.

    `constellation` asks for the peaks heard as well, and says in `ready` what their frames and bands are.
    """

    sample_rate: int  # Hz
    format: Format
    channels: int
    constellation: bool

    @property
    def frame_bytes(self) -> int:
        """Of a sample of each channel."""
        return self.channels * FORMATS[self.format]


class Session:
    """One listener's conversation.

    State: `closed`, None until the connection has to be closed; the sound received that is too little for the recogniser to say anything;
    `heard`, the seconds of sound before it, and how many of the latest were silent; the recogniser and the decoder, which `start` makes.
    """

    def __init__(self, index: "Index", limits: Limits = LIMITS) -> None:
        self.closed: Close | None = None
        self.heard = 0.0
        self._silent = 0.0
        self._index = index
        self._limits = limits
        self._sample_rate = 1
        self._frame_bytes = self._step_bytes = 0
        self._waiting = bytearray()  # fewer bytes than `wanted`: to decode each small message would cost more than to hear it
        self._pcm: Pcm | None = None
        self._recognizer: Recognizer | None = None

    def receive(self, message: str | bytes) -> list[Reply]:
        """All replies to one message. After an error everything is ignored."""
        return [reply for replies in self.steps(message) for reply in replies]

    def steps(self, message: str | bytes) -> Iterator[list[Reply]]:
        """The same in steps of bounded work, so that a server can serve others in between. Finish one message first."""
        if self.closed and self.closed.code != NORMAL:
            return
        try:
            self._check(message)
            if isinstance(message, str):
                yield self._command(message)
            else:
                yield from self._listen(message)
        except _Refusal as refusal:
            self.closed = Close(refusal.close_code, str(refusal))
            yield [{"type": "error", "code": refusal.code, "message": str(refusal)}]

    @property
    def wanted(self) -> int:
        """How many more bytes of sound have to come, at least, until there can be a reply: fewer may as well wait for each other."""
        if self.closed or not self._recognizer:
            return 0
        return max(0, self._recognizer.wanted * self._frame_bytes - len(self._waiting))

    def waited(self, seconds: float) -> None:
        """What is received next had to wait so long, as others were heard. To be said between steps."""
        if self._recognizer:
            self._recognizer.waited(seconds)

    def interrupt(self) -> list[Reply]:
        """The end of what was heard, when it is not the client who ends it. Nothing where nothing had begun."""
        if self.closed or not self._recognizer:
            return []
        return self._finish()

    def _check(self, message: str | bytes) -> None:
        limit = TEXT_BYTES if isinstance(message, str) else self._limits.message_bytes
        if _size(message) > limit:
            raise _Refusal("too_big", TOO_BIG, f"such a message may have at most {limit} bytes")
        if self.closed:
            raise _Refusal("wrong_order", POLICY, "nothing may follow stop")

    def _command(self, text: str) -> list[Reply]:
        command = _parse(text)
        match command.get("type"):
            case "start":
                return [self._start(_parse_start(command, self._limits.sample_rate))]
            case "stop":
                return self._stop()
            case other:
                raise _Refusal("bad_message", POLICY, f"type must be start or stop, not {_show(other)}")

    def _start(self, start: Start) -> Reply:
        if self._recognizer:
            raise _Refusal("wrong_order", POLICY, "start may be sent only once")
        self._pcm = Pcm(start.format, start.channels)
        self._sample_rate = start.sample_rate
        self._frame_bytes = start.frame_bytes
        self._step_bytes = round(start.frame_bytes * start.sample_rate * self._limits.step_seconds)
        self._recognizer = Recognizer(self._index, start.sample_rate, start.constellation)
        return {
            "type": "ready",
            "tracks": self._index.count(),
            "delay": self._recognizer.delay,
            "threshold": self._recognizer.threshold,
            **({"constellation": scale(self._index.params)} if start.constellation else {}),
        }

    def _listen(self, data: bytes) -> Iterator[list[Reply]]:
        if not self._recognizer:
            raise _Refusal("wrong_order", POLICY, "start must come before the sound")
        enough = len(data) >= self.wanted
        self._waiting += data
        if enough:
            yield from self._hear()

    def _hear(self) -> Iterator[list[Reply]]:
        """All that waits, in steps."""
        data = self._take()
        for begin in range(0, len(data), self._step_bytes):
            yield self._feed(data[begin : begin + self._step_bytes])
            if self._silent >= self._limits.silence_seconds:
                yield self.interrupt()
                raise _Refusal("silence", POLICY, f"nothing but silence for {self._limits.silence_seconds:g} s")

    def _take(self) -> bytes:
        data = bytes(self._waiting)
        self._waiting.clear()
        return data

    def _feed(self, data: bytes) -> list[Reply]:
        assert self._recognizer is not None
        assert self._pcm is not None
        pcm = self._pcm.feed(data)
        self._note(pcm)
        return [event.to_json() for event in self._recognizer.feed(pcm)]

    def _finish(self) -> list[Reply]:
        """What waits, which is less than a step, and the end."""
        assert self._recognizer is not None
        replies = self._feed(self._take()) if self._waiting else []
        return replies + [event.to_json() for event in self._recognizer.finish()]

    def _note(self, pcm: "np.ndarray[Any, Any]") -> None:
        seconds = len(pcm) / self._sample_rate
        self.heard += seconds
        self._silent = self._silent + seconds if not np.any(np.abs(pcm) > SILENCE) else 0.0

    def _stop(self) -> list[Reply]:
        if not self._recognizer:
            raise _Refusal("wrong_order", POLICY, "start must come before stop")
        self.closed = Close(NORMAL, "")
        return self._finish()


class _Refusal(Exception):
    """The client did something wrong: the code and the message it gets, and the code its connection is closed with."""

    def __init__(self, code: str, close_code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.close_code = close_code


def _size(message: str | bytes) -> int:
    """Bytes on the wire. A server that decodes loosely may hand on lone surrogates, which have no bytes."""
    try:
        return len(message.encode() if isinstance(message, str) else message)
    except UnicodeEncodeError as error:
        raise _Refusal("broken_utf8", BROKEN_UTF8, "a text message must be UTF-8") from error


def _parse(text: str) -> dict[str, Any]:
    try:
        command = json.loads(text)
    except (ValueError, RecursionError) as error:  # a thousand brackets are a client's fault, too
        raise _Refusal("bad_json", POLICY, f"not JSON: {_show(text)}") from error
    if not isinstance(command, dict):
        raise _Refusal("bad_json", POLICY, f"a message must be a JSON object, not {_show(text)}")
    return command


def _parse_start(command: dict[str, Any], highest_rate: int) -> Start:
    """Unknown keys are ignored, so that newer clients can talk to older servers."""
    defaults: dict[str, Any] = {"sample_rate": None, "format": None, "channels": 1, "constellation": False}
    sample_rate, format, channels, constellation = (command.get(key, value) for key, value in defaults.items())
    rates = range(SAMPLE_RATES.start, highest_rate + 1)
    if not _whole(sample_rate, rates):
        raise _unsupported("sample_rate", _span(rates) + " Hz", sample_rate, "unsupported_rate")
    if not (isinstance(format, str) and format in FORMATS):
        raise _unsupported("format", " or ".join(FORMATS), format, "unsupported_format")
    if not _whole(channels, CHANNELS):
        raise _unsupported("channels", _span(CHANNELS), channels, "unsupported_channels")
    if not isinstance(constellation, bool):
        raise _Refusal("bad_message", POLICY, f"constellation must be true or false, not {_show(constellation)}")
    return Start(sample_rate, format, channels, constellation)


def _whole(value: Any, allowed: range) -> bool:
    return type(value) is int and value in allowed  # True is an int, and 1.0 is in the range


def _span(allowed: range) -> str:
    return f"a whole number from {allowed.start} to {allowed.stop - 1}"


def _unsupported(key: str, wanted: str, value: Any, code: str) -> _Refusal:
    return _Refusal(code, BAD_DATA, f"{key} must be {wanted}, not {_show(value)}")


def _show(value: Any) -> str:
    """The value as ASCII, short enough that a message with it fits into a close frame."""
    return reprlib.repr(value).encode("ascii", "replace").decode()[:40]
