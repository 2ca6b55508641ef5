"""Text of others is shown without harm, and compared as people do."""

import unicodedata

import pytest

from core.text import folded, from_bytes, one_line, printable, reread, sort_key


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Björk", "bjork"),
        ("Sigur Rós", "SIGUR ROS"),
        ("Mø", "mo"),
        ("Æther", "aether"),
        ("Straße", "STRASSE"),
        ("Ｆｕｌｌ", "full"),  # noqa: RUF001
        ("Ёлка", "елка"),
        ("İstanbul", "istanbul"),
        ("Don’t", "don't"),  # noqa: RUF001
    ],
)
def test_the_same_letters(a, b):
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert folded(unicodedata.normalize(form, a)) == folded(b)


def test_other_letters_stay_apart():
    assert len({folded(text) for text in ("a", "b", "ж", "日", "か", "が")}) == 6


@pytest.mark.parametrize(
    "names",
    [
        ["track2", "track10"],
        ["2", "10", "100"],
        ["A", "Äb", "Ac"],
        ["Track 9 b", "track 09 c", "Track 10 a"],
        ["1", "a"],
    ],
)
def test_natural_order(names):
    assert sorted(names, key=sort_key) == names == sorted(names[1:] + names[:1], key=sort_key)


def test_control_characters():
    hostile = "a\x1b[2Jb\x07c\r\nd\x9b31me\u202ef\0g"
    assert one_line(hostile) == "a [2Jb c d 31mef g"
    assert printable(hostile) == "a\\x1b[2Jb\\x07c\\r\\nd\\x9b31me\\u202ef\\x00g"
    assert printable("Ångström 日本 👍🏽") == "Ångström 日本 👍🏽"


@pytest.mark.parametrize("text", ["Café", "日本", "“quoted”", "Ã"])
def test_bytes_of_either_encoding(text):
    assert from_bytes(text.encode()) == text
    for encoding in ("latin-1", "cp1252"):
        try:
            raw = text.encode(encoding)
        except UnicodeEncodeError:
            continue
        assert from_bytes(raw) == text
    assert reread(text.encode().decode("latin-1")) == text
    assert reread(text) == text


def test_no_byte_is_lost():
    assert from_bytes(b"\x81\xff") == "\x81\xff"
