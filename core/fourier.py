"""The real Fourier transform of scipy without the rest of scipy, whose import takes a fifth of a second: a worker's longest wait."""

from collections.abc import Callable
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader
from importlib.util import find_spec, module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

NAME = "pypocketfft"  # scipy's own module in C++


def _transform() -> Callable[[NDArray[np.float32]], NDArray[np.complex64]]:
    scipy = find_spec("scipy")
    folder = Path(scipy.origin).parent / "fft" / "_pocketfft" if scipy and scipy.origin else Path()
    for path in (folder / f"{NAME}{suffix}" for suffix in EXTENSION_SUFFIXES):
        if path.exists():
            loader = ExtensionFileLoader(NAME, str(path))
            spec = spec_from_loader(NAME, loader)
            assert spec is not None
            module: Any = module_from_spec(spec)
            loader.exec_module(module)
            return lambda rows: module.r2c(rows, (1,), True, 0, None, 1)
    from scipy.fft import rfft  # a scipy that is built otherwise

    return lambda rows: rfft(rows, axis=1)


rfft = _transform()
"""float32 [t, n] -> complex64 [t, n // 2 + 1], as `scipy.fft.rfft(rows, axis=1)`, to the bit."""
