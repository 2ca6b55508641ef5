"""Load the engine's libraries quickly: what a command that identifies one short file waits for is mostly imports."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

BLAS = "scipy.linalg"  # which numba imports in case that a kernel multiplies matrices; none of ours does
COLLECTED = 100_000, 50, 100  # objects, and times, until garbage is looked for: imports make a million objects, and no garbage


def load_kernels() -> None:
    """Import what numba needs to load compiled kernels, without the libraries that ours make no use of."""
    gc.set_threshold(*COLLECTED)
    with _without(BLAS), suppress(ImportError):
        import numba.np.arraymath  # noqa: F401


@contextmanager
def _without(module: str) -> Iterator[None]:
    """Let imports of a module fail, unless it is imported already."""
    if module in sys.modules:
        yield
        return
    sys.modules[module] = None  # type: ignore[assignment]  # as Python documents it
    try:
        yield
    finally:
        del sys.modules[module]
