"""What one connection can make the server keep, over a real one."""

import asyncio
import json
import socket
import time

import pytest
import uvicorn
from served import running
from uvicorn.server import ServerState

from web import protocols
from web.protocols import HEAD_BYTES
from web.settings import Settings

IDLE_SECONDS = 0.5
PATIENCE_SECONDS = 10
ENOUGH = 64 << 20  # bytes: more than sockets hold
HANDSHAKE = (
    b"GET /listen HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)
PING = b"\x89\xfd" + bytes(4) + bytes(125)  # masked with zeros, as all that follow
START = json.dumps({"type": "start", "sample_rate": 8000, "format": "s16le"}).encode()
FIRST_PIECE, EMPTY_PIECE, LAST_PIECE = b"\x01\x82" + bytes(4) + b"{}", b"\x00\x80" + bytes(4), b"\x80\x80" + bytes(4)


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    with running(Settings(data=tmp_path_factory.mktemp("data"), idle_seconds=IDLE_SECONDS, log="text")) as port:
        yield port


@pytest.fixture
def line(port):
    with socket.create_connection(("127.0.0.1", port)) as line:
        line.settimeout(PATIENCE_SECONDS)
        yield line


def text(data):
    return b"\x81" + bytes([0x80 | len(data)]) + bytes(4) + data


def answer(line):
    """All that comes until the connection is closed."""
    said = b""
    while piece := line.recv(1 << 16):
        said += piece
    return said


def upgraded(line):
    line.sendall(HANDSHAKE + b"\r\n")
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += line.recv(1)
    assert head.startswith(b"HTTP/1.1 101 ")


def is_taken(line, piece):
    try:
        line.sendall(piece)
    except (ConnectionResetError, BrokenPipeError):
        return False
    return True


@pytest.mark.parametrize(
    "begin",
    [b"GET /", b"GET /health HTTP/1.1\r\nX: ", b"POST /predict HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX: "],
    ids=["path", "header", "trailer"],
)
def test_a_head_without_an_end_is_not_kept(line, begin):
    line.sendall(begin)
    assert not all(is_taken(line, b"x" * 4096) for _ in range(ENOUGH // 4096))


def test_many_headers_are_too_large_a_head(line):
    line.sendall(b"GET /health HTTP/1.1\r\n" + b"X: y\r\n" * (HEAD_BYTES // 6 + 1))
    assert line.recv(1 << 16).startswith(b"HTTP/1.1 431 ")


def test_requests_that_follow_each_other_may_have_heads_as_large(line):
    head = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"y" * (HEAD_BYTES // 2) + b"\r\n"
    for _ in range(3):
        line.sendall(head + b"\r\n")
        assert line.recv(1 << 16).startswith(b"HTTP/1.1 200 ")
    line.sendall(head + b"Connection: close\r\n\r\n")
    assert answer(line).startswith(b"HTTP/1.1 200 ")


def test_a_body_is_no_head(line):
    part = b'--b\r\nContent-Disposition: form-data; name="file"; filename="x.wav"\r\n\r\n'
    body = part + b"x" * (4 * HEAD_BYTES) + b"\r\n--b--\r\n"
    line.sendall(b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: multipart/form-data; boundary=b\r\n")
    line.sendall(b"Content-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body)
    assert answer(line).startswith(b"HTTP/1.1 415 ")


def test_a_handshake_that_the_library_refuses_is_answered(line):
    line.sendall(HANDSHAKE + b"X: " + b"y" * (HEAD_BYTES // 4) + b"\r\n\r\n")
    assert answer(line).startswith(b"HTTP/1.1 431 ")


def test_who_reads_nothing_is_forgotten_in_the_end(line, monkeypatch):
    monkeypatch.setattr(protocols, "LAST_SECONDS", 0.1)
    upgraded(line)
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 12)
    line.sendall(text(START))
    until = time.monotonic() + IDLE_SECONDS / 2
    while time.monotonic() < until:
        line.sendall(PING * 100)
    while is_taken(line, PING):
        time.sleep(0.1)
        assert time.monotonic() < until + PATIENCE_SECONDS


class Wire(asyncio.Transport):
    """A connection that keeps what is written."""

    def __init__(self):
        super().__init__()
        self.written = b""

    def write(self, data):
        self.written += data

    def is_closing(self):
        return False

    def close(self):
        pass

    def abort(self):
        pass

    def pause_reading(self):
        pass

    def resume_reading(self):
        pass


async def accept(scope, receive, send):
    await send({"type": "websocket.accept"})
    await asyncio.Future()


async def conversation():
    """The server's side of an open one, and its connection."""
    config = uvicorn.Config(accept, log_config=None, ws_per_message_deflate=False)
    protocol, wire = protocols.WebSocket(config, ServerState(), {}), Wire()
    protocol.connection_made(wire)
    protocol.data_received(HANDSHAKE + b"\r\n")
    while not protocol.handshake_complete:
        await asyncio.sleep(0)
    wire.written = b""
    return protocol, wire


def test_pings_of_who_does_not_read_are_not_answered():
    async def run():
        protocol, wire = await conversation()
        protocol.data_received(PING)
        assert wire.written.startswith(b"\x8a")
        before = len(wire.written)
        protocol.pause_writing()
        protocol.data_received(PING * 100)
        assert len(wire.written) == before
        protocol.resume_writing()
        protocol.data_received(PING)
        assert len(wire.written) == 2 * before  # nor is that made up for

    asyncio.run(run())


def test_fragments_that_hold_nothing_are_not_kept():
    async def run():
        protocol, _ = await conversation()
        protocol.data_received(FIRST_PIECE + EMPTY_PIECE * 1000)
        assert len(protocol.frames) == 1
        protocol.data_received(LAST_PIECE)
        await protocol.receive()  # that it is connected
        assert await protocol.receive() == {"type": "websocket.receive", "text": "{}"}

    asyncio.run(run())


def test_a_handshake_that_is_refused_is_no_error(port, caplog):
    with socket.create_connection(("127.0.0.1", port)) as line:
        line.settimeout(PATIENCE_SECONDS)
        line.sendall(HANDSHAKE.replace(b"/listen", b"/nowhere") + b"\r\n")
        assert answer(line).startswith(b"HTTP/1.1 404 ")
    assert caplog.records == []
