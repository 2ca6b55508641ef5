"""The log-in in a real Chromium, with scripts and without."""

import shutil

import pytest
from playwright.sync_api import expect

from docs.stage import serving

TOKEN = "correct-horse-battery"


@pytest.fixture(params=[False, True], ids=["public", "private"])
def private(request):
    return request.param


@pytest.fixture
def address(data, tmp_path, private):
    with serving(shutil.copytree(data, tmp_path / "data"), token=TOKEN, private=private) as address:
        yield address


@pytest.mark.parametrize("scripts", [True, False])
def test_log_in_and_out(browser, address, private, music, scripts):
    with browser.new_context(java_script_enabled=scripts) as context:
        page = context.new_page()
        page.goto(address)
        rows = page.locator("#tracks > .track")
        expect(page.locator("#library")).to_be_visible(visible=not private)
        expect(rows).to_have_count(0 if private else len(music))
        expect(page.get_by_role("button", name="Delete")).to_have_count(0)
        if scripts:
            page.get_by_label("Token").fill("wrong")
            page.get_by_role("button", name="Log in").click()
            expect(page.get_by_role("alert")).to_have_text("that is not the token")
        page.get_by_label("Token").fill(TOKEN)
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("button", name="Log out")).to_be_visible()
        page.wait_for_load_state()  # with its scripts
        expect(rows).to_have_count(len(music))
        if scripts:  # the cookie is enough for all that the page does
            rows.first.get_by_role("button", name="Delete").click()
            expect(rows).to_have_count(len(music) - 1)
            assert page.evaluate("document.cookie") == ""
        page.get_by_role("button", name="Log out").click()
        expect(page.locator("#login")).to_be_visible()
