"""The recipes in docs/operating.md hold: what can be checked here is."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from web.routes import ROUTES
from web.settings import Settings, misspelt

TEXT = (Path(__file__).parent.parent / "docs" / "operating.md").read_text()


def recipe(kind):
    (found,) = re.findall(rf"```{kind}\n(.*?)```", TEXT, re.DOTALL)
    return found


def test_every_setting_that_is_named_exists():
    named = dict.fromkeys(re.findall(r"EARPRINT_\w+", TEXT), "1")
    assert len(named) > 5
    assert misspelt(named) == []


def test_the_settings_are_accepted():
    given = dict(pair.split("=", 1) for line in re.findall(r"^Environment=(.*)$", recipe("systemd"), re.MULTILINE) for pair in line.split())
    given.pop("EARPRINT_TOKEN_FILE")  # a file of systemd's
    assert Settings.from_env(given).root_path == "/earprint"


def test_every_address_that_is_named_exists():
    paths = {route.path for route in ROUTES}
    assert set(re.findall(r"`GET (/[\w/]+)`", TEXT)) <= paths


def test_the_unit_is_valid(tmp_path):
    if not shutil.which("systemd-analyze"):
        pytest.skip("there is no systemd here")
    unit = tmp_path / "earprint.service"
    unit.write_text(re.sub("ExecStart=/opt/earprint/bin/earprint", f"ExecStart={shutil.which('true')}", recipe("systemd")))
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True)
    ours = [line for line in done.stderr.splitlines() if "earprint.service" in line]
    assert (ours, done.returncode) == ([], 0)


def test_the_unit_says_what_it_has_to():
    """Also where there is no systemd to ask."""
    sections = re.findall(r"^\[(\w+)\]$", recipe("systemd"), re.MULTILINE)
    assert sections == ["Unit", "Service", "Install"]
    lines = [line for line in recipe("systemd").splitlines() if line and not line.startswith("[")]
    assert all(re.match(r"[A-Z]\w+=\S", line) for line in lines)


def test_proxies_take_the_path_away_and_pass_on_websockets():
    assert "proxy_pass http://127.0.0.1:8000/;" in recipe("nginx")
    for name in ("Host", "X-Forwarded-For", "X-Forwarded-Proto", "Upgrade", "Connection"):
        assert f"proxy_set_header {name} " in recipe("nginx")
    assert recipe("nginx").count("{") == recipe("nginx").count("}")
    assert "handle_path /earprint/*" in recipe("caddy")
