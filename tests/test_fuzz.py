"""A little of `benchmarks.fuzz`, and that it sees what is wrong when something is."""

import json

import pytest

from benchmarks import calls, fuzz, mutants, transcripts
from core import Library
from stream.protocol import Session


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    return mutants.originals(tmp_path_factory.mktemp("good"))


@pytest.fixture
def library(data):
    with Library(data, readonly=True) as library:
        yield library


@pytest.mark.parametrize("suffix", mutants.FORMATS)
def test_a_mutant_is_always_the_same_and_differs(good, suffix):
    some = [mutants.mutant(good, suffix, 0, number) for number in range(20)]
    assert some == [mutants.mutant(good, suffix, 0, number) for number in range(20)]
    assert len({*some, good[suffix]}) > 15  # some damages hit what is blank anyway
    assert mutants.mutant(good, suffix, 1, 0) != some[0]


@pytest.mark.parametrize("suffix", mutants.PAGED)
def test_the_checksums_of_pages(good, suffix):
    damaged = bytearray(good[suffix])
    damaged[mutants.CHECKSUM] = bytes(4)
    mutants._reseal(damaged)
    assert damaged == good[suffix]


def test_damaged_files_and_wrong_requests(tmp_path):
    report = fuzz.run(fuzz.parse(["files", "requests", "--n", "8", "--format", ".flac", "--format", ".ogg"]), tmp_path)
    assert report.findings == []
    assert [row[:2] for row in report.rows] == [["files .flac", "8"], ["files .ogg", "8"], ["requests", "8"]]


def test_wrong_conversations(library):
    tally = transcripts.fuzz(library.index, 60, 1)
    assert tally.transcripts >= 60
    assert tally.errors
    assert tally.ends


def test_an_exception_of_a_session_is_found(library, monkeypatch):
    monkeypatch.setattr(Session, "_stop", lambda self: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        transcripts.fuzz(library.index, 60, 1)


@pytest.mark.parametrize(
    "said",
    [
        [{"type": "nonsense"}],
        [{"type": "error", "code": "bad_json"}],  # and not closed
        [{"type": "guesses", "elapsed": 1.0, "guesses": [], "absent": 1.5}],
        [{"type": "lost", "elapsed": 2.0}, {"type": "lost", "elapsed": 1.0}],
    ],
)
def test_what_a_session_must_not_say(library, said):
    with pytest.raises(AssertionError):
        transcripts.check(Session(library.index), said)


DOCUMENT = {
    "paths": {"/x": {"get": {"responses": {"default": {"content": {"application/json": {"schema": {"type": "object"}}}}}}}},
    "components": {},
}


@pytest.mark.parametrize(
    ("status", "kind", "body", "wrong"),
    [
        (200, "application/json", b"{}", False),
        (503, "application/json", b"{}", False),
        (500, "application/json", b"{}", True),
        (200, "text/html", b"", True),
        (200, "application/json", b"[]", True),
    ],
)
def test_what_a_server_must_not_answer(status, kind, body, wrong):
    assert bool(calls.faults(DOCUMENT, calls.Call("GET", "/x", "/x"), status, kind, body)) == wrong


def test_a_bug_in_the_log_is_found(tmp_path):
    bug = {"level": "error", "message": "Exception in ASGI application\n", "traceback": "Traceback ...\n  somewhere\nKeyError: 1\n"}
    lines = [json.dumps({"level": "warning", "message": "slow"}), "[mp3] a decoder's remark", json.dumps(bug)]
    (tmp_path / "log").write_text("\n".join(lines))
    (found,) = fuzz.bugs(tmp_path / "log")
    assert found.endswith("KeyError: 1")
