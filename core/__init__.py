"""The engine: sound in, answers out.

    audio -> spectrogram -> constellation -> hashes -> index -> candidates -> evidence
             `------- fingerprinter -------'          `---------- judged in stream.matcher

`core` knows no network and no clock. Importing it is light: a name below brings its (heavy) module when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from core.errors import (
        AudioError,
        ConflictError,
        EarprintError,
        MissingError,
        SilentError,
        StorageError,
        TooLongError,
        VersionError,
    )
    from core.fingerprinter import Fingerprinter
    from core.index import Index
    from core.library import Library
    from core.params import Params

_HOME = {
    "AudioError": "errors",
    "ConflictError": "errors",
    "EarprintError": "errors",
    "Fingerprinter": "fingerprinter",
    "Index": "index",
    "Library": "library",
    "MissingError": "errors",
    "Params": "params",
    "SilentError": "errors",
    "StorageError": "errors",
    "TooLongError": "errors",
    "VersionError": "errors",
}

__all__ = [
    "AudioError",
    "ConflictError",
    "EarprintError",
    "Fingerprinter",
    "Index",
    "Library",
    "MissingError",
    "Params",
    "SilentError",
    "StorageError",
    "TooLongError",
    "VersionError",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'core' has no attribute {name!r}")
    return getattr(import_module(f"core.{_HOME[name]}"), name)
