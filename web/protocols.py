"""uvicorn's protocols with a bound for what they would keep without one."""

from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

HEAD_BYTES = 1 << 16  # of a request before its body, or after it, where trailers may be; about, as sound and files come in pieces
LAST_SECONDS = 10.0  # for what was said last to be read
HEAD_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class Http(HttpToolsProtocol):
    """The head of a request is kept as a whole, before anybody who has limits hears of it."""

    _head = 0  # bytes that came since a request began, or a piece of its body came

    def data_received(self, data: bytes) -> None:
        self._head += len(data)
        super().data_received(data)
        if self._head > HEAD_BYTES and not self.transport.is_closing():
            self._refuse()

    def _refuse(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.transport.write(HEAD_TOO_LARGE)
        self.transport.close()

    def on_body(self, body: bytes) -> None:
        self._head = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._head = 0
        super().on_message_complete()


class WebSocket(WebSocketsSansIOProtocol):
    """Of those who do not read, pongs are not kept, nor connections that have ended; and of nobody are fragments that hold nothing."""

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.handshake_exc is not None and not self.handshake_initiated:  # the library has an answer, which nobody would send
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.transport.close()

    def handle_ping(self) -> None:
        if self.writable.is_set():
            super().handle_ping()
        else:
            self.conn.data_to_send()

    def handle_cont(self, event: Frame) -> None:
        if event.data or event.fin:
            super().handle_cont(event)

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body", False):
            self.handshake_complete = True  # though it was refused; else uvicorn would take that for an error, and log it

    async def run_asgi(self) -> None:
        await super().run_asgi()
        self.loop.call_later(LAST_SECONDS, self.transport.abort)  # who is only closed keeps what is unsent until it is read
