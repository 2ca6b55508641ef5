"""A proxy as operators have one in front: it serves a server below a path, which it takes away, and knows no other path."""

import socket
import threading
from contextlib import contextmanager, suppress

BYTES = 1 << 16


@contextmanager
def below(path, port):
    """Yield the address at which a server on `port` of this machine is reached below `path`."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_accept, args=(listener, path.encode(), port), daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}{path}/"
        listener.shutdown(socket.SHUT_RDWR)


def _accept(listener, path, port):
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            threading.Thread(target=_serve, args=(client, path, port), daemon=True).start()


def _serve(client, path, port):
    """One request a connection, which may become a WebSocket."""
    with client, suppress(OSError):
        head = b""
        while b"\r\n\r\n" not in head:
            if not (some := client.recv(BYTES)):
                return
            head += some
        method, _, rest = head.partition(b" ")
        if not rest.startswith(path + b"/"):
            return client.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        rest = rest.removeprefix(path)
        if b"upgrade: websocket" not in head.lower():
            rest = rest.replace(b"\r\n", b"\r\nConnection: close\r\n", 1).replace(b"Connection: keep-alive\r\n", b"")
        with socket.create_connection(("127.0.0.1", port)) as server:
            server.sendall(method + b" " + rest)
            threading.Thread(target=_pass_on, args=(client, server), daemon=True).start()
            _pass_on(server, client)


def _pass_on(source, target):
    with suppress(OSError):
        while some := source.recv(BYTES):
            target.sendall(some)
        target.shutdown(socket.SHUT_WR)
