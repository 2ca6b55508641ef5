"""What Prometheus is told, for this process: with several workers each has its own numbers."""

from collections.abc import Callable

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = CONTENT_TYPE_LATEST

STEP_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
PREDICT_SECONDS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)


class Metrics:
    """One registry an application, so that two in one process do not collide."""

    def __init__(self, tracks: Callable[[], float]) -> None:
        self.registry = registry = CollectorRegistry()
        Gauge("earprint_tracks", "Tracks in the library", registry=registry).set_function(tracks)
        self.listeners = Gauge("earprint_listeners", "Connections that listen now", registry=registry)
        self.refused = Counter("earprint_listeners_refused", "Listeners turned away: too many", registry=registry)
        self.events = Counter("earprint_events", "Messages for listeners", ["type"], registry=registry)
        self.step = Histogram(
            "earprint_step_seconds", "Time for a step of live recognition", buckets=STEP_SECONDS, registry=registry
        )
        self.uploads = Counter("earprint_uploads", "Uploaded files", ["status"], registry=registry)
        self.predict = Histogram(
            "earprint_predict_seconds", "Time to identify a file", buckets=PREDICT_SECONDS, registry=registry
        )

    def render(self) -> bytes:
        return generate_latest(self.registry)
