"""The page's modules."""

import pytest

from web.modules import FOLDER, modules


@pytest.fixture
def folder(tmp_path, monkeypatch):
    files = {
        "main.js": 'import { a } from "./a.js";\nimport "./b-c.js";\nconst later = () => import("./later.js");\n',
        "a.js": 'import {\n  one,\n  two,\n} from "./deep.js";\nexport * from "./again.js";\n// from "./comment.js"\n',
        "b-c.js": 'import { a } from "./a.js"; // in a circle\n',
        **dict.fromkeys(("deep.js", "again.js", "later.js", "comment.js"), ""),
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr("web.modules.FOLDER", tmp_path)


def test_all_that_is_imported_at_once(folder):
    assert modules() == ["a.js", "again.js", "b-c.js", "deep.js", "main.js"]


def test_the_page_is_light():
    """Scripts that are fetched at once, and styles; what the page fetches of ours when it is opened."""
    scripts = [FOLDER / name for name in {"theme.js", *modules(), *modules("painter.js")}]
    assert len(scripts) > 10
    styles = (FOLDER.parent).glob("*.css")
    assert sum(path.stat().st_size for path in (*scripts, *styles)) < 95_000
