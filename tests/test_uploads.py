"""Multipart bodies to files: what arrives, what is refused, and that nothing is left behind."""

import asyncio
import errno
import os
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from tests.disks import fill, full_disk
from web.errors import HANDLERS, ApiError
from web.settings import Settings
from web.uploads import FORM_BYTES, NAME_BYTES, clean_name, received

FILE_BYTES, ALL_BYTES = 100_000, 250_000
MULTIPART = {"content-type": "multipart/form-data; boundary=xyz"}
SETTINGS = Settings(idle_seconds=1)
SCOPE = {
    "type": "http",
    "method": "POST",
    "headers": [(b"content-type", MULTIPART["content-type"].encode())],
    "state": {"settings": SETTINGS},
}


@contextmanager
def place(folder):
    with TemporaryDirectory(dir=folder) as temporary:
        yield Path(temporary)


@pytest.fixture
def client(tmp_path):
    async def take(request):
        async with received(request, place(tmp_path), file_bytes=FILE_BYTES, all_bytes=ALL_BYTES) as files:
            assert all(file.path.is_relative_to(tmp_path) for file in files)
            sizes = {file.name: len(file.path.read_bytes()) for file in files}
            for file in files[:1]:
                file.path.unlink()  # as when it is moved to where it stays
            return JSONResponse({"files": len(files), "sizes": sizes})

    @asynccontextmanager
    async def lifespan(app):
        yield {"settings": SETTINGS}

    with TestClient(Starlette(routes=[Route("/", take, methods=["POST"])], exception_handlers=HANDLERS, lifespan=lifespan)) as client:
        yield client
    assert list(tmp_path.iterdir()) == []


def code(response, status):
    assert response.status_code == status
    return response.json()["error"]["code"]


def test_files_and_other_fields(client):
    files = [("file", ("a.wav", bytes(10))), ("file", ("ü b.mp3", bytes(FILE_BYTES))), ("other", ("c.wav", b"123"))]
    answer = client.post("/", files=files, data={"note": "x" * 1000, "file": "not a file"}).json()
    assert answer == {"files": 2, "sizes": {"a.wav": 10, "ü b.mp3": FILE_BYTES}}


def test_two_files_of_one_name(client):
    assert client.post("/", files=[("file", ("a.wav", b"1")), ("file", ("a.wav", b"22"))]).json()["files"] == 2


def test_an_empty_file_is_a_file(client):
    assert client.post("/", files={"file": ("a.wav", b"")}).json()["sizes"] == {"a.wav": 0}


def test_any_chunks_are_the_same_body(client):
    sound = os.urandom(5000)
    body = b'--xyz\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n' + sound
    body += b"\r\n--xyz--\r\n"
    for size in (1, 3, 70, len(body)):
        chunks = (body[begin : begin + size] for begin in range(0, len(body), size))
        assert client.post("/", content=chunks, headers=MULTIPART).json()["sizes"] == {"a.wav": 5000}


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ("filename=\"say %22hi%22.mp3\"", 'say "hi".mp3'),
        ('filename="50%.mp3"', "50%.mp3"),
        ('filename="a%0D%0Ab%20.mp3"', "a__b%20.mp3"),
        ('filename="say \\"hi\\".mp3"', 'say "hi".mp3'),
        ("filename*=UTF-8''na%C3%AFve%20%22x%22.mp3", 'naïve "x".mp3'),
        ("filename=\"fallback.mp3\"; filename*=utf-8'en'%e2%82%ac.mp3", "€.mp3"),
        ("filename*=utf-8''%e2%82%ac.mp3; filename=\"fallback.mp3\"", "€.mp3"),
        ("filename*=iso-8859-1''caf%E9.mp3", "café.mp3"),
        ("filename=\"plain.mp3\"; filename*=utf-8''%ff.mp3", "plain.mp3"),
        ("filename=\"a; filename*=utf-8''b.mp3\"", "a; filename*=utf-8''b.mp3"),
        ("filename*=utf-8''..%2F..%2Fetc%2Fa%1b.mp3", "a_.mp3"),
        ('filename="a\u202eb\u0085.mp3"', "a_b_.mp3"),
    ],
)
def test_names_of_files(client, options, name):
    body = f'--xyz\r\nContent-Disposition: form-data; name="file"; {options}\r\n\r\n1\r\n--xyz--\r\n'
    assert client.post("/", content=body.encode(), headers=MULTIPART).json()["sizes"] == {name: 1}


@pytest.mark.parametrize(
    "part",
    [
        b"--xyz\r\n\r\n\r\n",
        b'--xyz\r\nContent-Disposition: form-data; name="x"\r\n\r\n1\r\n',
        b'--xyz\r\nContent-Disposition: form-data; name="file"\r\n\r\nno file\r\n',
    ],
)
def test_a_form_of_tiny_parts_is_not_read_to_its_end(tmp_path, part):
    taken = []

    async def receive():
        taken.append(part * 100)
        return {"type": "http.request", "body": taken[-1], "more_body": True}

    async def take():
        async with received(Request(SCOPE, receive), place(tmp_path), file_bytes=FILE_BYTES, all_bytes=1 << 30):
            pass

    with pytest.raises(ApiError, match="at most 65536 bytes are taken besides files") as refused:
        asyncio.run(take())
    assert (refused.value.status_code, refused.value.code) == (413, "too_large")
    assert sum(map(len, taken)) <= FORM_BYTES + len(taken[-1])


def test_many_files_may_have_long_names(client):
    files = [("file", ("x" * NAME_BYTES, b""))] * 300
    assert client.post("/", files=files).json()["files"] == 300


@pytest.mark.parametrize("files", [{}, {"other": ("a.wav", b"1")}, {"file": ("", b"")}])
def test_no_file(client, files):
    assert code(client.post("/", files=files, data={"x": "y"}), 400) == "no_file"


def test_not_multipart(client):
    assert code(client.post("/", content=b"RIFF"), 400) == "no_file"
    assert code(client.post("/", json={"file": "a"}), 400) == "no_file"
    assert code(client.post("/", content=b"", headers={"content-type": "multipart/form-data"}), 400) == "no_file"


def test_a_file_that_is_too_large(client):
    assert code(client.post("/", files={"file": ("a.wav", bytes(FILE_BYTES + 1))}), 413) == "too_large"


def test_what_is_too_much_of_a_file_is_not_written(tmp_path):
    head = b'--xyz\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
    messages = [{"type": "http.request", "body": body, "more_body": True} for body in (head, bytes(FILE_BYTES), b"1")]
    written = []

    async def receive():
        return messages.pop(0)

    @contextmanager
    def watched():
        with place(tmp_path) as folder:
            yield folder
            written.extend(path.stat().st_size for path in folder.rglob("a.wav"))

    async def take():
        async with received(Request(SCOPE, receive), watched(), file_bytes=FILE_BYTES, all_bytes=ALL_BYTES):
            pass

    with pytest.raises(ApiError, match="at most 100000 bytes"):
        asyncio.run(take())
    assert written == [FILE_BYTES]


def test_a_request_that_is_too_large(client):
    files = [("file", (f"{k}.wav", bytes(FILE_BYTES))) for k in range(4)]
    assert code(client.post("/", files=files), 413) == "too_large"


def test_too_large_without_a_length(client):
    """Fields other than files are counted, too."""
    head = b'--xyz\r\nContent-Disposition: form-data; name="note"\r\n\r\n'
    chunks = (head if k == 0 else bytes(50_000) for k in range(9))
    assert code(client.post("/", content=chunks, headers=MULTIPART), 413) == "too_large"


def test_the_length_is_checked_before_anything_is_read(tmp_path):
    async def never():
        raise AssertionError("read")

    length = str(ALL_BYTES + FORM_BYTES + 1).encode()
    request = Request({"type": "http", "headers": [(b"content-length", length)]}, never)
    with pytest.raises(ApiError) as refused:
        asyncio.run(enter(request, tmp_path))
    assert (refused.value.status_code, refused.value.code) == (413, "too_large")


async def enter(request, folder):
    async with received(request, place(folder), file_bytes=FILE_BYTES, all_bytes=ALL_BYTES):
        pass


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b"--xyz\r\nContent-Disposition",
        b'--xyz\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\nRIFF',
        b'--xyz\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\nRIFF\r\n--xyz\r\n',
    ],
)
def test_a_broken_body(client, body):
    assert code(client.post("/", content=body, headers=MULTIPART), 400) == "bad_multipart"


def test_a_long_boundary(client):
    headers = {"content-type": f"multipart/form-data; boundary={'x' * 1000}"}
    assert code(client.post("/", content=b"", headers=headers), 400) == "bad_multipart"


def test_a_sender_that_leaves(tmp_path):
    body = b'--xyz\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\nRIFF'
    messages = [{"type": "http.request", "body": body, "more_body": True}, {"type": "http.disconnect"}]

    async def receive():
        return messages.pop(0)

    with pytest.raises(ApiError, match="cut off"):
        asyncio.run(enter(Request(SCOPE, receive), tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_sender_that_is_silent(tmp_path):
    async def receive():
        await asyncio.sleep(60)

    with pytest.raises(ApiError, match="nothing came for 1 s") as refused:
        asyncio.run(enter(Request(SCOPE, receive), tmp_path))
    assert refused.value.status_code == 408
    assert list(tmp_path.iterdir()) == []


def test_no_end_of_empty_files(client, monkeypatch):
    monkeypatch.setattr("web.uploads.MOST_FILES", 3)
    files = [("file", ("a.wav", b""))] * 4
    assert client.post("/", files=files[:3]).json()["files"] == 3
    assert code(client.post("/", files=files), 413) == "too_many_files"


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (b"song.mp3", "song.mp3"),
        ("Motörhead Äce.flac".encode(), "Motörhead Äce.flac"),
        (b"../../etc/passwd", "passwd"),
        (b"C:\\Music\\song.mp3", "song.mp3"),
        (b"a\0b\n.wav", "a_b_.wav"),
        (b"\xff\xfe.wav", "\ufffd\ufffd.wav"),
        (b"..", "unnamed"),
        (b"music/", "unnamed"),
        (b" . ", "unnamed"),
        (b"README", "README"),
        (b".wav", ".wav"),
    ],
)
def test_clean_name(raw, name):
    assert clean_name(raw) == name


@pytest.mark.parametrize("raw", [b"x" * 5000, b"x" * 5000 + b".wav", b"x." + b"w" * 5000, "é".encode() * 5000])
def test_a_clean_name_can_be_written(raw, tmp_path):
    (tmp_path / clean_name(raw)).touch()


def test_a_long_name_keeps_its_suffix():
    assert clean_name(b"x" * 5000 + b".wav").endswith("x.wav")


@pytest.mark.parametrize("failing", [errno.ENOSPC, errno.EACCES])
def test_a_disk_without_room_for_a_folder(failing):
    @contextmanager
    def no_place():
        raise OSError(failing, "no")
        yield

    async def enter_nowhere():
        async with received(Request(SCOPE), no_place(), file_bytes=FILE_BYTES, all_bytes=ALL_BYTES):
            pass

    with pytest.raises(ApiError if failing == errno.ENOSPC else PermissionError) as raised:
        asyncio.run(enter_nowhere())
    assert failing == errno.EACCES or raised.value.status_code == 507


def test_a_full_disk(tmp_path):
    body = b'--xyz\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n' + bytes(100_000) + b"\r\n--xyz--\r\n"

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    with full_disk(tmp_path / "disk", 1 << 20) as disk:
        fill(disk, leave=50_000)
        with pytest.raises(ApiError) as refused:
            asyncio.run(enter(Request(SCOPE, receive), disk))
        assert (refused.value.status_code, refused.value.code) == (507, "disk_full")
        assert [path.name for path in disk.iterdir()] == ["filling"]
        (disk / "filling").unlink()
        asyncio.run(enter(Request(SCOPE, receive), disk))
