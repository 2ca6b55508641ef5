"""Tags that would run a script if anybody took them for HTML, in a real Chromium."""

import os
import shutil

import pytest

from core import Library
from docs.stage import CHROMIUM, chromium, serving

HOSTILE = {
    "title": """<img src=x onerror="window.hurt=1">"'><script>window.hurt=1</script>""",
    "artist": "</span></li></ul><svg onload=window.hurt=1>",
    "album": "{{ 7*7 }}${window.hurt=1}&lt;b&gt;",
}

if CHROMIUM is None and os.environ.get("CI") != "true":
    pytest.skip("no Chromium is installed: apt-get install chromium", allow_module_level=True)

from playwright.sync_api import expect, sync_playwright  # noqa: E402 (after the skip: its absence is no failure)


@pytest.mark.parametrize("scripts", [True, False])
def test_tags_are_text(data, tmp_path, scripts):
    """Written by the server, and, with scripts, again by the page when one searches."""
    assert CHROMIUM, "this needs Chromium: apt-get install chromium"
    folder = shutil.copytree(data, tmp_path / "data")
    with Library(folder) as library:
        library.edit(1, **HOSTILE)
    with serving(folder) as address, sync_playwright() as playwright, chromium(playwright) as browser:
        page = browser.new_page(java_script_enabled=scripts)
        page.goto(f"{address}?search=onerror")
        shown(page)
        if scripts:
            with page.expect_response("**/tracks?*"):
                page.get_by_role("searchbox").fill("hurt")
            shown(page)
            assert page.evaluate("window.hurt") is None


def shown(page):
    row = page.locator("#tracks > .track")
    expect(row).to_have_count(1)
    for name, text in HOSTILE.items():
        expect(row.locator(f"[data-field={name}]")).to_have_text(text)
    expect(page.locator("#tracks img:not([data-part=cover]), #tracks script, #tracks svg[onload]")).to_have_count(0)
