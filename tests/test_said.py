"""Lines for people."""

from collections import Counter

from cli.said import answer_line, clock, guess_text, left_out_text, note, say


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


MATCH = {"track": {"title": "Song", "artist": ""}, "confidence": 0.99999, "bits": 45, "offset": 20.0, "speed": 1, "pitch_cents": 0}


def answered(**answer):
    """What is said of a file of 100 s, after its name."""
    nothing = {"match": None, "guesses": [], "absent": 1.0, "heard": "music", "tracks": 9, "duration": 100.0, "error": None}
    line = answer_line({"query": "a.wav", "from": None, "to": None, "others": 0} | nothing | answer)
    return line.removeprefix("a.wav  ->  ")


def test_a_match_is_told_with_its_part_of_the_file():
    assert answered(match=MATCH, **{"from": 0.2, "to": 99.5}) == "Song  at 0:20  (99.9 %, 45 bits)"
    late = MATCH | {"offset": -30.0}
    part = {"from": 30.0, "to": 90.0, "others": 1}
    assert answered(match=late, **part) == "Song  at 0:00, from 0:30 to 1:30  (99.9 %, 45 bits); 1 other track is heard in it"
    assert answered(match=late, **part | {"others": 2}).endswith("; 2 other tracks are heard in it")


def test_of_no_match_the_reason_is_told():
    assert answered() == "no match"
    assert answered(guesses=[MATCH]).startswith("no match  (closest: Song  at 0:20")
    assert answered(heard="other") == "no match: no music is heard in it"
    assert answered(heard="silence", guesses=[MATCH]) == "no match: it is silent"
    assert answered(tracks=0).startswith("the library is empty")
