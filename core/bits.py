"""Small numbers in as few bits each as they need."""

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]


def pack_bits(values: Bytes, bits: int) -> Bytes:
    """u8 [n] below 1 << bits -> u8 [ceil(n * bits / 8)]: value k begins at bit k * bits, lowest bits first."""
    return np.packbits(np.unpackbits(values[:, None], axis=1, count=bits, bitorder="little"), bitorder="little")


def unpack_bits(packed: Bytes, count: int, bits: int) -> Bytes:
    """The inverse, u8 [count]; bits: 1 to 8."""
    each = np.unpackbits(packed, count=count * bits, bitorder="little").reshape(count, bits)
    return np.packbits(each, axis=1, bitorder="little")[:, 0]
