"""The HTTP interface, with a real library behind it."""

import json
import shutil
import time
from contextlib import ExitStack

import numpy as np
import pytest
from starlette.testclient import TestClient

from core.demo import demo_names, write_audio, write_demo
from core.errors import StorageError
from tests.described import DescribedClient
from tests.disks import fill, full_disk
from tests.test_covers import image, seen, tagged
from web.app import create_app
from web.settings import Settings

MISSING = 987_654


@pytest.fixture(scope="module")
def client(data, tmp_path_factory):
    """A client of a library that holds `music`, and that a test may change if it changes it back."""
    folder = shutil.copytree(data, tmp_path_factory.mktemp("routes") / "data")
    with DescribedClient(create_app(Settings(data=folder, upload_megabytes=10)), raise_server_exceptions=False) as client:
        client.folder = folder
        yield client


@pytest.fixture
def track(client):
    return client.get("/tracks", params={"sort": "title"}).json()["tracks"][0]


@pytest.fixture
def new_song(client, music, tmp_path):
    """A file that the library does not hold, neither before nor after."""
    yield write_demo(tmp_path, 6, 6)[5]
    for track in client.get("/tracks").json()["tracks"]:
        if track["filename"] not in {path.name for path in music}:
            client.delete(f"/tracks/{track['id']}")


def error(response, status):
    assert response.status_code == status, response.text
    assert response.json()["error"].keys() == {"code", "message"}
    return response.json()["error"]["code"]


# --- tracks -----------------------------------------------------------------------------------------------------------


def test_a_cover(client, new_song, tmp_path):
    path = tagged(tmp_path / "covered.mp3", image(), seed=77)
    (added,) = client.post("/upload", files=[("file", (path.name, path.read_bytes()))]).json()["added"]
    assert added["cover"] is True
    answer = client.get(f"/tracks/{added['id']}/cover")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    assert seen(answer.content)[:2] == (300, 200)
    again = client.get(f"/tracks/{added['id']}/cover", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    changed = client.get(f"/tracks/{added['id']}/cover", headers={"If-None-Match": '"another"'})
    assert changed.content == answer.content


def test_no_cover(client, track):
    assert "cover" not in track
    for number in (track["id"], MISSING):
        assert error(client.get(f"/tracks/{number}/cover"), 404) in ("cover_missing", "not_found")


def test_tracks(client, music):
    answer = client.get("/tracks").json()
    assert answer["total"] == len(answer["tracks"]) == len(music)
    assert answer["next"] is None
    keys = {"id", "title", "artist", "album", "duration", "filename", "added"}
    assert all(track.keys() == keys for track in answer["tracks"])


@pytest.mark.parametrize("sort", ["added", "title", "artist", "album", "duration"])
def test_pages_make_the_whole(client, sort, music):
    whole = client.get("/tracks", params={"sort": sort}).json()["tracks"]
    pages, after = [], None
    while after or not pages:
        page = client.get("/tracks", params={"sort": sort, "limit": 1, "after": after or ""}).json()
        pages, after = pages + page["tracks"], page["next"]
        assert page["total"] == len(music)
    assert pages == whole


def test_search(client, track):
    answer = client.get("/tracks", params={"search": track["title"].upper()}).json()
    assert track in answer["tracks"]
    assert client.get("/tracks", params={"search": "no such music"}).json() == {"tracks": [], "next": None, "total": 0}


@pytest.mark.parametrize(
    ("name", "value"),
    [("limit", "0"), ("limit", "201"), ("limit", "-1"), ("limit", "ten"), ("limit", "1" * 5000), ("sort", "colour")],
)
def test_bad_options(client, name, value):
    assert error(client.get("/tracks", params={name: value}), 400) == f"bad_{name}"
    assert error(client.get("/", params={name: value}), 400) == f"bad_{name}"


@pytest.mark.parametrize("cursor", ["nonsense", "e30", "%00", "é", "WzFd", "bnVsbA"])
def test_a_bad_cursor(client, cursor):
    error(client.get("/tracks", params={"after": cursor, "sort": "title"}), 400)


def test_a_cursor_of_another_sort(client):
    cursor = client.get("/tracks", params={"limit": 1, "sort": "duration"}).json()["next"]
    error(client.get("/tracks", params={"after": cursor, "sort": "title"}), 400)


def test_one_track(client, track):
    assert client.get(f"/tracks/{track['id']}").json() == track


def test_edit(client, track):
    path = f"/tracks/{track['id']}"
    edited = client.patch(path, json={"title": "Ünderground", "album": ""}).json()
    assert edited == {**track, "title": "Ünderground", "album": ""}
    assert client.get(path).json() == edited
    assert client.patch(path, json={"title": track["title"], "album": track["album"]}).json() == track


@pytest.mark.parametrize(
    "body",
    [
        "",
        "title",
        "[]",
        "{}",
        '{"title": 1}',
        '{"colour": "blue"}',
        '{"title": "a", "id": 7}',
        '{"title": "\\ud800"}',
        json.dumps({"title": "x" * 1001}),
        "[" * 60_000,
    ],
)
def test_bad_edits(client, track, body):
    assert error(client.patch(f"/tracks/{track['id']}", content=body), 400) in ("bad_json", "bad_edit")


def test_an_edit_that_is_too_large(client, track):
    assert error(client.patch(f"/tracks/{track['id']}", content=b" " * 70_000), 413) == "too_large"


def test_delete_and_restore(client, track, music):
    path = f"/tracks/{track['id']}"
    removed = client.delete(path)
    assert (removed.status_code, removed.content) == (204, b"")
    assert error(client.get(path), 404) == error(client.delete(path), 404) == "not_found"
    assert client.get("/tracks").json()["total"] == len(music) - 1
    assert client.post(f"{path}/restore").json() == track
    assert client.get("/tracks").json()["total"] == len(music)


@pytest.mark.parametrize("id", [0, MISSING, 2**32 - 1, 2**32, 2**32 + 1, 2**63 - 1, 2**63, 10**30, "1" * 5000])
def test_no_such_track(client, id):
    path = f"/tracks/{id}"
    assert error(client.get(path), 404) == "not_found"
    assert error(client.patch(path, json={"title": "a"}), 404) == "not_found"
    assert error(client.delete(path), 404) == "not_found"
    assert error(client.post(f"{path}/restore"), 404) == "not_found"
    assert error(client.get(f"{path}/audio"), 404) == "not_found"


def test_unknown_paths_and_methods(client, track):
    assert error(client.get("/tracks/one"), 404) == "not_found"
    assert error(client.get("/nothing"), 404) == "not_found"
    assert error(client.get("/upload"), 405) == "method_not_allowed"
    assert client.post(f"/tracks/{track['id']}").headers["allow"] == "GET, HEAD, PATCH, DELETE"


# --- audio ------------------------------------------------------------------------------------------------------------


def test_audio(client, track, music):
    (source,) = (path for path in music if path.name == track["filename"])
    response = client.get(f"/tracks/{track['id']}/audio")
    assert response.content == source.read_bytes()
    assert response.headers["content-type"].startswith("audio/")
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["accept-ranges"] == "bytes"


def test_audio_in_ranges(client, track):
    url = f"/tracks/{track['id']}/audio"
    whole = client.get(url).content
    part = client.get(url, headers={"range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, whole[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(whole)}"
    assert client.get(url, headers={"range": "bytes=-50"}).content == whole[-50:]
    several = client.get(url, headers={"range": "bytes=0-9,20-29"})
    assert several.headers["content-type"].startswith("multipart/byteranges")
    assert error(client.get(url, headers={"range": "some"}), 400) == "bad_request"
    beyond = client.get(url, headers={"range": f"bytes={len(whole)}-"})
    assert error(beyond, 416) == "bad_range"
    assert beyond.headers["content-range"] == f"bytes */{len(whole)}"


def test_audio_that_calls_itself_something_else(client, new_song):
    """Mere bytes: a browser shows them as no page of ours."""
    added = client.post("/upload", files={"file": ("x.html", new_song.read_bytes())}).json()["added"][0]
    response = client.get(f"/tracks/{added['id']}/audio")
    assert response.content == new_song.read_bytes()
    assert response.headers["content-type"] == "application/octet-stream"
    assert response.headers["x-content-type-options"] == "nosniff"


def test_audio_that_is_gone(client, new_song):
    added = client.post("/upload", files={"file": ("gone.flac", new_song.read_bytes())}).json()["added"][0]
    shutil.rmtree(client.folder / "uploads")
    assert error(client.get(f"/tracks/{added['id']}/audio"), 404) == "audio_missing"


# --- upload -----------------------------------------------------------------------------------------------------------


def test_upload(client, new_song, music):
    files = [
        ("file", ("../new song.flac", new_song.read_bytes())),
        ("file", ("again.flac", new_song.read_bytes())),
        ("file", ("old.flac", music[0].read_bytes())),
        ("file", ("text.mp3", b"this is no music")),
        ("file", ("empty.mp3", b"")),
    ]
    answer = client.post("/upload", files=files).json()
    assert answer.keys() == {"added", "known", "failed"}
    (added,) = answer["added"]
    assert added["filename"] == "new song.flac"
    assert [track["filename"] for track in answer["known"]] == ["new song.flac", music[0].name]
    assert [failed["name"] for failed in answer["failed"]] == ["text.mp3", "empty.mp3"]
    assert all(failed["error"] and str(client.folder) not in failed["error"] for failed in answer["failed"])
    assert client.get(f"/tracks/{added['id']}/audio").content == new_song.read_bytes()
    assert len(list((client.folder / "uploads").iterdir())) == 1
    assert not list((client.folder / "incoming").iterdir())


def test_bad_uploads(client):
    assert error(client.post("/upload"), 400) == "no_file"
    assert error(client.post("/upload", files={"sound": ("a.wav", b"1")}), 400) == "no_file"
    assert error(client.post("/upload", files={"file": ("a.wav", bytes(10_000_001))}), 413) == "too_large"
    assert not list((client.folder / "incoming").iterdir())


def test_a_silent_file_fails_alone(client, new_song, music, tmp_path):
    silence = write_audio(tmp_path / "silence.wav", np.zeros(48_000, np.float32), 16_000)
    paths = [silence, new_song, music[0]]
    answer = client.post("/upload", files=[("file", (path.name, path.read_bytes())) for path in paths])
    assert answer.status_code == 200
    answer = answer.json()
    assert [track["filename"] for track in answer["added"]] == [new_song.name]
    assert [track["filename"] for track in answer["known"]] == [music[0].name]
    assert [failed["name"] for failed in answer["failed"]] == ["silence.wav"]
    assert "less than 1 s of sound" in answer["failed"][0]["error"]


def test_removed_tracks_are_listed_until_they_are_restored(client, track):
    before = client.get("/removed").json()["tracks"]  # of other tests
    client.delete(f"/tracks/{track['id']}")
    last, *others = client.get("/removed").json()["tracks"]
    assert last["track"] == track
    assert others == before
    client.post(f"/tracks/{track['id']}/restore")
    assert client.get("/removed").json()["tracks"] == before


@pytest.mark.parametrize("path", ["/predict", "/upload"])
@pytest.mark.parametrize("size", [1_000, 1_000_000])
def test_a_file_in_another_field_is_no_file_whatever_its_size(client, path, size):
    response = client.post(path, files={"audio": ("a.wav", bytes(size))})
    assert error(response, 400) == "no_file"
    assert "'audio'" in response.json()["error"]["message"]
    assert "named file" in response.json()["error"]["message"]


def test_listen_without_an_upgrade(client):
    response = client.get("/listen")
    assert error(response, 426) == "upgrade_required"
    assert response.headers["upgrade"] == "websocket"


def test_demo(client, music, monkeypatch):
    """The tracks are the same each time, so they are known the second time."""
    monkeypatch.setattr("web.files.DEMO_TRACKS", 2)
    monkeypatch.setattr("web.files.DEMO_SECONDS", 6.0)
    before = client.get("/tracks").json()["total"]
    added = client.post("/demo").json()["added"]
    assert [track["title"] for track in added] == [demo_names(seed)[0] for seed in (0, 1)]
    assert client.post("/demo").json() == {"added": [], "known": added, "failed": []}
    assert client.get("/stats").json()["tracks"] == before + 2
    for track in added:
        assert client.get(f"/tracks/{track['id']}/audio").status_code == 200
        client.delete(f"/tracks/{track['id']}")
    assert not list((client.folder / "incoming").iterdir())


# --- predict ----------------------------------------------------------------------------------------------------------


def test_predict(client, music):
    answer = client.post("/predict", files={"file": ("query.flac", music[2].read_bytes())}).json()
    assert answer.keys() == {"match", "from", "to", "others", "guesses", "absent", "heard", "tracks", "duration", "elapsed_ms"}
    assert answer["match"]["track"]["filename"] == music[2].name
    assert answer["guesses"][0]["track"] == answer["match"]["track"]
    assert answer["duration"] == pytest.approx(20, abs=0.1)
    assert answer["elapsed_ms"] > 0


def test_predict_music_that_is_not_here(client, new_song):
    answer = client.post("/predict", files={"file": ("query.flac", new_song.read_bytes())}).json()
    assert answer["match"] is None
    assert answer["absent"] > 0.5


@pytest.mark.parametrize("content", [b"", b"this is no music", b"\x89PNG\r\n\x1a\n" + bytes(100)])
def test_what_cannot_be_decoded(client, content):
    response = client.post("/predict", files={"file": ("query.mp3", content)})
    assert error(response, 415) == "not_audio"
    assert response.json()["error"]["message"].startswith("query.mp3: ")


def test_bad_predicts(client):
    assert error(client.post("/predict", files=[("file", ("a", b"1")), ("file", ("b", b"2"))]), 400) == "too_many_files"
    assert error(client.post("/predict"), 400) == "no_file"
    assert error(client.post("/predict", files={"file": ("a.wav", bytes(10_000_001))}), 413) == "too_large"


def test_too_much_sound_for_a_file(client, music, monkeypatch):
    monkeypatch.setattr(Settings, "upload_seconds", 18.0)
    assert error(client.post("/predict", files={"file": ("query.flac", music[2].read_bytes())}), 413) == "too_long"
    (failed,) = client.post("/upload", files={"file": ("long.flac", music[2].read_bytes() + b"\0")}).json()["failed"]
    assert failed == {"name": "long.flac", "error": "long.flac: more than 0.005 hours of sound; cut it into shorter files"}


@pytest.mark.parametrize(("path", "name"), [("/predict", "identifying"), ("/upload", "learning")])
def test_too_many_files_at_once(client, music, path, name):
    turns = client.app_state[name]
    with ExitStack() as others:
        for _ in range(turns.places):
            others.enter_context(turns.place())
        response = client.post(path, files={"file": ("query.flac", music[2].read_bytes())})
        assert error(response, 503) == "busy"
        assert int(response.headers["retry-after"]) > 0
    assert client.post(path, files={"file": ("query.flac", music[2].read_bytes())}).status_code == 200


def test_a_full_disk_is_no_fault_of_the_file_and_names_no_folder(client, music, monkeypatch):
    monkeypatch.setattr(client.app_state["library"], "add_upload", refuse)
    response = client.post("/upload", files={"file": ("query.flac", music[2].read_bytes())})
    assert error(response, 507) == "storage"
    assert "/srv" not in response.text


def test_what_was_added_before_the_disk_was_full_is_told(client, new_song, music, monkeypatch, caplog):
    learn = client.app_state["library"].add_upload

    def learn_most(path, name, **options):
        return refuse() if name == "full.flac" else learn(path, name, **options)

    monkeypatch.setattr(client.app_state["library"], "add_upload", learn_most)
    paths = {"known.flac": music[0], "new.flac": new_song, "full.flac": music[1], "later.flac": music[2]}
    files = [("file", (name, path.read_bytes())) for name, path in paths.items()]
    answer = client.post("/upload", files=files).json()
    (added,) = answer["added"]
    assert client.get(f"/tracks/{added['id']}").json() == added
    assert [track["filename"] for track in answer["known"]] == [music[0].name]
    assert [failed["name"] for failed in answer["failed"]] == ["full.flac", "later.flac"]
    assert all("disk is full" in failed["error"] and "/srv" not in failed["error"] for failed in answer["failed"])
    assert caplog.text.count("/srv/earprint") == 1
    assert error(client.post("/upload", files=[files[0], files[2]]), 507) == "storage"  # nothing was added


def test_demo_tracks_for_which_there_is_no_room(tmp_path, monkeypatch):
    monkeypatch.setattr("web.files.DEMO_TRACKS", 2)
    monkeypatch.setattr("web.files.DEMO_SECONDS", 6.0)
    with full_disk(tmp_path / "disk", 8 << 20) as disk, DescribedClient(create_app(Settings(data=disk))) as client:
        fill(disk, leave=20_000)
        assert error(client.post("/demo"), 507) == "disk_full"
        assert not list((disk / "incoming").iterdir())
        (disk / "filling").unlink()
        assert len(client.post("/demo").json()["added"]) == 2


def refuse(*_, **__):
    raise StorageError("the index in /srv/earprint cannot be written")



def test_predict_keeps_nothing(client):
    assert not (client.folder / "query").exists()
    assert not list((client.folder / "incoming").iterdir())


def test_predict_keeps_what_it_is_asked_to_keep(tmp_path):
    with TestClient(create_app(Settings(data=tmp_path, keep_queries=True))) as client:
        for _ in range(2):
            assert client.post("/predict", files={"file": ("a/query.mp3", b"no music")}).status_code == 415
    kept = list((tmp_path / "query").iterdir())
    assert [path.read_bytes() for path in kept] == [b"no music"] * 2
    assert all(path.name.endswith("-query.mp3") for path in kept)


# --- page and operation -----------------------------------------------------------------------------------------------


def test_page(client, track, music):
    response = client.get("/")
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert track["title"] in response.text
    assert client.get("/", params={"search": "no such music"}).text.count(track["title"]) == 0


def test_the_page_says_when_queries_are_kept(client, tmp_path):
    said = "This server keeps the files that are sent to it"
    assert said not in client.get("/").text
    with TestClient(create_app(Settings(data=tmp_path, keep_queries=True)), base_url="http://localhost") as other:
        assert said in other.get("/").text


def test_titles_are_text_and_not_markup(client, track):
    client.patch(f"/tracks/{track['id']}", json={"title": "<script>alert(1)</script>"})
    assert "<script>alert" not in client.get("/").text
    client.patch(f"/tracks/{track['id']}", json={"title": track["title"]})


def test_stats(client, music):
    stats = client.get("/stats").json()
    tracks = client.get("/tracks").json()["tracks"]
    assert stats["tracks"] == len(tracks)
    assert stats["seconds"] == pytest.approx(sum(track["duration"] for track in tracks))
    assert stats["bytes"] > stats["postings"] > 0


def test_health(client, music):
    assert client.get("/health").json() == {"status": "ok", "tracks": len(music)}


def test_ready(client):
    deadline = time.monotonic() + 60
    while (response := client.get("/health/ready")).status_code != 200 and time.monotonic() < deadline:
        assert error(response, 503) == "not_ready"
        time.sleep(0.05)
    assert response.json() == {"status": "ready", "advice": None}


def test_metrics(client, music):
    text = client.get("/metrics").text
    assert f"earprint_tracks {len(music)}.0\n" in text
    assert "earprint_listeners 0.0\n" in text
