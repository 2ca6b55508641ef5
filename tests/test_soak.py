"""That `benchmarks.soak` sees what grows; a server is soaked by the benchmark itself."""

from dataclasses import replace

import pytest

from benchmarks.soak import HANDLES, MB, READERS, Sample, growth

REST = Sample(second=60.0, memory=300 * MB, handles=40, readers=3, index=50 * MB, spare=10 * MB)


def test_what_stays_is_no_finding():
    assert growth(REST, REST) == []
    assert growth(REST, replace(REST, memory=310 * MB, handles=42, readers=5)) == []


@pytest.mark.parametrize(("what", "much"), [("memory", 400 * MB), ("handles", 41 + HANDLES), ("readers", 4 + READERS), ("spare", 49 * MB)])
def test_what_grows_is_found(what, much):
    (finding,) = growth(REST, replace(REST, **{what: much}))
    assert finding.startswith(f"{what} grew to {much}")
