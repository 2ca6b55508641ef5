"""What Prometheus is told. Several workers write into files of a shared folder, and any of them adds up what is in all of them."""

import os
from collections.abc import Callable, Mapping

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

CONTENT_TYPE = CONTENT_TYPE_LATEST
SHARED = "PROMETHEUS_MULTIPROC_DIR"  # the variable that names the folder; without it a process has its own numbers

STEP = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)  # seconds, like the others
LATE = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
LAG = (0.05, 0.1, 0.2, 0.3, 0.6, 1.0, 2.0, 5.0, 10.0)
MATCH = (1.0, 2.0, 3.0, 4.0, 5.0, 7.0, 10.0, 15.0, 20.0, 30.0, 60.0)
PREDICT = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)


class Metrics:
    """One registry an application, so that two in one process do not collide. `stats` is that of the index."""

    def __init__(self, stats: Callable[[], Mapping[str, float]]) -> None:
        self._stats = stats
        self._registry = CollectorRegistry()
        self._sizes = {
            "tracks": self._gauge("earprint_tracks", "Tracks in the library", "mostrecent"),
            "seconds": self._gauge("earprint_library_seconds", "Sound in the library", "mostrecent"),
            "bytes": self._gauge("earprint_index_bytes", "Size of the index", "mostrecent"),
        }
        self.listeners = self._gauge("earprint_listeners", "Connections that listen now", "livesum")
        self.refused = self._counter("earprint_listeners_refused", "Listeners turned away: too many")
        self.heard = self._counter("earprint_heard_seconds", "Sound heard by listeners")
        self.events = self._counter("earprint_events", "Messages for listeners", "type")
        self.matched = self._histogram("earprint_match_seconds", "Sound until a listener's first match", MATCH)
        self.lag = self._histogram("earprint_lag_seconds", "How far answers to listeners are behind the sound", LAG)
        self.step = self._histogram("earprint_step_seconds", "Time for a step of live recognition", STEP)
        self.lookups = self._counter("earprint_lookups", "Times the library was asked, for a report or a file", "source")
        self.uploads = self._counter("earprint_uploads", "Uploaded files", "status")
        self.predict = self._histogram("earprint_predict_seconds", "Time to identify a file", PREDICT)
        self.requests = self._counter("earprint_requests", "HTTP requests and handshakes answered", "method", "route", "status")
        self.errors = self._counter("earprint_errors", "What went wrong: an HTTP status, or a listener's error code", "kind")
        self.loop_late = self._histogram("earprint_loop_late_seconds", "How late the event loop wakes up", LATE)

    def _gauge(self, name: str, meaning: str, mode: "Gauge._MULTIPROC_MODES_TYPE") -> Gauge:  # type: ignore[name-defined]
        return Gauge(name, meaning, registry=self._registry, multiprocess_mode=mode)

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(name, meaning, labels, registry=self._registry)

    def _histogram(self, name: str, meaning: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(name, meaning, buckets=buckets, registry=self._registry)

    def render(self) -> bytes:
        """The numbers of all workers, as text."""
        stats = self._stats()
        for name, gauge in self._sizes.items():
            gauge.set(stats[name])
        return generate_latest(_all_workers() if SHARED in os.environ else self._registry)


def _all_workers() -> CollectorRegistry:
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry


def forget(pid: int) -> None:
    """A worker has ended: nobody listens there any more. What it has counted stays counted."""
    mark_process_dead(pid)  # type: ignore[no-untyped-call]
