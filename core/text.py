"""Text that others wrote (tags, names of files) made fit to be shown, searched and sorted."""

import re
import unicodedata

CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")  # what a terminal may obey, and ends of lines
DIRECTION = re.compile("[\u202a-\u202e\u2066-\u2069\ufeff]")  # turns the order of what follows, and byte order marks
ACCENTS = re.compile("[\u0300-\u036f]+")  # that combine with a letter before them
DIGITS = re.compile("[0-9]+")
LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ı": "i", "ħ": "h", "æ": "ae", "œ": "oe", "þ": "th", "’": "'"})  # noqa: RUF001
BROKEN = "\ufffd"  # stands where a decoder did not know better


def one_line(text: str) -> str:
    """Return the text on one line without control characters, and with single spaces."""
    return " ".join(CONTROL.sub(" ", DIRECTION.sub("", text)).split())


def printable(text: str) -> str:
    """Return the text with its control characters written as escapes, so that neither a terminal nor a log obeys them."""
    return CONTROL.sub(_escaped, DIRECTION.sub(_escaped, text))


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()


def folded(text: str) -> str:
    """Return the text as it is compared: without case, accents and other ways to write the same letters."""
    if text.isascii():
        return text.casefold()
    plain = ACCENTS.sub("", unicodedata.normalize("NFKD", text.casefold()))
    return unicodedata.normalize("NFC", plain.translate(LETTERS)).casefold()


def sort_key(text: str) -> str:
    """Return what sorts as a person would: a number by its value (track2 before track10), letters beside their accented ones."""
    return DIGITS.sub(_by_value, folded(text))


def _by_value(number: re.Match[str]) -> str:
    digits = number[0].lstrip("0")
    return f"{len(digits):04}{digits}"


def from_bytes(raw: bytes) -> str:
    """Return text in UTF-8 or else in Windows' superset of Latin-1: text in the latter hardly ever is valid UTF-8."""
    for encoding in ("utf-8", "cp1252"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return raw.decode("latin-1")


def reread(text: str) -> str:
    """Return text that was taken for Latin-1 as what it is: UTF-8, or Windows' superset of Latin-1. Other text stays."""
    try:
        return from_bytes(text.encode("latin-1"))
    except UnicodeEncodeError:
        return text
