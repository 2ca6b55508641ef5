"""Numbers come back from their bits, which lie where they are said to."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.bits import pack_bits, unpack_bits


@given(st.integers(1, 8), st.lists(st.integers(0, 255), max_size=40))
def test_round_trip(bits, values):
    values = np.array(values, np.uint8) & ((1 << bits) - 1)
    packed = pack_bits(values, bits)
    assert len(packed) == -(-len(values) * bits // 8)
    np.testing.assert_array_equal(unpack_bits(packed, len(values), bits), values)


def test_worked_by_hand():
    assert pack_bits(np.array([1, 2, 7, 4], np.uint8), 3).tolist() == [0b11_010_001, 0b0000_100_1]


@pytest.mark.parametrize("bits", [0, 5])
def test_nothing(bits):
    assert len(pack_bits(np.zeros(0, np.uint8), bits)) == 0
