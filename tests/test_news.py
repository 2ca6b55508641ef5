"""What `earprint listen` prints: only news."""

from cli.news import SETTLED_GUESSES, News

BLUE, RED = {"id": 5, "title": "Blue", "artist": "Band"}, {"id": 6, "title": "Red", "artist": ""}


def guess(track, confidence, speed=1.0):
    return {"track": track, "confidence": confidence, "bits": 9, "offset": 0, "position": 7, "speed": speed, "pitch_cents": 0}


def guesses(elapsed, *some):
    return {"type": "guesses", "elapsed": elapsed, "guesses": list(some), "absent": 0.5}


def lines(*events):
    news = News()
    return [line for line in map(news.line, events) if line]


def test_a_session():
    assert lines(
        {"type": "ready", "tracks": 1234, "delay": 0.4, "threshold": 20},
        guesses(1.0),
        guesses(2.0, guess(RED, 0.05)),
        guesses(3.0, guess(BLUE, 0.5)),
        guesses(4.0, guess(BLUE, 0.6)),
        {"type": "match", "elapsed": 7.0, "guess": guess(BLUE, 0.995)},
        guesses(8.0, guess(BLUE, 0.999)),
        {"type": "lost", "elapsed": 63.0, "track": 5},
        guesses(64.0, guess(RED, 0.09)),
        {"type": "end", "elapsed": 70.0, "match": None, "guesses": [guess(RED, 0.09)], "absent": 0.5, "heard": "music", "tracks": 9},
    ) == [
        "0:00  ready    1,234 tracks",
        "0:03  guess    Blue - Band  at 0:07  (50.0 %, 9 bits)",
        "0:07  match    Blue - Band  at 0:07  (99.5 %, 9 bits)",
        "1:03  lost     Blue - Band",
        "1:10  end      no match  (closest: Red  at 0:07  (9.0 %, 9 bits))",
    ]


def test_a_guess_that_loses_the_lead_and_takes_it_again_is_news():
    told = lines(*(guesses(n, guess(track, 0.5)) for n, track in enumerate([BLUE, BLUE, RED, BLUE])))
    assert [line.split()[2] for line in told] == ["Blue", "Red", "Blue"]


def test_a_track_that_is_claimed_again_is_news_each_time():
    match, lost = {"type": "match", "elapsed": 1.0, "guess": guess(BLUE, 0.995)}, {"type": "lost", "elapsed": 2.0, "track": 5}
    assert [line.split()[1] for line in lines(match, guesses(1.5, guess(BLUE, 0.999)), lost, match)] == ["match", "lost", "match"]


def test_a_speed_is_told_once_it_has_settled_and_once():
    match = {"type": "match", "elapsed": 2.0, "guess": guess(BLUE, 0.995, 1.05)}
    wild = [guesses(n, guess(BLUE, 0.995, speed)) for n, speed in enumerate([0.97, 1.06, 1.02])]
    calm = [guesses(9 + n, guess(BLUE, 0.995, 1.04)) for n in range(2 * SETTLED_GUESSES)]
    told = lines(match, *wild, *calm)
    assert told == [
        "0:02  match    Blue - Band  at 0:07  (99.5 %, 9 bits)",
        f"0:{9 + SETTLED_GUESSES - 1}  speed    Blue - Band  at 0:07  (99.5 %, 9 bits, +4.0 % speed)",
    ]


def test_an_ordinary_speed_is_no_news():
    match = {"type": "match", "elapsed": 2.0, "guess": guess(BLUE, 0.995)}
    assert len(lines(match, *(guesses(3 + n, guess(BLUE, 0.999)) for n in range(2 * SETTLED_GUESSES)))) == 1
