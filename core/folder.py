"""Where a library lies: whether a folder holds one, and which folder is meant when none is named. Light to import."""

from pathlib import Path

HERE = Path("data")  # in the working folder


def is_library(folder: Path) -> bool:
    """Return whether the folder holds a library; also one that is damaged, or made by another version."""
    return (folder / "index" / "data.mdb").is_file()


def usual_folder() -> Path:
    """Return the absolute path of ./data where that is a library, else of the user's own data folder, which need not exist."""
    if is_library(HERE):
        return HERE.absolute()
    from platformdirs import user_data_path

    return user_data_path("earprint", appauthor=False)
