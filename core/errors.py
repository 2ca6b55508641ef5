"""What can be wrong with what somebody gave us. Any other exception is a bug of ours and is never shown as the user's fault."""


class EarprintError(Exception):
    """Somebody's input is at fault; `str(error)` says what was wrong with which value, and what to do."""


class AudioError(EarprintError):
    """A file that cannot be decoded to sound: text, an image, nothing at all, or not there."""


class SilentError(EarprintError):
    """A reference with less than a second of sound: nothing in it could be recognised."""


class TooLongError(AudioError):
    """A file with more sound than is taken."""


class StorageError(EarprintError):
    """The disk of the data folder is full, or what is on it is damaged. Nothing was changed."""


class VersionError(EarprintError):
    """An index that another version of the algorithm made; the message says how to rebuild it."""


class MissingError(EarprintError):
    """No track has this number."""


class ConflictError(EarprintError):
    """What was asked contradicts what the library holds by now."""
