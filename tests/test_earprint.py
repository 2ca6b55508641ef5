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
from importlib.metadata import version
from pathlib import Path

import httpx2
import numpy as np
import pytest

from core.audio import AudioFile, Tags
from core.demo import demo_track, write_audio
from core.library import Library
from tests.disks import freeze, full_disk
from web.client import s16le
from web.settings import as_markdown

PROGRAM = Path(sys.executable).with_name("earprint")
TRACK_FIELDS = {"id", "title", "artist", "album", "duration", "filename", "added"}
GUESS_FIELDS = {"track", "twins", "twins_total", "confidence", "bits", "position", "offset", "speed", "pitch_cents"}
ANSWER_FIELDS = {"query", "match", "from", "to", "others", "guesses", "absent", "heard", "tracks", "duration", "error"}
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
        folder = tmp_path / "music"
        folder.mkdir()
        shutil.copy(music[0], folder / "a.flac")
        (folder / "cover.jpg").write_bytes(b"no sound")
        done = run("add", folder, "--jobs", 1, "--data", tmp_path / "data")
        assert done.stdout.decode().splitlines() == [f"added    {folder / 'a.flac'}", "1 added, 1 left out (1 .jpg)"]
        done = run("add", folder, "--jobs", 1, "--json", "--data", tmp_path / "data")
        assert complaint(done) == "earprint: 1 left out (1 .jpg)"
        assert done.returncode == 0

    def test_sums_up_with_the_failures_last(self, music, tmp_path):
        (tmp_path / "broken.flac").write_bytes(b"no sound")
        done = run("add", tmp_path / "broken.flac", music[0], music[0], music[1], "-j", 1, "--data", tmp_path / "data")
        *files, summary, failure = done.stdout.decode().splitlines()
        assert [line.split()[0] for line in files] == ["added", "known", "added"]
        assert summary == "2 added, 1 known, 1 failed"
        assert failure.startswith("failed  ")
        assert "broken.flac" in failure
        assert done.returncode == 1

    def test_quietly_says_only_what_failed(self, music, tmp_path):
        (tmp_path / "broken.flac").write_bytes(b"no sound")
        done = run("add", music[0], tmp_path / "broken.flac", "-q", "--data", tmp_path / "data")
        assert [line.split()[0] for line in done.stdout.decode().splitlines()] == ["failed"]
        assert run("add", music[0], "--quiet", "--data", tmp_path / "data").stdout == b""

    def test_that_adds_nothing_makes_nothing(self, tmp_path):
        (tmp_path / "notes.txt").write_text("not music")
        for inputs in (["missing.wav"], [tmp_path / "notes.txt"], [tmp_path]):
            done = run("add", *inputs, "--data", tmp_path / "data" / "below")
            assert done.stdout.decode().splitlines()
            assert done.returncode == (inputs != [tmp_path])
            assert not (tmp_path / "data").exists()


    def test_updates_what_was_retagged_and_reads_tags_again(self, music, tmp_path):
        data, path = tmp_path / "data", tmp_path / "song.flac"
        for title in ("Old", "New"):
            write_audio(path, demo_track(1, 3, 11_025), 11_025, Tags(title))
            (line,) = lines(run("add", path, "--json", "--data", data))
            assert line["status"] == ("added" if title == "Old" else "updated")
            assert line["track"]["title"] == title
        with Library(data) as library:
            library.index.retag(1, {"title": "Read badly"})
        assert run("add", "--retag", "--data", data).stdout.decode().splitlines() == [f"updated  {path}", "1 updated"]
        (line,) = lines(run("add", "--retag", path, "--json", "--data", data))
        assert (line["status"], line["track"]["title"]) == ("known", "New")


class TestPrune:
    @pytest.fixture
    def holey(self, writable):
        with Library(writable) as library:
            for number in (1, 2):
                library.index.update(number, path=str(writable / f"nowhere {number}.flac"))
        return writable

    def test_says_which_tracks_and_asks(self, holey, music):
        for answer, count in ((b"n\n", len(music)), (b"y\n", len(music) - 2)):
            done = run("prune", "--data", holey, stdin=answer)
            said = done.stdout.decode().splitlines()
            assert [line.split()[:2] for line in said[:2]] == [["2", "gone"], ["1", "gone"]]
            assert said[0].endswith("nowhere 2.flac")
            assert f"Remove these 2 of {len(music)} tracks?" in done.stderr.decode()
            assert len(lines(run("tracks", "--json", "--data", holey))) == count
        assert run("restore", 1, "--data", holey).returncode == 0

    def test_does_not_ask_with_yes(self, holey, music):
        done = run("prune", "--yes", "--json", "--data", holey)
        assert [(line["id"], line["status"]) for line in lines(done)] == [(2, "gone"), (1, "gone"), (2, "removed"), (1, "removed")]
        again = run("prune", "--data", holey)
        assert (again.stdout, again.returncode) == (b"", 0)
        assert "nothing to remove" in complaint(again)

    def test_removes_nothing_without_an_answer(self, holey, music):
        assert run("prune", "--data", holey).returncode == 1
        assert len(lines(run("tracks", "--json", "--data", holey))) == len(music)


class TestIdentify:
    def test_answers_in_input_order_and_goes_on_past_an_unreadable_file(self, data, music, unknown):
        done = run("identify", music[1], "missing.wav", unknown, "--json", "--data", data)
        known, missing, other = lines(done)
        assert [line["query"] for line in (known, missing, other)] == [str(music[1]), "missing.wav", str(unknown)]
        assert all(line.keys() == ANSWER_FIELDS for line in (known, missing, other))
        assert known["match"].keys() == GUESS_FIELDS
        assert known["match"]["track"]["filename"] == music[1].name
        assert known["guesses"][0]["track"] == known["match"]["track"]
        nothing = dict.fromkeys(ANSWER_FIELDS) | {"query": "missing.wav", "guesses": [], "error": ""}
        assert missing | {"error": ""} == nothing
        assert "missing.wav" in missing["error"]
        assert other["match"] is None
        assert other["error"] is None
        assert done.returncode == 1

    def test_reads_paths_from_stdin_and_gives_them_back_as_they_are(self, data, music):
        path = f"{music[0].parent}/./{music[0].name}"
        done = run("identify", "--files-from", "-", "--json", "--data", data, stdin=f"\n{path}\n".encode())
        assert [line["query"] for line in lines(done)] == [path]
        assert done.returncode == 0

    def test_looks_into_folders(self, data, music, tmp_path):
        (tmp_path / "notes.txt").write_text("not music")
        (tmp_path / "below").mkdir()
        for name, song in (("a.flac", music[1]), ("below/b.flac", music[0])):
            shutil.copy(song, tmp_path / name)
        done = run("identify", tmp_path, "-q", "-j", 1, "--json", "--data", data)
        assert [line["query"] for line in lines(done)] == [str(tmp_path / "a.flac"), str(tmp_path / "below" / "b.flac")]
        assert [line["match"]["track"]["filename"] for line in lines(done)] == [music[1].name, music[0].name]

    def test_reads_playlists_and_lists_with_nul_characters(self, data, music, tmp_path):
        names = [os.path.relpath(path, tmp_path) for path in music[:2]]
        (tmp_path / "list.m3u8").write_text("#EXTM3U\r\n#EXTINF:1,x\r\n" + "\r\n".join(names))
        done = run("identify", "--files-from", tmp_path / "list.m3u8", "--json", "--data", data)
        assert [line["match"]["track"]["filename"] for line in lines(done)] == [path.name for path in music[:2]]
        paths = b"\0".join(map(os.fsencode, [music[0], "a\nb"]))
        done = run("identify", "--files-from", "-", "-0", "--json", "--data", data, stdin=paths)
        assert [line["query"] for line in lines(done)] == [str(music[0]), "a\nb"]
        assert done.returncode == 1

    def test_goes_on_past_what_cannot_be_read(self, data, music):
        done = run("identify", "n" * 300, music[1], "/proc/self/mem", "--data", data)
        first, found, last = done.stdout.decode().splitlines()
        assert "cannot be read" in first
        assert "(99.9 %" in found
        assert "/proc/self/mem: cannot be read" in last
        assert (done.stderr, done.returncode) == (b"", 1)

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

    def test_the_folder_is_data_where_that_is_a_library_and_else_the_users_own(self, data, music, tmp_path):
        home = without_data() | {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path / "share")}
        assert str(tmp_path / "share" / "earprint") in complaint(run("stats", env=home, cwd=data.parent))
        (tmp_path / "here" / "data").mkdir(parents=True)  # a folder of that name is not yet a library
        run("add", music[0], env=home, cwd=tmp_path / "here")
        assert b"1 tracks" in run("stats", env=home, cwd=tmp_path).stdout
        shutil.copytree(data, tmp_path / "here" / "data", dirs_exist_ok=True)
        assert f"{len(music)} tracks".encode() in run("stats", env=home, cwd=tmp_path / "here").stdout

    def test_folders_are_named_absolutely(self, tmp_path):
        assert str(tmp_path / "nowhere") in complaint(run("stats", "--data", "nowhere", cwd=tmp_path))


def without_data():
    return {name: value for name, value in os.environ.items() if name != "EARPRINT_DATA"}


class TestTheProgram:
    def test_version(self):
        assert run("--version").stdout.decode() == f"earprint {version('earprint')}\n"

    def test_short_help(self):
        assert run("-h").stdout == run("--help").stdout
        assert run("add", "-h").stdout == run("add", "--help").stdout

    def test_completes_commands(self):
        asked = {"_EARPRINT_COMPLETE": "complete_bash", "COMP_WORDS": "earprint id", "COMP_CWORD": "1"}
        assert run(env=os.environ | asked).stdout.decode().split() == ["identify"]

    def test_lists_settings(self):
        done = run("settings", "--json", env=os.environ | {"EARPRINT_LISTENERS": "7", "EARPRINT_LISTENER": "8"})
        rows = {line["name"]: line for line in lines(done)}
        assert (rows["EARPRINT_LISTENERS"]["value"], rows["EARPRINT_LISTENERS"]["default"]) == ("7", "200")
        assert complaint(done).endswith("did you mean EARPRINT_LISTENERS?")
        assert run("settings", "--markdown").stdout.decode() == as_markdown()


class TestSurroundings:
    """What is wrong with the machine is one sentence, and no traceback."""

    @pytest.mark.parametrize("command", [["tracks"], ["--help"], ["stats", "--json"], ["settings"]])
    def test_output_that_cannot_be_written(self, data, command):
        with Path("/dev/full").open("wb") as full:
            done = subprocess.run([PROGRAM, *command], stdout=full, stderr=subprocess.PIPE, env=os.environ | {"EARPRINT_DATA": str(data)})
        assert "No space left" in complaint(done)
        assert done.returncode == 1

    def test_a_reader_that_has_read_enough(self, data):
        with subprocess.Popen([PROGRAM, "tracks", "--data", data], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as done:
            done.stdout.close()
            assert done.stderr.read() == b""

    @pytest.mark.parametrize("megabytes", [150, 4_000])
    @pytest.mark.parametrize("command", [["stats"], ["add", "MUSIC"], ["serve"]])
    def test_too_little_memory(self, data, music, command, megabytes):
        arguments = [str(music[0]) if it == "MUSIC" else it for it in command]
        limit = lambda: resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20,) * 2)  # noqa: E731
        done = run(*arguments, "--data", data, preexec_fn=limit)
        assert "ulimit -v unlimited" in complaint(done)
        assert done.returncode == 1


    def test_a_disk_that_may_only_be_read(self, data, music, unknown, tmp_path):
        with full_disk(tmp_path / "disk", "64m") as disk:
            shutil.copytree(data, disk / "data")
            freeze(disk)
            assert run("identify", music[0], "--data", disk / "data").returncode == 0
            for command in (["add", unknown], ["remove", 1], ["rebuild"], ["serve", "--port", 0]):
                done = run(*command, "--data", disk / "data")
                assert "may only be read" in complaint(done)
                assert done.returncode == 1
            assert "Read-only file system" in complaint(run("add", unknown, "--data", disk / "new"))


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

    @pytest.mark.parametrize("command", [["remove", "1"], ["restore", "1"], ["rebuild"], ["stats"], ["check"], ["tracks"]])
    def test_a_missing_library_is_not_made(self, command, tmp_path):
        done = run(*command, "--data", tmp_path / "data")
        assert str(tmp_path / "data") in complaint(done)
        assert done.returncode == 1
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize("command", [["stats"], ["add", "MUSIC"], ["serve"]])
    def test_data_that_is_a_file(self, command, music, tmp_path):
        (tmp_path / "data").write_text("")
        done = run(*(str(music[0]) if it == "MUSIC" else it for it in command), "--data", tmp_path / "data")
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
            readable = run("listen", music[3], "--url", f"http://{address}").stdout.decode()
            stereo = np.repeat(np.frombuffer(raw, "<i2"), 2).tobytes()
            both = lines(run("listen", "--rate", rate, "--channels", 2, "--url", f"http://{address}/", "--json", stdin=stereo))
        assert [file[0]["type"], file[-1]["type"]] == ["ready", "end"]
        assert file[-1]["match"]["track"]["filename"] == music[3].name
        assert [event["type"] for event in file].count("match") == 1
        assert pipe[-1] == file[-1]
        assert both[-1]["match"]["track"] == file[-1]["match"]["track"]
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

    def test_a_server_that_stops_before_the_sound_ends(self, data):
        with serving(data) as address:
            command = [PROGRAM, "listen", "--url", f"http://{address}", "--json"]
            listening = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            listening.stdin.write(bytes(100_000))
            listening.stdin.flush()
            assert json.loads(listening.stdout.readline())["type"] == "ready"
        with listening:  # whose stdin is still open
            assert listening.wait(PATIENCE) == 1
            assert "the server left before the end" in listening.stderr.read().decode()

    def test_misspelt_settings_are_told(self, data):
        command = [PROGRAM, "serve", "--port", "0", "--json", "--data", str(data)]
        environment = os.environ | {"EARPRINT_PRIVAT": "1"}
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, preexec_fn=hear_ctrl_c) as server:
            server.stdout.readline()
            server.send_signal(signal.SIGINT)
            _, errors = server.communicate(timeout=PATIENCE)
        told = "earprint: EARPRINT_PRIVAT is no setting and has no effect; did you mean EARPRINT_PRIVATE?"
        assert errors.decode().splitlines()[0] == told

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
