"""Lines for people."""

from cli.said import clock, event_line, guess_text


def test_clock():
    clocks = {0: "0:00", 83.4: "1:23", 59.6: "1:00", -3: "-0:03", -0.2: "0:00"}
    assert {seconds: clock(seconds) for seconds in clocks} == clocks


def test_a_guess_names_only_what_is_remarkable():
    track = {"title": "Song", "artist": ""}
    guess = {"track": track, "confidence": 0.99999, "bits": 45.2, "offset": 83, "speed": 1.02, "pitch_cents": 34.3}
    assert guess_text(guess, "offset") == "Song  at 1:23  (99.9 %, 45 bits, +2.0 % speed, +34 cents)"
    plain = guess | {"speed": 1.001, "pitch_cents": 2}
    assert guess_text(plain, "offset") == "Song  at 1:23  (99.9 %, 45 bits)"


def test_events():
    guess = {"track": {"title": "Song", "artist": "Band"}, "confidence": 0.5, "bits": 9, "offset": 0, "position": 7}
    guess |= {"speed": 1, "pitch_cents": 0}
    events = [
        {"type": "ready", "tracks": 1234, "delay": 0.4, "threshold": 20},
        {"type": "guesses", "elapsed": 1.0, "guesses": [], "absent": 1},
        {"type": "guesses", "elapsed": 2.0, "guesses": [guess], "absent": 0.5},
        {"type": "match", "elapsed": 7.0, "guess": guess},
        {"type": "lost", "elapsed": 63.0, "track": 5},
        {"type": "end", "elapsed": 70.0, "match": None, "guesses": [guess], "absent": 0.5},
    ]
    assert [event_line(event) for event in events] == [
        "0:00  ready    1,234 tracks",
        "0:01  guesses  nothing yet",
        "0:02  guesses  Song - Band  at 0:07  (50.0 %, 9 bits)",
        "0:07  match    Song - Band  at 0:07  (50.0 %, 9 bits)",
        "1:03  lost     track 5",
        "1:10  end      no match  (closest: Song - Band  at 0:07  (50.0 %, 9 bits))",
    ]
