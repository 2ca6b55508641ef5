"""The command line as others use it: the installed `earprint`, its output, its errors and its exit codes."""

import json
import os
import pty
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx2
import pytest

from core.audio import AudioFile
from core.demo import demo_track, write_audio
from core.library import Library
from web.client import s16le

PROGRAM = Path(sys.executable).with_name("earprint")
TRACK_FIELDS = {"id", "title", "artist", "album", "duration", "filename", "added"}
GUESS_FIELDS = {"track", "twins", "confidence", "bits", "position", "offset", "speed", "pitch_cents"}
PATIENCE = 120  # seconds for a command on a busy machine that compiles everything for the first time


def run(*arguments, stdin=b"", **options):
    command = [PROGRAM, *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, timeout=PATIENCE, **options)


def lines(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


def complaint(done):
    """The one line that a failed command says on stderr."""
    (line,) = done.stderr.decode().splitlines()
    return line


@pytest.fixture
def writable(data, tmp_path):
    """A copy of the library, to change."""
    return shutil.copytree(data, tmp_path / "copy")


@pytest.fixture(scope="module")
def unknown(tmp_path_factory):
    path = tmp_path_factory.mktemp("unknown") / "unknown.wav"
    write_audio(path, demo_track(seed=99, seconds=10))
    return path


def test_help_is_quick_and_names_the_commands():
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = run("--help")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    commands = re.findall(r"^  (\w+) ", done.stdout.decode(), re.MULTILINE)
    assert {"serve", "add", "identify", "listen", "tracks", "remove", "restore", "stats", "rebuild", "check", "backup"} <= set(commands)
    assert (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime) < 0.5  # seconds of one core


def test_it_also_runs_as_a_module():
    done = subprocess.run([sys.executable, "-m", "earprint", "--help"], capture_output=True, check=True)
    assert done.stdout.startswith(b"Usage: earprint")


class TestAdd:
    def test_says_what_became_of_each_file(self, music, unknown, tmp_path):
        text = tmp_path / "notes.txt"
        text.write_text("not music")
        listed = tmp_path / "list"
        listed.write_text(f"{music[1]}\n{text}\n")
        folder = tmp_path / "data"
        done = run("add", music[0], music[0], "--files-from", listed, "--jobs", 1, "--json", "--data", folder)
        assert [line["status"] for line in lines(done)] == ["added", "known", "added", "failed"]
        assert all(line.keys() == {"path", "status", "track", "error"} for line in lines(done))
        assert lines(done)[0]["track"].keys() == TRACK_FIELDS
        assert lines(done)[3]["track"] is None
        assert "notes.txt" in lines(done)[3]["error"]
        assert done.returncode == 1

    def test_takes_only_audio_from_folders(self, music, tmp_path):
        shutil.copy(music[0], tmp_path / "a.flac")
        (tmp_path / "cover.jpg").write_bytes(b"no sound")
        done = run("add", tmp_path, "--jobs", 1, "--data", tmp_path / "data")
        assert done.stdout.decode().split() == ["added", str(tmp_path / "a.flac")]
        assert done.returncode == 0


class TestIdentify:
    def test_answers_in_input_order_and_goes_on_past_an_unreadable_file(self, data, music, unknown):
        done = run("identify", music[1], "missing.wav", unknown, "--json", "--data", data)
        known, missing, other = lines(done)
        assert [line["query"] for line in (known, missing, other)] == [str(music[1]), "missing.wav", str(unknown)]
        assert all(
            line.keys() == {"query", "match", "guesses", "absent", "duration", "error"}
            for line in (known, missing, other)
        )
        assert known["match"].keys() == GUESS_FIELDS
        assert known["match"]["track"]["filename"] == music[1].name
        assert known["guesses"][0]["track"] == known["match"]["track"]
        assert missing | {"error": ""} == {
            "query": "missing.wav",
            "match": None,
            "guesses": [],
            "absent": None,
            "duration": None,
            "error": "",
        }
        assert "missing.wav" in missing["error"]
        assert other["match"] is None
        assert other["error"] is None
        assert done.returncode == 1

    def test_reads_paths_from_stdin_and_gives_them_back_as_they_are(self, data, music):
        path = f"{music[0].parent}/./{music[0].name}"
        done = run("identify", "--files-from", "-", "--json", "--data", data, stdin=f"\n{path}\n".encode())
        assert [line["query"] for line in lines(done)] == [path]
        assert done.returncode == 0

    def test_prints_a_readable_line(self, data, music):
        with AudioFile(music[0]) as audio:
            title, artist = audio.tags.title, audio.tags.artist
        line = run("identify", music[0], "--data", data).stdout.decode()
        assert line.startswith(f"{music[0]}  ->  {title} - {artist}  at 0:00  (99.9 %, ")

    def test_survives_a_name_that_is_no_text(self, data, music):
        name = os.fsencode(music[0].parent) + b"/caf\xe9.flac"
        done = run("identify", "--files-from", "-", "--data", data, stdin=name)
        assert b"caf" in done.stdout
        assert done.returncode == 1


class TestLibrary:
    def test_tracks_lists_and_searches(self, data, music):
        every = lines(run("tracks", "--json", "--data", data))
        assert {track["filename"] for track in every} == {path.name for path in music}
        assert all(track.keys() == TRACK_FIELDS for track in every)
        found = run("tracks", "--search", every[0]["title"], "--data", data).stdout.decode()
        assert every[0]["title"] in found

    def test_remove_and_restore(self, writable):
        first = lines(run("tracks", "--json", "--data", writable))[0]
        removed = run("remove", first["id"], 999, "--json", "--data", writable)
        assert [(line["id"], line["status"]) for line in lines(removed)] == [(first["id"], "removed"), (999, "failed")]
        assert removed.returncode == 1
        assert first not in lines(run("tracks", "--json", "--data", writable))
        assert run("restore", first["id"], "--data", writable).returncode == 0
        assert first in lines(run("tracks", "--json", "--data", writable))

    def test_stats(self, data, music):
        (stats,) = lines(run("stats", "--json", "--data", data))
        assert stats["tracks"] == len(music)
        assert run("stats", "--data", data).stdout.decode().startswith(f"{len(music)} tracks, ")

    def test_rebuild_leaves_everything_recognisable(self, writable, music):
        assert lines(run("rebuild", "--json", "--data", writable)) == [{"tracks": len(music)}]
        (answer,) = lines(run("identify", music[2], "--json", "--data", writable))
        assert answer["match"]["track"]["filename"] == music[2].name

    def test_check_says_what_is_wrong(self, writable, music):
        assert lines(run("check", "--json", "--data", writable)) == [{"tracks": len(music), "problems": 0, "orphans": 0}]
        with Library(writable) as library:
            library.index.update(2, path=str(writable / "nowhere.flac"))
        (writable / "uploads").mkdir()
        (writable / "uploads" / ("0" * 64)).touch()
        done = run("check", "--json", "--data", writable)
        problem, summary = lines(done)
        assert (problem["track"]["id"], done.returncode) == (2, 1)
        assert "nowhere.flac" in problem["error"]
        assert summary == {"tracks": len(music), "problems": 1, "orphans": 1}
        readable = run("check", "--quick", "--data", writable).stdout.decode()
        assert readable.startswith("wrong  track 2 (")
        assert "\nchecked  " in readable

    def test_backup(self, data, music, tmp_path):
        done = run("backup", tmp_path / "copy", "--json", "--data", data)
        assert lines(done) == [{"folder": str(tmp_path / "copy"), "problems": 0}]
        assert lines(run("check", "--json", "--data", tmp_path / "copy"))[0]["tracks"] == len(music)
        again = run("backup", tmp_path / "copy", "--data", data)
        assert "not empty" in complaint(again)
        assert again.returncode == 1

    def test_the_folder_comes_from_the_environment(self, data):
        done = run("stats", env=os.environ | {"EARPRINT_DATA": str(data)})
        assert done.returncode == 0


class TestWrongUse:
    @pytest.mark.parametrize("line", ["add", "identify", "remove", "remove x", "listen --rate 1", "sing"])
    def test_of_the_command_line_is_exit_2(self, line):
        done = run(*line.split())
        assert done.returncode == 2
        assert b"Traceback" not in done.stderr

    def test_a_folder_without_an_index(self, music, tmp_path):
        done = run("identify", music[0], "--data", tmp_path)
        assert str(tmp_path) in complaint(done)
        assert done.returncode == 1
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize("command", [["stats"], ["add", "x.wav"], ["serve"]])
    def test_data_that_is_a_file(self, command, tmp_path):
        (tmp_path / "data").write_text("")
        done = run(*command, "--data", tmp_path / "data")
        assert str(tmp_path / "data") in complaint(done)
        assert done.returncode == 1

    def test_a_missing_list(self, data):
        done = run("identify", "--files-from", "nowhere", "--data", data)
        assert "nowhere" in complaint(done)
        assert done.returncode == 1


@contextmanager
def serving(data, *arguments):
    """The address of a server that runs meanwhile, and is then stopped as by Ctrl-C."""
    command = [PROGRAM, "serve", "--port", "0", "--json", "--data", str(data), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as server:
        try:
            yield json.loads(server.stdout.readline())["url"].removeprefix("http://")
        finally:
            server.send_signal(signal.SIGINT)
            _, errors = server.communicate(timeout=PATIENCE)
    assert errors == b""
    assert server.returncode == 0


def predict(address, path):
    return httpx2.post(f"http://{address}/predict", files={"file": path.read_bytes()}, timeout=PATIENCE).json()


class TestServe:
    def test_listen_hears_what_plays(self, data, music):
        with AudioFile(music[3]) as audio:
            raw, rate = b"".join(map(s16le, audio.blocks())), audio.sample_rate
        with serving(data) as address:
            url = f"ws://{address}/listen"
            file = lines(run("listen", music[3], "--url", url, "--json"))
            pipe = lines(run("listen", "-", "--rate", rate, "--url", url, "--json", stdin=raw))
            readable = run("listen", music[3], "--url", url).stdout.decode()
        assert [file[0]["type"], file[-1]["type"]] == ["ready", "end"]
        assert file[-1]["match"]["track"]["filename"] == music[3].name
        assert [event["type"] for event in file].count("match") == 1
        assert pipe[-1] == file[-1]
        assert f"  end      {file[-1]['match']['track']['title']}" in readable

    def test_several_workers(self, data):
        with serving(data, "--workers", "2") as address:
            health = json.load(urllib.request.urlopen(f"http://{address}/health", timeout=PATIENCE))
        assert health["status"] == "ok"

    def test_it_survives_what_other_commands_do_beside_it(self, writable, music, unknown, tmp_path):
        with serving(writable) as address:
            for command in (
                ("check",),
                ("backup", tmp_path / "backup"),
                ("rebuild",),
                ("add", unknown),
                ("remove", 1),
                ("restore", 1),
                ("rebuild",),
                ("check",),
            ):
                assert run(*command, "--data", writable).returncode == 0, command
                assert predict(address, music[1])["match"]["track"]["filename"] == music[1].name, command
            assert predict(address, unknown)["match"]["track"]["filename"] == unknown.name
        assert lines(run("check", "--json", "--data", writable)) == [{"tracks": len(music) + 1, "problems": 0, "orphans": 0}]

    def test_a_port_in_use(self, data):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            done = run("serve", "--port", taken.getsockname()[1], "--data", data)
        assert "in use" in complaint(done)
        assert done.returncode == 1

    def test_nobody_listens(self, music):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        done = run("listen", music[0], "--url", f"ws://127.0.0.1:{port}/listen")
        assert str(port) in complaint(done)
        assert done.returncode == 1


def hear_ctrl_c():
    """What a shell starts in the background ignores it, and so does all that is started from there."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_leaves_a_library_that_works(music, tmp_path):
    folder = tmp_path / "data"
    command = [PROGRAM, "add", *(music * 100)[:100], "--jobs", "1", "--data", folder]  # more than one transaction holds
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=hear_ctrl_c) as adding:
        adding.stdout.readline()
        adding.send_signal(signal.SIGINT)
        _, errors = adding.communicate(timeout=PATIENCE)
    assert errors.decode().splitlines() == [
        "earprint: stopped; what is done stays done. Run the same command again to go on from here."
    ]
    assert adding.returncode == 130
    assert run("add", *music, "--data", folder).returncode == 0
    assert lines(run("stats", "--json", "--data", folder))[0]["tracks"] == len(music)


def test_a_terminal_is_shown_how_far_it_is_and_how_long_it_will_take(music, tmp_path):
    ours, theirs = pty.openpty()
    command = [PROGRAM, "add", *music, "--jobs", "1", "--data", tmp_path / "data"]
    terminal = os.environ | {"TERM": "xterm", "COLUMNS": "100"}
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=theirs, env=terminal) as adding:
        os.close(theirs)
        shown = b""
        with suppress(OSError):  # how a terminal ends
            while some := os.read(ours, 4096):
                shown += some
    os.close(ours)
    assert adding.returncode == 0
    assert re.search(r"Adding.* \d/4 .*\d:\d\d:\d\d.* left", re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", shown.decode()))
