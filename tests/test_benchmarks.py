"""The measurements' own arithmetic, against cases worked by hand."""

import math
import os
import runpy
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from itertools import combinations, islice
from pathlib import Path

import hearing
import numpy as np
import pytest
import soundfile

from benchmarks import asking, calibration, claims, common, corpus, decoys, front_end, load, plot, scale, sound, streams
from benchmarks.claims import Span
from benchmarks.noises import mix, rms, speech, synthetic_noises
from benchmarks.programme import Segment
from core.candidates import BENDS
from core.constellation import PEAK, Peaks
from core.evidence import CLAIM_BITS
from core.index import Index
from core.params import Params
from core.spectrogram import band_hertz
from core.warps import WARPS
from stream.claims import FIRST_LOOK_BITS

BENCHMARKS = Path(common.__file__).parent


def test_wilson() -> None:
    low, high = common.wilson(5, 10)  # (5 + z2/2) / (10 + z2) +- z / (10 + z2) * sqrt(2.5 + z2/4), by hand
    assert (low, high) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    assert common.wilson(0, 100)[1] == pytest.approx(3.8415 / 103.8415, abs=1e-4)
    assert common.wilson(0, 0) == (0.0, 1.0)


def test_calibration_error() -> None:
    assert common.calibration_error([0.75, 0.75, 0.75, 0.75], [True, True, True, False]) == pytest.approx(0)
    assert common.calibration_error([1.0, 1.0, 0.0], [True, False, False]) == pytest.approx(1 / 3)
    assert math.isnan(common.calibration_error([], []))


def test_shares_are_printed_without_a_leading_zero() -> None:
    assert [common.decimal(value) for value in (0.3, 1.0, math.nan)] == [".30", "1.00", ""]
    assert common.share(5, 10) == "5/10 .50 [.24, .76]"


def test_table_lines_up() -> None:
    assert common.table(["name", "n"], [["a", "10"]]) == "| name |   n |\n| ---- | --: |\n| a    |  10 |"


PROGRAMME = (
    Segment("track", 20.0, "a.ogg", 0.0, frozenset({1})),
    Segment("silence", 10.0),
    Segment("unknown", 20.0, "b.ogg"),
)


def span(track: int, start: float, end: float) -> Span:
    return Span(frozenset({track}), start, end, "")


def test_a_radio_claim_is_timed_from_its_segment() -> None:
    score = claims.score([span(1, 4.0, 21.0)], PROGRAMME)
    (visit,) = score.visits
    assert visit.lost_late
    assert (visit.claims[0].start - visit.start, visit.claims[-1].end - visit.end) == (4.0, 1.0)
    assert (score.wrong, score.false) == ([], [])
    assert (sum(score.labels), len(score.labels)) == (45, 50)  # 4 s before the claim, and 1 s after the end


def test_radio_claims_of_what_does_not_play() -> None:
    score = claims.score([span(2, 5.0, 6.0), span(1, 6.0, 8.0), span(1, 9.0, 20.5), span(3, 35.0, 40.0)], PROGRAMME)
    assert [s.start for s in score.wrong] == [5.0]
    assert [s.start for s in score.false] == [35.0]
    assert len(score.visits[0].claims) == 2  # one flap


def test_a_track_may_be_claimed_shortly_after_it_ended() -> None:
    assert claims.score([span(1, 21.0, 22.0)], PROGRAMME).false == []
    assert len(claims.score([span(1, 24.0, 25.0)], PROGRAMME).false) == 1


def test_spans_of_events() -> None:
    guess = {"track": {"id": 1, "title": "One"}, "twins": [{"id": 2}]}
    events = [
        {"type": "match", "elapsed": 3.0, "guess": guess},
        {"type": "guesses", "elapsed": 4.0},
        {"type": "lost", "elapsed": 5.0, "track": 1},
        {"type": "match", "elapsed": 7.0, "guess": guess},
        {"type": "end", "elapsed": 9.0},
    ]
    both = frozenset({1, 2})
    assert list(claims.spans(events)) == [Span(both, 3.0, 5.0, "One"), Span(both, 7.0, 9.0, "One")]


def test_noise_is_mixed_at_its_level() -> None:
    rng = np.random.default_rng(1)
    music, noise = rng.standard_normal(50_000).astype("f4"), rng.standard_normal(50_000).astype("f4")
    assert rms(mix(music, noise, 6.0) - music) == pytest.approx(rms(music) * 10 ** (-6 / 20), rel=1e-3)


def test_the_same_seed_gives_the_same_noises() -> None:
    for one, other in zip(synthetic_noises(0.5), synthetic_noises(0.5), strict=True):
        np.testing.assert_array_equal(one, other)
    assert len(speech(1000, np.random.default_rng(1))) == 1000


def test_queries_are_split_by_track(tmp_path: Path) -> None:
    (tmp_path / "unknown.txt").write_text("u.ogg\nv.ogg\n")
    (tmp_path / "manifest.csv").write_text(
        "query,truth,cond,length,start\nc_000.wav,a.ogg|b.ogg,clean,5,1.5\nm_003.wav,,unknown_mic,10,2.0\n"
    )
    known, unknown = corpus.read_queries(tmp_path)
    assert (known.truth, known.source, known.start) == (("a.ogg", "b.ogg"), "a.ogg", 1.5)
    assert (unknown.truth, unknown.source) == ((), "v.ogg")  # the fourth of its condition, of two files
    assert corpus.same_recordings(tmp_path)["b.ogg"] == {"a.ogg", "b.ogg"}
    assert {corpus.half(f"{i}.ogg") for i in range(20)} == set(corpus.HALVES)


# Decoys


def test_a_decoy_is_its_source_in_another_form() -> None:
    params, bands = Params(), np.arange(256, dtype=np.uint8)[::-1]
    peaks = np.array([(0, 100, 9, 1), (10, 120, 8, 0), (13, 120, 8, 12), (130, 255, 7, 20)], PEAK)
    backwards = decoys.decoy(peaks, decoys.Form(1.0, True, True, 0), bands, params)
    assert backwards[["frame", "band", "rank"]].tolist() == [(0, 0, 20), (117, 135, 12), (120, 135, 0), (130, 155, 1)]
    shorter = decoys.decoy(peaks, decoys.Form(1 / 1.3, False, False, 1), bands, params)
    assert shorter[["frame", "rank"]].tolist() == [(0, 1), (8, 0), (10, 15)]  # ranks up to 22 / 1.3 are kept, times 1.3
    assert peaks["frame"].tolist() == [0, 10, 13, 130]  # the source is as it was


def test_bands_are_turned_by_the_share_of_peaks_in_them() -> None:
    params = Params()
    peaks = np.zeros(100_000, PEAK)
    peaks["band"] = np.minimum(np.random.default_rng(1).exponential(50, len(peaks)), 255)
    bands = decoys.Bands([peaks], params)
    straight, mirrored = bands.turned(0.25, False), bands.turned(0.25, True)
    below = [float((peaks["band"] <= quantile).mean()) for quantile in (straight[0], mirrored[0])]
    assert below == pytest.approx([0.25, 0.25], abs=0.03)  # the lowest band moves there, whichever way the others go
    assert (mirrored[8] < mirrored[0], straight[8] > straight[0]) == (True, True)
    before, after = (np.bincount(band, minlength=256).reshape(16, 16).sum(axis=1) for band in (peaks["band"], straight[peaks["band"]]))
    np.testing.assert_allclose(after, before, atol=0.02 * len(peaks))  # the bands are filled as unevenly as before


SECONDS_OF_PEAKS = 5.0
HEARD_TEMPOS = [speed * bend for speed in (1.0, *(warp.speed for warp in WARPS)) for bend in (1.0, *BENDS)]
TEMPOS_TRIED = np.arange(min(HEARD_TEMPOS), max(HEARD_TEMPOS) + 0.01, 0.01)
PITCHES_TRIED = (-200, -100, -50, 0, 50, 100, 200)  # cents


def constellation(seed: int) -> Peaks:
    """Five seconds as a reference has them: 40 peaks a second, half of them notes that are repeated at a steady beat."""
    random, n = np.random.default_rng(seed), round(40 * SECONDS_OF_PEAKS)
    peaks = np.zeros(n, PEAK)
    peaks["frame"] = random.integers(0, round(SECONDS_OF_PEAKS / Params().frame_seconds), n)
    peaks["band"] = random.integers(0, 256, n)
    notes = peaks[: n // 2]
    notes["frame"] = notes["frame"] // 12 * 12
    notes["band"] = random.choice(random.integers(0, 256, 24), len(notes))
    peaks["rank"] = random.integers(0, Params().reference_rank, n)
    return np.unique(peaks)


def agreement(one: Peaks, other: Peaks) -> float:
    """The largest share of `one` that lies within a frame and a band of a peak of `other`, along any line that is tried."""
    return max(_agreement_at(one, other, cents) for cents in PITCHES_TRIED)


def _agreement_at(one: Peaks, other: Peaks, cents: float) -> float:
    hertz = band_hertz(Params())
    moved = np.interp(hertz[one["band"]] * 2 ** (cents / 1200), hertz, np.arange(256), left=-9, right=300)
    a, b = np.nonzero(np.abs(moved[:, None] - other["band"]) <= 1)
    lines = [np.rint(other["frame"][b] - tempo * one["frame"][a]).astype(int) for tempo in TEMPOS_TRIED]
    votes = [np.bincount(line - line.min()) for line in lines]
    return float(max(np.convolve(vote, [1, 1, 1]).max() for vote in votes)) / len(one)


def test_no_two_forms_of_a_source_agree() -> None:
    params, source = Params(), constellation(1)
    bands = decoys.Bands([constellation(seed) for seed in range(20)], params)

    def made(seed: int, form: decoys.Form) -> Peaks:
        return decoys.decoy(constellation(seed), form, bands.turned(decoys.TURN * form.turn, form.mirrored), params)

    def pairs(seed: int) -> list[float]:
        return [agreement(made(1, decoys.FORMS[i]), made(seed, decoys.FORMS[k])) for i, k in picked]

    per_time = len(decoys.FORMS) // len(decoys.TIMES)
    alike = [(i * per_time, k * per_time) for i, k in combinations(range(len(decoys.TIMES)), 2)]  # but for their times
    picked = [*alike, *np.random.default_rng(1).permutation(len(decoys.FORMS)).reshape(-1, 2)[:30]]
    chance = max(pairs(2))
    assert chance < 0.15
    assert max(pairs(1)) < chance + 0.05
    assert max(agreement(source, made(1, form)) for form in decoys.FORMS[::4]) < chance + 0.05
    faster = source.copy()
    faster["frame"] = np.rint(source["frame"] * 1.05)
    assert agreement(source, faster) > 0.9  # what is alike is seen to be


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    with hearing.known_music(tmp_path_factory.mktemp("small") / "index") as index:
        yield index


def test_no_two_short_decoys_are_alike(small: Index) -> None:
    made = list(islice(decoys.stretches(small, 10.0, seed=1), 100))  # twice 10 s of 8 tracks, in all forms
    assert len({new.sha256 for new, _ in made}) == len({peaks.tobytes() for _, peaks in made}) == 100
    for new, peaks in made:
        assert 0 <= peaks["frame"][0] <= peaks["frame"][-1] <= new.duration / small.params.frame_seconds
        assert len(peaks) < 60 * new.duration  # about as dense as the real ones, however short they are made


def test_a_library_is_grown_until_the_forms_are_used_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoys, "FORMS", decoys.FORMS[:3])
    with hearing.known_music(tmp_path) as index:
        real = index.stats()
        material = [decoys.Source("f" * 64, "more", 50.0, index.constellation(1))]
        decoys.grow(index, 300 / decoys.SECONDS_PER_HOUR, material, batch=2)  # 8 tracks of 25 s are there
        assert (index.stats()["tracks"], index.stats()["seconds"]) == (12, 300)
        decoys.grow_until(index, "postings", 2.5 * real["postings"], material)  # goes on with the decoys that it lacks
        assert 2.5 <= index.stats()["postings"] / real["postings"] < 3
        with pytest.raises(SystemExit, match=r"all 3 forms of each track are used, and the library has 35 of 1,000 tracks"):
            decoys.grow_until(index, "tracks", 1000, material)  # 8 real ones, and three of each of nine


def test_material_is_analysed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    music, cache = tmp_path / "music", tmp_path / "data" / "material.npz"
    music.mkdir()
    soundfile.write(music / "long.wav", hearing.music(100, 41), hearing.RATE)
    soundfile.write(music / "short.wav", hearing.music(101), hearing.RATE)
    (made,) = decoys.read_material(music, cache, jobs=1)
    assert (made.title, made.duration, len(made.peaks) > 500) == ("long", 41.0, True)
    monkeypatch.setattr(decoys, "Ingest", None)
    (again,) = decoys.read_material(music, cache, jobs=1)
    assert again.sha256 == made.sha256
    np.testing.assert_array_equal(again.peaks, made.peaks)
    soundfile.write(music / "another.wav", hearing.music(102, 41), hearing.RATE)
    with pytest.raises(TypeError):
        decoys.read_material(music, cache, jobs=1)


def test_the_effective_number_of_hashes() -> None:
    even = np.repeat(np.arange(10), 1000)
    assert decoys.effective_number(even) == pytest.approx(10, rel=0.01)
    assert decoys.effective_number(np.array([5, 5, 7, 9], np.uint64)) == 12 / 2  # of twelve pairs, two are equal
    assert decoys.effective_number(np.array([1, 1, 2]), np.array([1, 2, 3, 4])) == 12 / 3
    assert decoys.effective_number(np.array([1, 2])) == math.inf


def test_unknown_clips_are_asked_in_a_library_that_is_filled_up(small: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    soundfile.write(tmp_path / "unknown.wav", hearing.music(100), hearing.RATE)
    clip = calibration.Clip(tmp_path / "unknown.wav", "noise+5", 5.0, (1,), sound.Sources())
    analysis = calibration.analyse(clip)
    assert (analysis.duration, len(analysis.peaks) > 100) == (5.0, True)
    with pytest.raises(SystemExit, match="no more than 8 tracks"):  # of 25 s each: no stretch of 30 s
        calibration.fill(small, 20, seed=1)
    monkeypatch.setattr(calibration, "DECOY_SECONDS", 20.0)
    calibration.fill(small, 20, seed=1)
    assert small.count() == 20
    monkeypatch.setattr(corpus, "index", lambda folder: small)  # which is open already
    outcome = calibration.ask(calibration.Task(analysis, small.path.parent))
    assert (outcome.claimed, outcome.bits < CLAIM_BITS) == (None, True)


# Scale


def asked(query: corpus.Query, accepted: bool, postings: int = 1000) -> asking.Asked:
    known = bool(query.truth)
    return asking.Asked(query, True if known else None, accepted, not known, postings, 10, 0.5, 4.0, None, 10**8, 10**7)


def query(condition: str, length: float, number: int, source: str = "a.ogg") -> corpus.Query:
    truth = () if condition.startswith("unknown") else (source,)
    return corpus.Query(f"{condition}_{number}.wav", truth, condition, length, 0.0, source)


def grown(postings: float, times: float = 1.0) -> scale.Grown:
    stats = {"tracks": 100.0, "seconds": 36_000.0, "postings": postings, "bytes": 40e6, "segments": 2.0}
    return scale.Grown("library", Path("library"), stats, [20.0, 40.0, 90.0], 3.0, times)


def test_queries_of_scale_are_so_many_of_each_condition() -> None:
    of_both = {half: next(f"{i}.ogg" for i in range(20) if corpus.half(f"{i}.ogg") == half) for half in corpus.HALVES}
    queries = [query(condition, 5.0, i, of_both[half]) for condition in ("mic", "aac_48k") for i in range(5) for half in corpus.HALVES]
    names = [q.name for q in scale.chosen([*queries, query("mic", 2.0, 9)], "reporting", 3)]
    assert names == ["mic_0.wav", "mic_1.wav", "mic_2.wav"]  # aac_48k and 2 s are not asked
    assert len(scale.chosen(queries, "all", 100)) == 10


def test_larger_libraries_are_emulated_by_the_largest() -> None:
    assert [(size.name, size.times) for size in scale.emulated(grown(2e8), [1e8, 1e10])] == [("as 1e+10", 50)]


def test_an_emulated_look_up_reads_less() -> None:
    class Nominator:
        def nominate(self, peaks: str, now: int, count: int, budget: float) -> tuple[str, int, int, float]:
            return peaks, now, count, budget

        def nominate_once(self, peaks: str, now: int, count: int, budget: float, warp: str) -> tuple[str, float, str]:
            return peaks, budget, warp

        forget = print

    cut = asking.CutBudgets(Nominator(), 50.0)
    assert cut.nominate("peaks", 10, 60, 4000) == ("peaks", 10, 60, 80)
    assert cut.nominate_once("peaks", 10, 6, 100_000, "warp") == ("peaks", 2000, "warp")


def test_libraries_are_compared_query_by_query() -> None:
    queries = [query("mic", 5.0, i) for i in range(4)] + [query("clean", 1.0, i) for i in range(2)]
    before = scale.Result(grown(1e7), [asked(q, accepted) for q, accepted in zip(queries, [1, 1, 1, 0, 1, 1], strict=True)])
    after = scale.Result(grown(1e8), [asked(q, accepted) for q, accepted in zip(queries, [1, 0, 0, 1, 1, 1], strict=True)])
    first = scale.by_query(before)
    assert list(after.groups) == [("clean", 1.0), ("mic", 5.0)]
    assert scale.difference([after.groups["mic", 5.0]], first) == "-.250 ± .813"  # of 0, -1, -1 and 1
    assert scale.difference(scale.known_groups(after), first) == "-.125 ± .406"


def test_rows_of_scale() -> None:
    queries = [query("mic", 5.0, 0), query("mic", 5.0, 1), query("unknown_mic", 5.0, 0), query("unknown_mic", 5.0, 1)]
    answers = [asked(queries[0], True), asked(queries[1], False, 3000), asked(queries[2], False), asked(queries[3], False)]
    real, larger = scale.Result(grown(1e8), answers), scale.Result(grown(1e8, 50.0), answers)
    first = scale.by_query(real)
    known = dict(zip(scale.HEAD, scale.row(real.library, ("mic", 5.0), answers[:2], first), strict=True))
    assert (known["nominated"], known["accepted"], known["wrong"]) == ("1.00", "1/2 .50 [.09, .91]", "0")
    assert (known["postings"], known["runs"], known["ns"], known["query"]) == ("2000", "10", "250.0", "4.0")  # 1 ms for 4,000 postings
    unknown = dict(zip(scale.HEAD, scale.row(larger.library, ("unknown_mic", 5.0), answers[2:], first), strict=True))
    assert (unknown["nominated"], unknown["accepted"], unknown["wrong"]) == ("", "", "2")
    assert (unknown["postings"], unknown["ns"], unknown["query"]) == ("50000", "", "")  # what reading them costs is not known
    whole = dict(zip(scale.LIBRARY_HEAD, scale.library_row(real, first), strict=True))
    assert (whole["MB an hour"], whole["add"], whole["mean"], whole["own MB"]) == ("4.00", "40.0", "50.0", "100.0")
    assert (whole["accepted"], whole["unknown claimed"]) == (".500", "2/2 1.00 [.34, 1.00]")
    assert scale.lines([real, larger])["a query"] == [(1e8, 4.0)]
    assert len(scale.saved([real, larger])["queries"]) == 8


def test_the_law_of_bits_is_a_row_and_a_line() -> None:
    outcomes = [calibration.Outcome("a/x.ogg", bits, None) for bits in (0.5, 1.5, 2.5)]
    claimed = calibration.Outcome("a/x.ogg", 11.0, "a/y.ogg")
    size = calibration.Size(10, 0.5, [*outcomes, claimed])
    first, law = calibration.rows([size])
    assert first[:3] == ["10", "0.5", ".500 [.150, .850]"]  # two of four have more than 2 bits
    assert first[-2:] == ["1/4 .25 [.05, .70]", "1"]  # and one is claimed, for a file of its own folder
    assert law[2:5] == [".2500", ".0625", ".0156"]
    points, bands = calibration.lines([size])
    assert points["10 tracks"][-1] == (1.0, 1.0)
    assert points["10 tracks"][0] == (2.0**-10.5, 0.25)
    assert len(bands["10 tracks"][0]) == len(points["10 tracks"])
    root = ElementTree.fromstring(calibration.draw([size]))
    assert len(root.findall("{http://www.w3.org/2000/svg}polygon")) == 1
    assert {"law", "a claim", "10 tracks"} <= {text.text for text in root.iter("{http://www.w3.org/2000/svg}text")}


def test_the_bound_of_false_claims_is_the_sum_over_looks() -> None:
    looks = [k * 10 * 256 / 11025 for k in (1, 2, 3, 4)]  # every ten frames, in the first second
    by_hand = sum(2.0 ** -(5 + FIRST_LOOK_BITS + 1.5 * math.log2(1 + t)) for t in looks)
    assert streams.expected(1.0, 5.0) == pytest.approx(by_hand + 2.0**-5)  # the last look is charged nothing
    last = 2.0 ** -(5 + 1.5 * math.log2(6))  # of a minute, one of six windows
    assert streams.expected(60.0, 5.0) - last < 2.0 ** -(5 + FIRST_LOOK_BITS) * (1 + 2 / 0.232)  # the integral of (1 + t)^-1.5 is 2
    assert streams.expected(360_000.0) == pytest.approx(streams.expected(3600.0), rel=0.05)  # the sum is finite


def test_the_rate_of_rare_claims_has_an_exact_interval() -> None:
    assert streams.rate_interval(0, 100.0) == pytest.approx((0, 3.689), abs=1e-3)  # -ln 0.025
    assert streams.rate_interval(2, 10.0) == pytest.approx((2.422, 72.247), abs=1e-3)  # Garwood's table: 0.2422, 7.2247


def test_the_shipped_front_end_is_the_engine_s() -> None:
    pcm = hearing.music(3, 6, Params().sample_rate)
    peaks, levels = hearing.fingerprint(pcm, Params().sample_rate)
    shipped = front_end.Variant.named("shipped").fingerprint(pcm)
    np.testing.assert_array_equal(shipped[0], peaks)
    np.testing.assert_array_equal(shipped[1], levels)
    for name in front_end.VARIANTS:
        assert front_end.Variant.named(name).params != Params() or name == "shipped"
    assert len(front_end.Variant.named("PCEN for whitening").fingerprint(pcm)[0]) > 100


def test_variants_are_compared_query_by_query() -> None:
    assert common.paired([[1, 0, -1, 0], [1, 1]]) == pytest.approx((0.5, 1.96 * math.sqrt(0.5 / 4) / 2), abs=1e-3)


@pytest.mark.parametrize(("limit", "start"), [(1, 20), (19, 20), (20, 20), (37, 20), (150, 20), (161, 5)])
def test_the_knee_is_found(limit: int, start: int) -> None:
    def of(listeners: int) -> load.Load:
        return load.Load(listeners, load.Record(errors=int(listeners > limit)), 0.0, 1.0, 0)

    tried = [it.listeners for it in load.knee(of, lambda it: it.record.errors == 0, start)]
    assert len(tried) == len(set(tried)) <= 12
    found = max(n for n in tried if n <= limit)
    assert min(n for n in tried if n > limit) <= max(load.NARROW * found, found + 1)


def test_the_lag_is_counted_from_the_message_that_ended_what_was_needed() -> None:
    listener = load.Listener("", [b""], True, 0, 0.0, 0.0, load.Record(), sent=[0.1, 0.2, 0.3])
    assert [listener._needed(elapsed) for elapsed in (0.05, 0.1, 0.1004, 0.15, 0.3, 0.9)] == [0, 0, 0, 1, 2, 2]


def test_what_a_process_costs_is_counted() -> None:
    before = load.cpu_seconds(os.getpid())
    while load.cpu_seconds(os.getpid()) < before + 0.05:
        sum(range(10_000))
    assert 1e6 < load.own_bytes(os.getpid()) < 1e11


def test_a_plot_has_its_lines_and_decades() -> None:
    root = ElementTree.fromstring(plot.svg({"cost": [(1e6, 2.0), (1e8, 30.0)]}, "size", "ms"))
    texts = ["".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"106", "107", "108", "1", "10", "100", "size", "ms", "cost"} <= set(texts)
    (line,) = root.iter("{http://www.w3.org/2000/svg}polyline")
    first, last = (tuple(map(float, point.split(","))) for point in line.attrib["points"].split())
    assert first[0] == pytest.approx(plot.LEFT)
    assert last[0] == pytest.approx(plot.WIDTH - plot.RIGHT)
    assert first[1] > last[1]


@pytest.mark.parametrize("script", sorted(path.name for path in BENCHMARKS.glob("*.py") if "__main__" in path.read_text()))
def test_each_benchmark_says_how_to_use_it(script: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A help text with a bare % is broken only once it is asked for."""
    monkeypatch.setattr(sys, "argv", [script, "--help"])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(BENCHMARKS / script), run_name="__main__")
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: {script}")
