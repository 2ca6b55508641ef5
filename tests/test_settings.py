"""Settings from the environment: defaults, units, and errors that name the variable."""

from dataclasses import fields
from pathlib import Path

import pytest

from core.errors import EarprintError
from web.settings import Settings


def test_defaults():
    settings = Settings.from_env({})
    assert settings == Settings()
    assert settings.data == Path("data")
    assert settings.upload_bytes == 200_000_000
    assert not settings.keep_queries


def test_all_can_be_set():
    settings = Settings.from_env(
        {
            "EARPRINT_DATA": "/srv/earprint",
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
    origins = frozenset({"https://example.org", "http://localhost:3000"})
    assert settings == Settings(Path("/srv/earprint"), 5, 50, 2, 3, 0, 7, 30, True, origins)


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
    ],
)
def test_a_bad_value_is_named(name, value):
    with pytest.raises(EarprintError, match=f"{name} must be .*, not {value!r}"):
        Settings.from_env({name: value})


def test_every_setting_is_documented():
    for setting in fields(Settings):
        assert setting.metadata["name"].startswith("EARPRINT_")
        assert len(setting.metadata["meaning"]) > 20
