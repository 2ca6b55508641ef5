"""The Dockerfile, as far as can be seen without Docker; `make image-check` runs its steps."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
STEPS = re.sub(r"\\\n", "", (ROOT / "Dockerfile").read_text()).splitlines()
IGNORED = (ROOT / ".dockerignore").read_text().splitlines()


def told(step):
    """What follows this word, by line."""
    return [line.removeprefix(f"{step} ") for line in STEPS if line.startswith(f"{step} ")]


def copied():
    """The sources of all COPY from this folder."""
    return {source for line in told("COPY") if not line.startswith("--from") for source in line.split()[:-1]}


def pins(lock):
    """name==version -> its hashes."""
    entries = re.split(r"\n(?=\w)", (ROOT / lock).read_text())
    return {match[0]: set(re.findall(r"sha256:\w+", entry)) for entry in entries if (match := re.match(r"[\w.-]+==[\w.]+", entry))}


def test_all_that_the_wheel_holds_is_copied_and_nothing_else_is_sent():
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert set(wheel) <= copied()
    assert IGNORED[0] == "*"
    assert {line.removeprefix("!") for line in IGNORED if line.startswith("!")} == copied()
    assert all((ROOT / source).exists() for source in copied())


def test_everything_is_installed_by_hash_or_from_what_is_there():
    installs = [line for line in told("RUN") if "pip install" in line or "pip wheel" in line]
    assert len(installs) == 4
    assert all("--require-hashes" in line or "--no-index" in line or "--no-build-isolation" in line for line in installs)


def test_what_serves_is_a_part_of_what_is_tested():
    tested, serves = pins("requirements.lock"), pins("requirements-serve.lock")
    assert serves
    assert all(hashes and hashes == tested[pin] for pin, hashes in serves.items())
    assert not any(pin.startswith(("pytest", "hatchling", "pedalboard")) for pin in serves)


def test_it_serves_as_a_user_of_its_own_and_is_watched():
    assert told("USER") == ["10001"]  # a number, which orchestrators can tell from root
    assert STEPS.index("USER 10001") > max(i for i, line in enumerate(STEPS) if line.startswith("FROM"))
    assert len(told("FROM")) == 2
    assert "/health" in told("HEALTHCHECK")[0]
    assert "--open" not in told("CMD")[0]
