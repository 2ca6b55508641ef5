"""Settings from the environment: defaults, units, and errors that name the variable."""

from dataclasses import fields
from pathlib import Path

import pytest

from core.errors import EarprintError
from core.folder import usual_folder
from web.settings import Settings, as_markdown, misspelt

TOKEN = "correct-horse-battery"


def test_defaults():
    settings = Settings.from_env({})
    assert settings == Settings()
    assert settings.data == usual_folder()
    assert settings.upload_bytes == 200_000_000
    assert not settings.keep_queries


def test_all_can_be_set():
    settings = Settings.from_env(
        {
            "EARPRINT_DATA": "/srv/earprint",
            "EARPRINT_TOKEN": TOKEN,
            "EARPRINT_PRIVATE": "on",
            "EARPRINT_HOSTS": "Music.example.org, nas.example",
            "EARPRINT_PROXIES": "10.0.0.1, 192.168.0.0/16",
            "EARPRINT_ROOT_PATH": "/music/earprint/",
            "EARPRINT_REQUESTS_PER_MINUTE": "100",
            "EARPRINT_WORK_PER_MINUTE": "10",
            "EARPRINT_ADDRESS_LISTENERS": "3",
            "EARPRINT_MESSAGE_BYTES": "65536",
            "EARPRINT_SAMPLE_RATE": "48000",
            "EARPRINT_SILENCE_SECONDS": "120",
            "EARPRINT_SESSION_SECONDS": "3600",
            "EARPRINT_WORKERS": "2",
            "EARPRINT_LOG": "INFO",
            "EARPRINT_UPLOAD_MEGABYTES": "5",
            "EARPRINT_REQUEST_MEGABYTES": "50",
            "EARPRINT_UPLOAD_HOURS": "2",
            "EARPRINT_DECODES": "3",
            "EARPRINT_DECODES_WAITING": "0",
            "EARPRINT_LISTENERS": "7",
            "EARPRINT_IDLE_SECONDS": "30",
            "EARPRINT_KEEP_QUERIES": "1",
            "EARPRINT_ORIGINS": "https://example.org/, http://Localhost:3000",
        }
    )
    assert settings == Settings(
        data=Path("/srv/earprint"),
        upload_megabytes=5,
        request_megabytes=50,
        upload_hours=2,
        decodes=3,
        decodes_waiting=0,
        keep_queries=True,
        token=TOKEN,
        private=True,
        origins=frozenset({"https://example.org", "http://localhost:3000"}),
        hosts=frozenset({"music.example.org", "nas.example"}),
        proxies=frozenset({"10.0.0.1/32", "192.168.0.0/16"}),
        root_path="/music/earprint",
        requests_per_minute=100,
        work_per_minute=10,
        listeners=7,
        address_listeners=3,
        message_bytes=65536,
        sample_rate=48_000,
        idle_seconds=30,
        silence_seconds=120,
        session_seconds=3600,
        workers=2,
        log="info",
    )


def test_an_empty_variable_counts_as_absent():
    assert Settings.from_env({"EARPRINT_LISTENERS": ""}) == Settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("EARPRINT_UPLOAD_MEGABYTES", "0"),
        ("EARPRINT_UPLOAD_MEGABYTES", "200 MB"),
        ("EARPRINT_LISTENERS", "-1"),
        ("EARPRINT_LISTENERS", "1.5"),
        ("EARPRINT_KEEP_QUERIES", "maybe"),
        ("EARPRINT_ORIGINS", "example.org"),
        ("EARPRINT_ORIGINS", "https://example.org/page"),
        ("EARPRINT_HOSTS", "https://example.org"),
        ("EARPRINT_HOSTS", "example.org:8000"),
        ("EARPRINT_PROXIES", "proxy.example"),
        ("EARPRINT_ROOT_PATH", "earprint"),
        ("EARPRINT_ROOT_PATH", "/a b"),
        ("EARPRINT_SAMPLE_RATE", "4000"),
        ("EARPRINT_LOG", "debug"),
    ],
)
def test_a_bad_value_is_named(name, value):
    with pytest.raises(EarprintError, match=f"{name} must be .*, not {value!r}"):
        Settings.from_env({name: value})


@pytest.mark.parametrize("token", ["short", "with spaces in between", "ümlaut-ümlaut-ümlaut", "tab\tin-the-middle-of-it"])
def test_a_weak_token_is_refused_and_not_repeated(token, tmp_path):
    (tmp_path / "token").write_text(token)
    for environ in ({"EARPRINT_TOKEN": token}, {"EARPRINT_TOKEN_FILE": str(tmp_path / "token")}):
        with pytest.raises(EarprintError, match="at least 16 ASCII characters") as error:
            Settings.from_env(environ)
        assert token not in str(error.value)


def test_a_token_can_be_in_a_file(tmp_path):
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    assert Settings.from_env({"EARPRINT_TOKEN_FILE": str(tmp_path / "token")}).token == TOKEN


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_token_file_that_cannot_be_read(content, tmp_path):
    if content:
        (tmp_path / "token").write_bytes(content)
    with pytest.raises(EarprintError, match="cannot be read as a token"):
        Settings.from_env({"EARPRINT_TOKEN_FILE": str(tmp_path / "token")})


def test_the_token_is_not_shown():
    assert TOKEN not in repr(Settings(token=TOKEN))


def test_workers_share_limits():
    assert [Settings(workers=workers).share(10) for workers in (1, 2, 3, 20)] == [10, 5, 4, 1]


def test_every_setting_is_documented():
    for setting in fields(Settings):
        assert setting.metadata["name"].startswith("EARPRINT_")
        assert len(setting.metadata["meaning"]) > 20
    assert (Path(__file__).parent.parent / "docs" / "settings.md").read_text() == as_markdown()


def test_a_misspelt_name_is_told_with_the_one_that_was_meant():
    (privat, zzz) = misspelt({"EARPRINT_PRIVAT": "1", "EARPRINT_ZZZ": "", "EARPRINT_PRIVATE": "1", "OTHER": "1", "EARPRINT_LOG": ""})
    assert privat == "EARPRINT_PRIVAT is no setting and has no effect; did you mean EARPRINT_PRIVATE?"
    assert zzz == "EARPRINT_ZZZ is no setting and has no effect; `earprint settings` lists all"
    assert misspelt({"EARPRINT_listeners": "1"}) == ["EARPRINT_listeners is no setting and has no effect; did you mean EARPRINT_LISTENERS?"]


def test_what_kubernetes_sets_is_no_mistake():
    assert misspelt({"EARPRINT_PORT": "tcp://10.0.0.1:80", "EARPRINT_PORT_80_TCP": "x", "EARPRINT_SERVICE_HOST": "10.0.0.1"}) == []


def test_values_in_force_are_shown_but_never_the_token():
    rows = {row.name: row for row in Settings(token=TOKEN, private=True, hosts=frozenset({"b", "a"})).rows()}
    assert len(rows) == len(fields(Settings))
    assert [rows[f"EARPRINT_{name}"].value for name in ("TOKEN", "PRIVATE", "HOSTS", "LISTENERS")] == ["(set)", "1", "a,b", "200"]
    assert rows["EARPRINT_PRIVATE"].default == "0"
