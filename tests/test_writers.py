"""Who writes may have to wait for another process that writes for long. Nobody else has to."""

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from starlette.testclient import TestClient

from web.app import create_app
from web.settings import Settings

DECODES = 2
EDITS = 45  # more than there are threads for all else
ANSWER_SECONDS = 30
WRITER = """
import sys
from core.index import Index
with Index(sys.argv[1]) as index, index._storage.write():
    print("writing", flush=True)
    sys.stdin.read()
"""


@contextmanager
def writing(index):
    """Another process is in the middle of a transaction."""
    process = subprocess.Popen([sys.executable, "-c", WRITER, index], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline() == b"writing\n"
        yield
    finally:
        process.stdin.close()
        assert process.wait(ANSWER_SECONDS) == 0
        process.stdout.close()


@pytest.fixture
def client(data, tmp_path):
    folder = shutil.copytree(data, tmp_path / "data")
    with TestClient(create_app(Settings(data=folder, decodes=DECODES))) as client:
        client.folder = folder
        yield client


def test_readers_do_not_wait_for_writers(client, music, tmp_path):
    known = {"file": ("query.flac", music[1].read_bytes())}
    new = [{"file": (f"{number}.flac", music[0].read_bytes() + bytes(number))} for number in range(1, DECODES + 1)]
    id = client.get("/tracks").json()["tracks"][0]["id"]
    with ThreadPoolExecutor(EDITS + DECODES + 1) as people:
        with writing(client.folder / "index"):
            uploads = [people.submit(client.post, "/upload", files=files) for files in new]
            edits = [people.submit(client.patch, f"/tracks/{id}", json={"title": f"title {number}"}) for number in range(EDITS)]
            for read in ((client.post, "/predict"), (client.get, "/tracks"), (client.get, "/stats")):
                options = {"files": known} if read[1] == "/predict" else {}
                assert people.submit(*read, **options).result(ANSWER_SECONDS).status_code == 200
            assert not any(write.done() for write in uploads + edits)
        assert {write.result(ANSWER_SECONDS).status_code for write in uploads + edits} == {200}
