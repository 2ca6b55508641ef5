"""The processes that serve: one, or several that share a port, and how they end."""

import asyncio
import gc
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import connection, get_context
from tempfile import TemporaryDirectory
from typing import Any

import uvicorn
from uvicorn.config import STARTUP_FAILURE

from web import metrics

FAREWELL_SECONDS = 2.5  # for listeners to take their `end`
REQUEST_SECONDS = 1  # for other requests, after that
EXIT_SECONDS = 4.0  # then the process ends, whatever it does; what is not committed by then never was
KILL_SECONDS = 4.4  # until a worker is killed that has not managed even that
MEMORY = "/dev/shm"  # Linux's; numbers that workers share are mapped files, and on a disk that is full to write to one ends the process
WORKER_SECONDS = 1.0  # between two starts of a worker: one that cannot live shall not take all the time there is

spawn = get_context("spawn")


class Server(uvicorn.Server):
    """uvicorn would close the connections of listeners before the application hears that it is to end."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.should_exit:
            self._settling = asyncio.create_task(_settle(self.lifespan.state["warm"]))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        state = self.lifespan.state
        _end_within(EXIT_SECONDS, 1 if state["warm"].is_set() else 0)  # what is still warming up has nothing to lose
        for server in self.servers:  # nobody comes any more
            server.close()
        await state["audience"].dismiss(FAREWELL_SECONDS)
        await super().shutdown(sockets)


async def _settle(warm: asyncio.Event) -> None:
    """What is there once the engine is warm stays: to look through it for garbage now and then would stop everything for 0.1 s."""
    await warm.wait()
    gc.collect()
    gc.freeze()


def _end_within(seconds: float, code: int) -> None:
    timer = threading.Timer(seconds, os._exit, (code,))
    timer.daemon = True
    timer.start()


def serve(config: uvicorn.Config, listener: socket.socket) -> None:
    with suppress(KeyboardInterrupt):  # uvicorn raises it again once everything is closed
        Server(config).run(sockets=[listener])


def serve_by_workers(listeners: list[socket.socket], make_config: Callable[[], uvicorn.Config]) -> None:
    """A process for each listener. `make_config` is called in each."""
    with TemporaryDirectory(prefix="earprint-metrics-", dir=MEMORY if os.access(MEMORY, os.W_OK) else None) as folder:
        os.environ[metrics.SHARED] = folder
        _Workers(listeners, make_config).run()


class _Workers:
    """Keeps a process running for each listener.

    The sockets stay open here: who connects while a worker is being replaced waits for the new one.
    """

    def __init__(self, listeners: list[socket.socket], make_config: Callable[[], uvicorn.Config]) -> None:
        self._listeners, self._make_config = listeners, make_config
        self._lifeline, self._held = spawn.Pipe(duplex=False)  # a worker whose end closes has lost its parent
        self._told, self._tell = spawn.Pipe(duplex=False)  # a signal to us
        self._workers: dict[int, Any] = {}  # number of the listener -> process
        self._started = dict.fromkeys(range(len(listeners)), 0.0)

    def run(self) -> None:
        for stop in (signal.SIGINT, signal.SIGTERM):
            signal.signal(stop, lambda *_: self._tell.send_bytes(b"!"))
        for number in self._started:
            self._start(number)
        while self._watch():
            pass
        self._stop()

    def _start(self, number: int) -> None:
        arguments = (self._listeners[number], self._lifeline, self._make_config)
        self._workers[number] = spawn.Process(target=_work, args=arguments)
        self._workers[number].start()
        self._started[number] = time.monotonic()

    def _watch(self) -> bool:
        """Waits for a signal, then returns False, or for a worker's death, then replaces it."""
        sentinels = {worker.sentinel: number for number, worker in self._workers.items()}
        ready = connection.wait([self._told, *sentinels])
        if self._told in ready:
            return False
        return all(self._replace(sentinels[sentinel]) for sentinel in ready if isinstance(sentinel, int))

    def _replace(self, number: int) -> bool:
        worker = self._workers.pop(number)
        worker.join()
        metrics.forget(worker.pid)
        rest = self._started[number] + WORKER_SECONDS - time.monotonic()
        if worker.exitcode == STARTUP_FAILURE or self._told.poll(max(0.0, rest)):
            return False
        self._start(number)
        return True

    def _stop(self) -> None:
        until = time.monotonic() + KILL_SECONDS
        for worker in self._workers.values():
            worker.terminate()
        for worker in self._workers.values():
            worker.join(max(0.0, until - time.monotonic()))
            worker.kill()


def _work(listener: socket.socket, lifeline: connection.Connection, make_config: Callable[[], uvicorn.Config]) -> None:
    threading.Thread(target=_follow, args=(lifeline,), daemon=True).start()
    serve(make_config(), listener)


def _follow(lifeline: connection.Connection) -> None:
    """Ends this process, properly, when its parent is gone."""
    with suppress(EOFError, OSError):
        lifeline.recv_bytes()
    os.kill(os.getpid(), signal.SIGTERM)
