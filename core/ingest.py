"""A file -> what is learned from it, in worker processes: the only place where sound files are decoded.

A worker answers one file at a time through a pipe: paths go in, peaks come out, never PCM. It may die, hang or eat
memory over a hostile file; that costs this file and this worker. Workers never open the index.

Importing this file is light: what analyses is imported by the workers, which can so be started before anything else (`start_ahead`).
"""

from __future__ import annotations

import hashlib
import math
import multiprocessing
import os
import queue
import resource
import signal
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar, cast

from core.disk import check_file, display_name, readable, state_of
from core.errors import AudioError, EarprintError, SilentError, TooLongError
from core.params import Params

if TYPE_CHECKING:
    from core.audio import AudioFile
    from core.constellation import Levels, Peaks
    from core.tags import Tags

T = TypeVar("T")

FILE_SECONDS = 600.0  # a file may take that long: about two days of music
WORKER_BYTES = 4 << 30  # address space of a worker
WRITTEN_BYTES = 64 << 20  # the largest file a worker may write: compiled code is kept on disk, nothing else is written
MIN_REFERENCE_SECONDS = 1.0  # of sound; less cannot be recognised
STEP_SECONDS = 4.0  # of sound are decided at a time: larger blocks cost less, up to what a core's cache holds
AHEAD = 4  # files a job that may be under way or done before their turn comes


@dataclass(frozen=True)
class Analysis:
    """What a file holds. A reference keeps its strongest peaks, a query all of them and the levels."""

    path: str
    filename: str
    sha256: str  # hex
    tags: Tags
    duration: float  # seconds, of what was decoded
    peaks: Peaks  # PEAK [k]
    levels: Levels | None  # int8 [t, n_mels]
    cover: bytes = b""  # of a reference: a small JPEG image


def file_sha256(path: str | Path) -> str:
    """The hex SHA-256 of a file's bytes."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def analyse(path: str | Path, params: Params, *, name: str | None = None, query: bool = False, max_seconds: float = math.inf) -> Analysis:
    """Decodes and fingerprints a file in this process. `name` is what errors call it, and its file name.

    Raises AudioError: for a reference that changes meanwhile (of a query what decodes counts); TooLongError for more than `max_seconds`
    of sound, or than a constellation holds (108 hours); SilentError when a reference has too little to be recognised.
    """
    from core.audio import AudioFile
    from core.constellation import MAX_FRAME, sounding_seconds

    name = name or display_name(path)
    check_file(path, name)
    with readable(name):
        before = state_of(path)
    with AudioFile(path, name) as audio:
        cover = b"" if query else audio.cover()
        peaks, levels, duration = _fingerprint(audio, params, query, min(max_seconds, MAX_FRAME * params.frame_seconds))
    if not query and sounding_seconds(peaks, params) < MIN_REFERENCE_SECONDS:
        raise SilentError(f"{name}: less than {MIN_REFERENCE_SECONDS:g} s of sound; a reference needs more")
    with readable(name):
        sha256, after = file_sha256(path), state_of(path)
    if not query and before != after:
        raise AudioError(f"{name}: changed while it was read; add it again")
    return Analysis(str(path), Path(name).name, sha256, audio.tags, duration, peaks, levels, cover)


@dataclass(frozen=True)
class Label:
    """What a file says about itself, without its sound."""

    tags: Tags
    cover: bytes  # a small JPEG image, or b""


def read_label(path: str | Path, name: str) -> Label:
    """Return what a file says about itself. Raises AudioError, which calls it `name`."""
    from core.audio import AudioFile

    check_file(path, name)
    with AudioFile(path, name) as audio:
        return Label(audio.tags, audio.cover())


class Ingest:
    """`analyse` in up to `jobs` worker processes, which start when they are first needed. A context manager.

    Threads may share it: a call waits until a worker is free.
    """

    def __init__(self, params: Params, *, jobs: int | None = None, file_seconds: float = FILE_SECONDS) -> None:
        self._params, self._file_seconds = params, file_seconds
        self._jobs = jobs or os.cpu_count() or 1
        self._workers: set[_Worker] = set()
        self._closed = False
        self._free: queue.LifoQueue[_Worker | None] = queue.LifoQueue()  # None is one that may be started
        for _ in range(self._jobs):
            self._free.put(None)

    def one(self, path: str | Path, *, name: str | None = None, query: bool = False, max_seconds: float = math.inf) -> Analysis:
        """As `analyse`. A file over which a worker dies, or takes too long, is an AudioError."""
        answer = self._ask(Question(str(path), name or display_name(path), query, max_seconds))
        return cast(Analysis, answer)

    def label(self, path: str | Path) -> Label:
        """As `read_label`, in a worker: tags and pictures may be as hostile as sound."""
        answer = self._ask(Question(str(path), display_name(path), label_only=True))
        return cast(Label, answer)

    def _ask(self, question: Question) -> Analysis | Label:
        with self._borrowed() as worker:
            answer = worker.ask(question, self._file_seconds)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def many(
        self,
        paths: Iterable[str],
        *,
        jobs: int | None = None,
        query: bool = False,
        known: Callable[[str], T | None] = lambda path: None,
    ) -> Iterator[tuple[str, Analysis | EarprintError | T]]:
        """Files, `jobs` at a time (as many as there are workers), in the order of `paths`, which are taken as needed.

        `known(path)`, in one of `jobs` threads, may return something to take for an answer without analysing the file.
        """
        jobs = jobs or self._jobs
        threads = ThreadPoolExecutor(jobs)
        pending: deque[tuple[str, Future[Analysis | EarprintError | T]]] = deque()
        try:
            for path in paths:
                pending.append((path, threads.submit(self._attempt, path, query, known)))
                if len(pending) >= AHEAD * jobs:
                    yield _next(pending)
            while pending:
                yield _next(pending)
        finally:
            threads.shutdown(wait=False, cancel_futures=True)

    def close(self) -> None:
        """Stops the workers, also those that are working."""
        self._closed = True
        for worker in list(self._workers):
            worker.kill()

    def __enter__(self) -> Ingest:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _attempt(self, path: str, query: bool, known: Callable[[str], T | None]) -> Analysis | EarprintError | T:
        try:
            return known(path) or self.one(path, query=query)
        except EarprintError as error:
            return error

    @contextmanager
    def _borrowed(self) -> Iterator[_Worker]:
        worker = self._free.get()
        try:
            if worker is None or not worker.alive():
                worker = self._start()
            yield worker
        except BaseException:
            if worker is not None:  # its pipe may hold half an answer
                self._workers.discard(worker)
                worker.kill()
            worker = None
            raise
        finally:
            self._free.put(worker)

    def _start(self) -> _Worker:
        if self._closed:
            raise RuntimeError("this Ingest is closed")
        worker = _ahead.pop() if _ahead else _Worker()
        worker.begin(self._params)
        self._workers.add(worker)
        return worker


_ahead: list[_Worker] = []  # workers that are started and belong to no Ingest yet


def start_ahead(count: int) -> None:
    """Start workers for the next Ingest: they load their libraries while this process loads its own."""
    _ahead.extend(_Worker() for _ in range(count))


class Question(NamedTuple):
    """What a worker is asked."""

    path: str
    name: str
    query: bool = False
    max_seconds: float = math.inf
    label_only: bool = False


class _Worker:
    """A process that analyses one file after the other."""

    def __init__(self) -> None:
        spawn = multiprocessing.get_context("spawn")  # a fork would inherit the index and other threads' locks
        self._pipe, theirs = spawn.Pipe()
        self._process = spawn.Process(target=_work, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()  # so that our end notices when the process dies

    def begin(self, params: Params) -> None:
        """Say with which numbers to analyse; once, before the first question. A worker that has died says so when it is asked."""
        with suppress(BrokenPipeError, ConnectionResetError):
            self._pipe.send(params)

    def alive(self) -> bool:
        return self._process.is_alive()

    def ask(self, question: Question, seconds: float) -> Analysis | Label | Exception:
        """Raises AudioError when there is no answer."""
        try:
            self._pipe.send(question)
            if not self._pipe.poll(seconds):
                raise AudioError(f"{question.name}: takes more than {seconds:g} s to analyse; cut it into shorter files")
            answer: Analysis | Label | Exception = self._pipe.recv()
            return answer
        except (EOFError, BrokenPipeError, ConnectionResetError) as error:
            raise AudioError(f"{question.name}: the decoder crashed over it; convert it to another format") from error

    def kill(self) -> None:
        self._process.kill()
        self._process.join()


def _work(pipe: Connection) -> None:
    """A worker's life: it ends when the other end of the pipe is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    _limit(resource.RLIMIT_AS, WORKER_BYTES)
    _limit(resource.RLIMIT_CORE, 0)  # a crash over a hostile file shall not fill the disk
    _limit(resource.RLIMIT_FSIZE, WRITTEN_BYTES)
    with suppress(EOFError, BrokenPipeError):
        _load()
        params = pipe.recv()
        while True:
            pipe.send(_answer(pipe.recv(), params))


def _load() -> None:
    """Import what the first question would have to wait for."""
    from core.loading import load_kernels

    load_kernels()


def _limit(kind: int, value: int) -> None:
    _, most = resource.getrlimit(kind)
    resource.setrlimit(kind, (value if most == resource.RLIM_INFINITY else min(value, most),) * 2)


def _answer(question: Question, params: Params) -> Analysis | Label | Exception:
    try:
        if question.label_only:
            return read_label(question.path, question.name)
        return analyse(question.path, params, name=question.name, query=question.query, max_seconds=question.max_seconds)
    except MemoryError:
        return AudioError(f"{question.name}: needs too much memory; convert it to another format")
    except Exception as error:
        if not isinstance(error, EarprintError):  # a bug of ours: the parent has no other trace of where
            error.add_note(traceback.format_exc())
        return error


def _next(pending: deque[tuple[str, Future[T]]]) -> tuple[str, T]:
    path, future = pending.popleft()
    return path, future.result()


def _fingerprint(audio: AudioFile, params: Params, query: bool, max_seconds: float) -> tuple[Peaks, Levels | None, float]:
    """(peaks, levels of a query, seconds). Counted as it is decoded: what a file says of its length may be a lie."""
    import numpy as np

    from core.constellation import reference
    from core.fingerprinter import Fingerprinter

    printer = Fingerprinter(params, audio.sample_rate, round(STEP_SECONDS / params.frame_seconds))
    peaks, levels, samples = [], [], 0
    for block in chain(audio.blocks(), [None]):
        found = printer.finish() if block is None else printer.feed(block)
        peaks.append(found if query else reference(found, params))
        levels.append(printer.levels if query else printer.levels[:0])
        samples += 0 if block is None else len(block)
        if samples > max_seconds * audio.sample_rate:
            raise TooLongError(f"{audio.name}: more than {max_seconds / 3600:g} hours of sound; cut it into shorter files")
    return np.concatenate(peaks), np.concatenate(levels) if query else None, samples / audio.sample_rate
