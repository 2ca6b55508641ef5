"""What has to be right before anything is served."""

import os
from pathlib import Path

import pytest

from core.errors import EarprintError
from web import serving
from web.protocols import Http, WebSocket
from web.serving import Tls
from web.settings import Settings

TOKEN = "correct-horse-battery"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_only_this_machine(host):
    assert serving.checked_settings(host, False, {"EARPRINT_WORKERS": "3"}) == Settings(workers=3)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "music.example.org", ""])
def test_a_public_address_needs_a_token_or_a_word(host, monkeypatch):
    with pytest.raises(EarprintError, match=r"--token-file .* --open"):
        serving.checked_settings(host, False, {})
    serving.checked_settings(host, True, {})
    monkeypatch.setenv("EARPRINT_TOKEN", TOKEN)
    assert serving.checked_settings(host, False, {}).token == TOKEN
    assert "EARPRINT_TOKEN" not in os.environ  # which other processes would inherit


@pytest.mark.parametrize("workers", [1, 2])
def test_a_port_in_use(workers):
    """Also by workers of another server, who would share it."""
    taken = serving.listeners("127.0.0.1", 0, workers)
    try:
        with pytest.raises(EarprintError, match="in use"):
            serving.listeners("127.0.0.1", taken[0].getsockname()[1], 2)
    finally:
        for listener in taken:
            listener.close()


def test_workers_have_one_address():
    listeners = serving.listeners("127.0.0.1", 0, 3)
    assert len(listeners) == 3
    assert len({listener.getsockname() for listener in listeners}) == 1
    for listener in listeners:
        listener.close()


def test_urls():
    (listener,) = serving.listeners("127.0.0.1", 0, 1)
    with listener:
        port = listener.getsockname()[1]
        assert serving.url_of("127.0.0.1", listener, Tls()) == f"http://127.0.0.1:{port}"
        assert serving.url_of("::1", listener, Tls(Path("key"), Path("cert"))) == f"https://[::1]:{port}"


def test_connections_are_bounded():
    config = serving.config_of(Settings(), Tls())
    config.load()
    assert (config.http_protocol_class, config.ws_protocol_class) == (Http, WebSocket)


class TestTls:
    @pytest.mark.parametrize("half", [{"keyfile": Path("key")}, {"certfile": Path("cert")}])
    def test_half_is_nothing(self, half):
        with pytest.raises(EarprintError, match="needs both"):
            Tls.checked(**{"keyfile": None, "certfile": None} | half)

    def test_files_that_are_not_there(self, tmp_path):
        with pytest.raises(EarprintError, match="No such file"):
            Tls.checked(tmp_path / "key", tmp_path / "cert")

    def test_files_that_are_something_else(self, tmp_path):
        (tmp_path / "key").write_text("no key")
        with pytest.raises(EarprintError, match="cannot be used for https"):
            Tls.checked(tmp_path / "key", tmp_path / "key")

    def test_neither_is_http(self):
        assert not Tls.checked(None, None)
