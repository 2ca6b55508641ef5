"""The version of this program."""

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as package_version


def version() -> str:
    """Return the installed version, or "development" in a checkout that was never installed."""
    try:
        return package_version("earprint")
    except PackageNotFoundError:
        return "development"
