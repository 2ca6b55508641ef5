"""What is built from this folder and installed works anywhere else, with its templates and static files."""

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built by the locked hatchling, so that nothing is downloaded."""
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT))
    (wheel,) = folder.iterdir()
    return wheel


@pytest.fixture(scope="module")
def elsewhere(wheel, tmp_path_factory):
    """An environment that holds Earprint alone."""
    folder = tmp_path_factory.mktemp("elsewhere")
    venv.create(folder, with_pip=False, symlinks=True)
    pip("--python", str(folder / "bin" / "python"), "install", "--no-deps", "--no-index", str(wheel))
    return folder


def pip(*arguments):
    subprocess.run([sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments], check=True)


def run(folder, *command):
    """Run a program of that environment, in it; the dependencies are those of the environment that runs this test."""
    environment = os.environ | {"PYTHONPATH": sysconfig.get_path("purelib")}
    command = [folder / "bin" / command[0], *command[1:]]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True).stdout


def test_the_wheel_holds_the_program_and_no_more(wheel):
    tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"earprint.py", "cli", "core", "stream", "web"}


def test_the_wheel_holds_every_file_of_the_page(wheel):
    paths = [*(ROOT / "web/templates").rglob("*"), *(ROOT / "web/static").rglob("*")]
    files = [path for path in paths if path.is_file()]
    assert files
    assert {path.relative_to(ROOT).as_posix() for path in files} <= set(zipfile.ZipFile(wheel).namelist())


def test_the_installed_command_works(elsewhere):
    assert "identify" in run(elsewhere, "earprint", "--help")


def test_what_is_installed_is_what_runs(elsewhere):
    code = "import earprint, web.app; print(earprint.__file__, web.app.__file__)"
    files = run(elsewhere, "python", "-c", code).split()
    assert all(Path(file).is_relative_to(elsewhere) for file in files)
