"""The HTTP routes in OpenAPI 3.1, for /openapi.json. The tests compare it with the routes, and each answer with its schema."""

from typing import Any

from core.covers import MEDIA_TYPE
from core.tracks import SORTS
from web.auth import COOKIE
from web.tracks import BODY_BYTES, EDITABLE, MAX_LIMIT, PAGE_LIMIT, TEXT_CHARACTERS

Json = dict[str, Any]

SEVERAL_GUESSES = 5  # at most, in an answer
NUMBER = {"name": "id", "in": "path", "required": True, "description": "A track's.", "schema": {"type": "integer", "minimum": 1}}
RANGE = {"name": "Range", "in": "header", "description": "Bytes of the file, as in bytes=0-1023.", "schema": {"type": "string"}}


def description(version: str, base_url: str) -> Json:
    """The whole document. base_url: of this server."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Earprint",
            "version": version,
            "description": "Names recordings from a library of references. Live sound goes over a WebSocket: see docs/protocol.md.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": base_url.rstrip("/")}],
        "paths": PATHS,
        "components": {"schemas": SCHEMAS, "securitySchemes": KEYS},
        "security": [{}, {"token": []}, {"cookie": []}],
    }


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(**properties: Json) -> Json:
    """All properties are always there."""
    return {"type": "object", "properties": properties, "required": list(properties)}


def _more(extra: Json, **properties: Json) -> Json:
    """The extra properties are there where they hold something."""
    always = _object(**properties)
    return {**always, "properties": {**properties, **extra}}


def _text(meaning: str, **more: Any) -> Json:
    return {"type": "string", "description": meaning, **more}


def _number(meaning: str, **more: Any) -> Json:
    return {"type": "number", "description": meaning, **more}


def _count(meaning: str) -> Json:
    return {"type": "integer", "description": meaning, "minimum": 0}


def _list(of: str, meaning: str, **more: Any) -> Json:
    return {"type": "array", "items": _ref(of), "description": meaning, **more}


def _or_null(schema: Json, meaning: str) -> Json:
    return {"anyOf": [schema, {"type": "null"}], "description": meaning}


KEYS: Json = {
    "token": {"type": "http", "scheme": "bearer", "description": "Where the operator has set a token: for all that changes the library."},
    "cookie": {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": "What /login gives for the token, for browsers."},
}

SHARE = {"minimum": 0, "maximum": 1}
ANSWER = {
    "match": _or_null(_ref("Guess"), "The guess that is claimed, if any."),
    "guesses": _list("Guess", "Best first, also those far from a claim.", maxItems=SEVERAL_GUESSES),
    "absent": _number("The probability that the music is not in the library.", **SHARE),
    "duration": _number("Seconds that were heard.", minimum=0),
    "from": _or_null(_number("", minimum=0), "Seconds of the file at which the match begins; null without one."),
    "to": _or_null(_number("", minimum=0), "Seconds of the file at which the match ends."),
    "others": _count("How many other tracks are heard in the file. The match is heard longest."),
    "heard": _text("What kind of sound most of it is, whether known or not: an estimate.", enum=["music", "other", "silence"]),
    "tracks": _count("How many tracks the library holds: if none, nothing can be recognised."),
}
SCHEMAS: Json = {
    "Track": _more(
        {
            "album_artist": _text("Of the whole album."),
            "track_number": _count("On its disc."),
            "disc_number": _count("Of the album."),
            "year": _count("Of the release."),
            "label": _text("The publisher of the release."),
            "isrc": _text("The International Standard Recording Code, without hyphens.", pattern="^[A-Z]{2}[A-Z0-9]{3}[0-9]{7}$"),
            "cover": {"const": True, "description": "There is a picture at /tracks/{id}/cover."},
        },
        id=_count("Never used again for another track."),
        title=_text("From the file's tags or its name, until somebody edits it."),
        artist=_text("Empty where unknown."),
        album=_text("Empty where unknown."),
        duration=_number("Seconds.", minimum=0),
        filename=_text("The base name of the file it was made of."),
        added=_text("When it came into the library, in UTC.", format="date-time"),
    ),
    "Guess": _object(
        track=_ref("Track"),
        twins=_list("Track", "Other tracks that hold the same recording, or the stretch of it that was heard; the first of them."),
        twins_total=_count("How many of these tracks are known."),
        confidence=_number("The probability that this recording is what is heard.", **SHARE),
        bits=_number("Evidence: -log2 of the chance that the best of all wrong candidates looks this good."),
        position=_number("Seconds into the track at the end of what was heard: offset + speed * `to`, or without a match * `duration`."),
        offset=_number("Seconds into the track at its beginning; below 0 when the music began later."),
        speed=_number("1.04 is 4 % faster than the reference.", exclusiveMinimum=0),
        pitch_cents=_number("100 is a semitone higher than the reference."),
    ),
    "Answer": _object(**ANSWER, elapsed_ms=_number("Milliseconds of work.", minimum=0)),
    "Uploaded": _object(
        added=_list("Track", "New tracks."),
        known=_list("Track", "Tracks that were there before: of a file with the same SHA-256."),
        failed={"type": "array", "items": _object(name=_text("The file's name."), error=_text("What is wrong with it."))},
    ),
    "Page": _object(
        tracks=_list("Track", "Those of this page.", maxItems=MAX_LIMIT),
        next=_or_null({"type": "string"}, "What `after` has to be for the page that follows; null at the end."),
        total=_count("Tracks on all pages of this search. Without a search: all tracks."),
    ),
    "Removed": _object(
        tracks={"type": "array", "items": _object(track=_ref("Track"), removed=_text("When it was removed, in UTC.", format="date-time"))}
    ),
    "Stats": _object(
        tracks=_count("Tracks in the library."),
        seconds=_number("Seconds of music.", minimum=0),
        postings=_count("Hashes of two peaks in the index."),
        triples=_count("Hashes of three peaks in the index."),
        bytes=_count("Bytes on disk: the index, without audio."),
        segments=_count("Parts of the index that are searched one by one."),
    ),
    "Edit": {
        "type": "object",
        "properties": {name: {"type": "string", "maxLength": TEXT_CHARACTERS} for name in EDITABLE},
        "minProperties": 1,
        "additionalProperties": False,
    },
    "Files": _object(file={"type": "array", "items": {"type": "string", "format": "binary"}, "minItems": 1}),
    "File": _object(file={"type": "string", "format": "binary"}),
    "Token": _object(token=_text("The token of this server.")),
    "Health": _object(status={"const": "ok"}, tracks=_count("Tracks in the library.")),
    "Ready": _object(
        status={"const": "ready"},
        advice=_or_null({"type": "string"}, "What would make a library of this size better, for the operator."),
    ),
    "Error": _object(error=_object(code=_text("One word, for programs."), message=_text("A sentence, for people."))),
}


OTHERWISE = "401 without the token where it is needed, 403 from pages of other sites, 421 under a strange host name, 429 and 503 when "
OTHERWISE += "there is too much to do (Retry-After says how long to wait), 507 when the disk is full, 500 for a bug."


def _json(schema: Json) -> Json:
    return {"application/json": {"schema": schema}}


def _kind(*names: str) -> Json:
    return {name: {"schema": {"type": "string"}} for name in names}


def _call(summary: str, content: Json | None, *, good: tuple[str, ...] = ("200",), errors: Json | None = None, **more: Any) -> Json:
    """One method of one path. content: of the answer when all went well, None when it has none; good: the statuses that say so."""
    answer: Json = {"description": "As asked."} | ({"content": content} if content else {})
    wrong = {status: _error(meaning) for status, meaning in (errors or {}).items()}
    responses = {**dict.fromkeys(good, answer), **wrong, "default": _error(OTHERWISE)}
    return {"summary": summary, "responses": responses, **more}


def _revalidated(call: Json) -> Json:
    """Let a client ask whether what it has is still right, by the `ETag` that came with it."""
    asked = {"name": "If-None-Match", "in": "header", "description": "The `ETag` of what the client has.", "schema": {"type": "string"}}
    return {**call, "parameters": [asked], "responses": {"304": {"description": "It has not changed."}, **call["responses"]}}


def _error(meaning: str) -> Json:
    return {"description": meaning, "content": _json(_ref("Error"))}


def _body(kind: str, schema: str, **more: Any) -> Json:
    return {"required": True, "content": {kind: {"schema": _ref(schema)}}, **more}


def _query(name: str, meaning: str, **schema: Any) -> Json:
    return {"name": name, "in": "query", "description": meaning, "schema": {"type": "string", **schema}}


FORM = "multipart/form-data"
NO_TRACK = {"404": "There is no such track."}
NO_ROOM = {"507": "The server's disk is full; nothing was changed."}
NO_FILE = {
    "400": "There is no file, or no proper form.",
    "413": "More than this server takes.",
    "503": "Too many files are being analysed: `Retry-After` says when to try again.",
    **NO_ROOM,
}
LISTING = [
    _query("search", "Words, each of which occurs in a title, artist, album or file name; case and accents do not matter.", default=""),
    _query("sort", "The order; `added` has the newest first.", enum=list(SORTS), default="added"),
    _query("limit", "Tracks a page.", type="integer", minimum=1, maximum=MAX_LIMIT, default=PAGE_LIMIT),
    _query("after", "The `next` of the page before, with the same search and sort."),
]
BAD_LISTING = {"400": "An option that does not exist, or a cursor of another order."}

PATHS: Json = {
    "/": {"get": _call("The page.", _kind("text/html"), parameters=LISTING, errors=BAD_LISTING)},
    "/tracks": {"get": _call("The tracks, a page at a time.", _json(_ref("Page")), parameters=LISTING, errors=BAD_LISTING)},
    "/tracks/{id}": {
        "parameters": [NUMBER],
        "get": _call("One track.", _json(_ref("Track")), errors=NO_TRACK),
        "patch": _call(
            "Changes what is given.",
            _json(_ref("Track")),
            requestBody=_body("application/json", "Edit"),
            errors=NO_TRACK | {"400": "Not an edit.", "413": f"More than {BODY_BYTES} bytes."},
        ),
        "delete": _call("Removes a track; it can be restored for a month.", None, good=("204",), errors=NO_TRACK),
    },
    "/tracks/{id}/restore": {
        "parameters": [NUMBER],
        "post": _call(
            "Brings a removed track back.",
            _json(_ref("Track")),
            errors=NO_TRACK | {"409": "Its file has been added again, as another track."},
        ),
    },
    "/tracks/{id}/audio": {
        "parameters": [NUMBER, RANGE],
        "get": _call(
            "The sound of a track.",
            _kind("audio/*", "application/octet-stream", "multipart/byteranges"),
            good=("200", "206"),
            errors={
                "400": "Not a range.",
                "404": "There is no such track, or its sound is gone: `audio_missing`.",
                "416": "Not within the file.",
            },
        ),
    },
    "/removed": {"get": _call("The tracks that can be restored, those removed last first.", _json(_ref("Removed")))},
    "/tracks/{id}/cover": {
        "parameters": [NUMBER],
        "get": _revalidated(
            _call(
                "The cover of a track, a small picture.",
                _kind(MEDIA_TYPE),
                errors={"404": "There is no such track, or it has no cover: `cover_missing`."},
            )
        ),
    },
    "/upload": {
        "post": _call("Adds recordings to the library.", _json(_ref("Uploaded")), requestBody=_body(FORM, "Files"), errors=NO_FILE)
    },
    "/demo": {"post": _call("Adds the demo tracks: short music made from seeds.", _json(_ref("Uploaded")), errors=NO_ROOM)},
    "/predict": {
        "post": _call(
            "Identifies a recording.",
            _json(_ref("Answer")),
            requestBody=_body(FORM, "File"),
            errors=NO_FILE | {"415": "It cannot be decoded."},
        )
    },
    "/login": {
        "post": _call(
            "Trades the token for a cookie.",
            None,
            good=("303",),
            requestBody=_body("application/x-www-form-urlencoded", "Token"),
            errors={"401": "That is not the token.", "409": "This server has no token."},
        )
    },
    "/logout": {"post": _call("Takes the cookie back.", None, good=("303",))},
    "/listen": {
        "get": _call("The WebSocket: see docs/protocol.md.", None, good=("101",), errors={"426": "It is no handshake of a WebSocket."})
    },
    "/stats": {"get": _call("How much there is.", _json(_ref("Stats")))},
    "/openapi.json": {"get": _call("This description.", _json({"type": "object"}))},
    "/health": {"get": _call("That the server runs.", _json(_ref("Health")))},
    "/health/ready": {
        "get": _call("That it is ready to recognise.", _json(_ref("Ready")), errors={"503": "Not yet: the engine is warming up."})
    },
    "/metrics": {"get": _call("Figures for Prometheus.", _kind("text/plain"))},
}
