"""The numbers for Prometheus, of one process here; tests/test_server.py adds up those of several."""

from prometheus_client.parser import text_string_to_metric_families

from web.metrics import Metrics


def samples(metrics):
    families = text_string_to_metric_families(metrics.render().decode())
    return {(s.name, *s.labels.values()): s.value for family in families for s in family.samples}


def test_the_library_is_measured_when_it_is_asked_for():
    stats = {"tracks": 3, "seconds": 60.5, "bytes": 1000}
    metrics = Metrics(lambda: stats)
    assert samples(metrics)[("earprint_tracks",)] == 3
    stats["tracks"] = 4
    measured = samples(metrics)
    names = ("earprint_tracks", "earprint_library_seconds", "earprint_index_bytes")
    assert [measured[(name,)] for name in names] == [4, 60.5, 1000]


def test_what_operators_ask_for_is_there():
    metrics = Metrics(lambda: {"tracks": 0, "seconds": 0, "bytes": 0})
    metrics.listeners.inc()
    metrics.heard.inc(2.5)
    metrics.lag.observe(0.1)
    metrics.matched.observe(4)
    metrics.lookups.labels("file").inc()
    metrics.errors.labels("415").inc()
    measured = samples(metrics)
    assert measured[("earprint_listeners",)] == 1
    assert measured[("earprint_heard_seconds_total",)] == 2.5
    assert measured[("earprint_lag_seconds_bucket", "0.1")] == 1
    assert measured[("earprint_match_seconds_sum",)] == 4
    assert measured[("earprint_lookups_total", "file")] == 1
    assert measured[("earprint_errors_total", "415")] == 1


def test_two_applications_in_one_process_do_not_mix():
    one, two = (Metrics(lambda: {"tracks": 0, "seconds": 0, "bytes": 0}) for _ in range(2))
    one.refused.inc()
    assert samples(two)[("earprint_listeners_refused_total",)] == 0
