"""The page below a path of a proxy: everything on it works, and nothing is asked for outside of the path."""

import shutil

import pytest
from playwright.sync_api import expect

from core.demo import demo_names, demo_track, write_audio
from docs.stage import RATE, opened, serving
from tests.proxy import below

PATH = "/music/earprint"
TOKEN = "a-token-of-enough-characters"


@pytest.fixture(scope="module", params=["", PATH], ids=["unsaid", "said"])
def proxied(request, data, tmp_path_factory):
    """The address below a path, which the server may have been told (EARPRINT_ROOT_PATH); the page works either way."""
    folder = shutil.copytree(data, tmp_path_factory.mktemp("proxied") / "data")
    with serving(folder, root_path=request.param) as address, below(PATH, int(address.rstrip("/").rpartition(":")[2])) as outside:
        yield outside


def test_the_page_works_below_a_path(browser, proxied, tmp_path):
    clip = write_audio(tmp_path / "clip.wav", demo_track(1, 20, RATE)[5 * RATE : 13 * RATE], RATE)
    with opened(browser, proxied) as page:
        page.locator("#file").set_input_files(clip)
        expect(page.locator("#answer .best")).to_have_attribute("data-verdict", "match", timeout=60_000)
        expect(page.locator("#answer [data-field=title]")).to_have_text(demo_names(1)[0])
        page.locator("#search").fill(demo_names(2)[0])
        expect(page.locator("#tracks .track")).to_have_count(1)
        page.reload()
        expect(page.locator("#tracks .track")).to_have_count(1)
        page.locator("#tracks [data-action=play]").click()
        expect(page.locator("#audio")).to_have_js_property("readyState", 4)
        page.locator("#tracks [data-action=delete]").click()
        page.locator("#tracks .gone button").click()
        expect(page.locator("#tracks .track")).to_have_count(1)
        page.locator("#help summary").click()
        assert page.request.get(page.locator("#help a").first.evaluate("link => link.href")).ok


def test_what_is_absolute_names_the_path(browser, data, tmp_path):
    with (
        serving(shutil.copytree(data, tmp_path / "data"), root_path=PATH, token=TOKEN) as address,
        below(PATH, int(address.rstrip("/").rpartition(":")[2])) as outside,
        opened(browser, outside) as page,
    ):
        expect(page.locator("#help pre").first).to_contain_text(outside.rstrip("/"))
        page.locator("#token").fill(TOKEN)
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("button", name="Log out")).to_be_visible()
        (cookie,) = page.context.cookies()
        assert cookie["path"] == PATH
        page.get_by_role("button", name="Log out").click()
        expect(page.locator("#token")).to_be_visible()
        assert page.url.startswith(outside)
