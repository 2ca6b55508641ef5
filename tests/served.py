"""A real server on a real port."""

import socket
import threading
import time
from contextlib import contextmanager

import uvicorn

from web.app import create_app


@contextmanager
def running(settings):
    """A server in a thread; yields its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        create_app(settings),
        log_level="error",
        http="web.protocols:Http",
        ws="web.protocols:WebSocket",
        ws_per_message_deflate=False,
        ws_max_size=2**22,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
