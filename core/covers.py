"""The covers that a library keeps: a folder of JPEG images, each once, under the hash of what is in it."""

import hashlib
import re
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from core.audiostore import ADVICE, PASSING
from core.disk import sync
from core.errors import StorageError

MEDIA_TYPE = "image/jpeg"
KEPT = re.compile(r"([0-9a-f]{64})\.jpg")


class CoverStore:
    """JPEG images in `folder`, named by the SHA-256 of what is in them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, sha256: str) -> Path:
        """Return where a cover is, or would be."""
        return self.folder / f"{sha256}.jpg"

    def keep(self, jpeg: bytes) -> str:
        """Keep a cover; return its hash, or "" for no cover. Raises StorageError."""
        if not jpeg:
            return ""
        sha256 = hashlib.sha256(jpeg).hexdigest()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if not self.is_whole(sha256):
                self._write(self.path(sha256), jpeg)
        except OSError as error:
            raise StorageError(f"{self.folder} cannot keep covers ({error.strerror}): {ADVICE}") from error
        return sha256

    def _write(self, target: Path, jpeg: bytes) -> None:
        with TemporaryDirectory(dir=self.folder, prefix=PASSING) as passing:
            arrived = Path(passing) / target.name
            arrived.write_bytes(jpeg)
            sync(arrived)
            arrived.replace(target)
        sync(self.folder)

    def is_whole(self, sha256: str) -> bool:
        """Return whether this cover is there as it was kept."""
        try:
            return hashlib.sha256(self.path(sha256).read_bytes()).hexdigest() == sha256
        except OSError:
            return False

    def orphans(self, known: Callable[[], Collection[str]]) -> Iterator[Path]:
        """Yield what a crash left, and covers whose hash is not among the `known`. Other files are not ours."""
        paths = list(self.folder.iterdir()) if self.folder.is_dir() else []
        needed = known() if paths else ()
        for path in paths:
            kept = KEPT.fullmatch(path.name)
            if path.name.startswith(PASSING) or (kept and kept[1] not in needed):
                yield path
