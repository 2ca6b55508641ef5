"""Segments as files: what is written is what is read, and what nobody names is swept away."""

import numpy as np
import pytest

from core.hashes import HASH
from core.postings import build
from core.segments import SegmentFiles


@pytest.fixture
def segment():
    hashes = np.array([(5 << 13 | 64 << 6 | 1, 10), (200 << 13 | 70 << 6 | 60, 900)], HASH)
    return build([(3, hashes)])


@pytest.fixture
def files(tmp_path):
    return SegmentFiles(tmp_path / "segments")


def numbers(files):
    return sorted(int(path.stem) for path in files._folder.iterdir())


def test_round_trip(files, segment):
    files.write(4, segment)
    read = files.read(4, segment.slots)
    assert (read.frames, read.group_bits) == (segment.frames, segment.group_bits)
    for name in ("starts", "places", "low", "slots"):
        np.testing.assert_array_equal(getattr(read, name), getattr(segment, name))


def test_what_is_mapped_outlives_its_file(files, segment):
    files.write(4, segment)
    read = files.read(4, segment.slots)
    files.delete([4, 5])
    np.testing.assert_array_equal(read.places, segment.places)
    with pytest.raises(FileNotFoundError):
        files.read(4, segment.slots)


def test_a_number_that_failed_may_be_written_again(files, segment):
    files.write(4, build([]))
    files.write(4, segment)
    assert len(files.read(4, segment.slots).places) == 2


def test_sweeping(files, segment):
    files.sweep([])
    for number in (1, 2, 3, 12):
        files.write(number, segment)
    files.sweep([2, 12])
    assert numbers(files) == [2, 12]
