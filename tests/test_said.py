"""Lines for people."""

from collections import Counter

from cli.said import clock, guess_text, left_out_text, note, say


def test_nothing_that_a_terminal_obeys_is_printed(capsys):
    hostile = "a\x1b]0;owned\x07\x9b31m\u202e.mp3"
    say(False, {}, hostile)
    note(hostile)
    out, err = capsys.readouterr()
    assert out == "a\\x1b]0;owned\\x07\\x9b31m\\u202e.mp3\n"
    assert err == f"earprint: {out}"


def test_what_was_left_out():
    assert left_out_text(Counter({".jpg": 1200, ".txt": 2})) == "1,202 left out (1,200 .jpg, 2 .txt)"
    kinds = ", ".join(f"{20 - n} .{n}" for n in range(8))
    assert left_out_text(Counter({f".{n}": 20 - n for n in range(10)})) == f"155 left out ({kinds}, and others)"


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
