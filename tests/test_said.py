"""Lines for people."""

from cli.said import clock, guess_text


def test_clock():
    clocks = {0: "0:00", 83.4: "1:23", 59.6: "1:00", -3: "-0:03", -0.2: "0:00"}
    assert {seconds: clock(seconds) for seconds in clocks} == clocks


def test_a_guess_names_only_what_is_remarkable():
    track = {"title": "Song", "artist": ""}
    guess = {"track": track, "confidence": 0.99999, "bits": 45.2, "offset": 83, "speed": 1.02, "pitch_cents": 34.3}
    assert guess_text(guess, "offset") == "Song  at 1:23  (99.9 %, 45 bits, +2.0 % speed, +34 cents)"
    plain = guess | {"speed": 1.001, "pitch_cents": 2}
    assert guess_text(guess, "offset", settled=False) == guess_text(plain, "offset")
    assert guess_text(plain, "offset") == "Song  at 1:23  (99.9 %, 45 bits)"
