"""The examples run: against a live server, as they are shown on its page."""

import os
import shutil
import subprocess
import sys
import wave
from pathlib import Path

import pytest

from core import Library
from core.audio import AudioFile
from core.demo import demo_names
from docs.stage import serving
from web.client import s16le
from web.help import FOLDER, LANGUAGES, TASKS, examples

PLAYED = 1  # the seed of the recording that is identified
LIMIT_SECONDS = 120  # for a busy machine

pytestmark = pytest.mark.skipif(
    not shutil.which("curl") and os.environ.get("CI") != "true", reason="curl is not installed: apt-get install curl"
)


@pytest.fixture(scope="module")
def address(music, tmp_path_factory):
    data = tmp_path_factory.mktemp("help")
    with Library(data) as library:
        assert all(added.status == "added" for added in library.add(music[:3]))
    with serving(data) as address:
        yield address


@pytest.fixture
def folder(music, tmp_path):
    """Where the files are that the examples speak of."""
    with AudioFile(music[PLAYED]) as audio, wave.open(str(tmp_path / "recording.wav"), "wb") as out:
        out.setparams((1, 2, audio.sample_rate, 0, "NONE", ""))
        for pcm in audio.blocks():
            out.writeframes(s16le(pcm))
    for name, source in (("one.flac", music[0]), ("two.flac", music[2])):
        shutil.copy(source, tmp_path / name)
    return tmp_path


def run(command, code, folder):
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd()), "PYTHONWARNINGS": "error"}
    done = subprocess.run([*command, code], cwd=folder, env=environment, capture_output=True, text=True, timeout=LIMIT_SECONDS)
    assert done.returncode == 0, done.stderr
    return done.stdout


def example(language, task, address):
    return examples(address)[language][list(TASKS).index(task)].code


TITLE = demo_names(PLAYED)[0]
SAYS = [
    ("identify", f"{TITLE} from second ", f'"title":"{TITLE}"'),
    ("listen", f"{TITLE} at second ", f'"title": "{TITLE}"'),
    ("add", f"3 {demo_names(2)[0]}", f'"id":3,"title":"{demo_names(2)[0]}"'),
    ("search", "", '"total":0'),
    ("change", "'title': 'A better title'", '"title":"A better title"'),
]


@pytest.mark.parametrize(("task", "says", "_"), SAYS)
def test_python(address, folder, task, says, _):
    assert says in run([sys.executable, "-c"], example("Python", task, address), folder)


@pytest.mark.parametrize(("task", "_", "says"), SAYS)
def test_curl(address, folder, task, _, says):
    shell = f'earprint() {{ "{sys.executable}" -m earprint "$@"; }}\n'
    assert says in run(["bash", "-euc"], shell + example("curl", task, address), folder)


def test_every_task_is_shown_in_every_language():
    assert {path.name for path in FOLDER.iterdir() if path.is_file()} == {task + suffix for task in TASKS for suffix in LANGUAGES.values()}


def test_the_address_is_that_of_the_server():
    code = "\n".join(example.code for some in examples("https://music.example/").values() for example in some)
    assert "https://music.example/predict" in code
    assert "wss://music.example/listen" in code
    assert "127.0.0.1" not in code
