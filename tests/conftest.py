"""What several test files use: a folder of music, and a library that knows it. Both are made once and only read."""

import hypothesis
import pytest

from core.demo import write_demo

hypothesis.settings.register_profile("steady", deadline=None)  # a busy machine is no failure
hypothesis.settings.load_profile("steady")

TRACKS = 4
SECONDS = 20


@pytest.fixture(scope="session")
def music(tmp_path_factory):
    """Paths of tagged audio files, in order."""
    return write_demo(tmp_path_factory.mktemp("music"), TRACKS, SECONDS)


@pytest.fixture(scope="session")
def data(music, tmp_path_factory):
    """The data folder of a library that holds `music`."""
    from core import Library

    folder = tmp_path_factory.mktemp("data")
    with Library(folder) as library:
        assert all(added.status == "added" for added in library.add(music))
    return folder
