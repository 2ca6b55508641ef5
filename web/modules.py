"""Which modules the page's script needs at once: the browser is told, or it would learn of each only when it has read the one before.

What is imported with `import()` is fetched when it is needed, and is not among them.
"""

import re
from pathlib import Path

FOLDER = Path(__file__).parent / "static" / "js"
IMPORT = re.compile(r"""^(?:import|export)\b[^"';(]*["']\./([\w-]+\.js)["']""", re.MULTILINE)


def modules(name: str = "main.js") -> list[str]:
    """The module `name` and all that it imports, by way of others too, sorted."""
    found: set[str] = set()
    waiting = {name}
    while waiting:
        found |= waiting
        waiting = {imported for module in waiting for imported in IMPORT.findall((FOLDER / module).read_text())} - found
    return sorted(found)
