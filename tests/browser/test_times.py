"""A moment is the same on every page: in the reader's zone, with UTC beside it."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.gallery import press

# At any moment at least one of them has another day than UTC.
ZONES = ["Pacific/Kiritimati", "Pacific/Pago_Pago"]
DAY = r"\d{1,2} [A-Z][a-z]+ \d{4}"


def named(text):
    """Return the local day and the day in UTC that a text names, at its first moment."""
    pattern = rf"({DAY}), \d\d:\d\d GMT[+-]\d+ \((?:({DAY}), )?\d\d:\d\d UTC\)"
    local, utc = re.search(pattern, text).groups()
    return local, utc or local


@pytest.fixture
def make(sign_in):
    """Return what creates a key; it returns the expiry as the form and the page say it."""

    def make(page, name):
        sign_in(page)
        press(page, "Create API key", "link")
        page.get_by_label("Name").fill(name)
        page.get_by_label("flows:read").check()
        option = page.locator("[name=expires_in_days] option:checked").inner_text()
        press(page, "Create key")
        facts = page.locator("dl.facts").inner_text()
        press(page, "I have stored it", "link")
        return option, facts

    return make


@pytest.mark.parametrize("zone", ZONES)
def test_form_page_and_key_name_the_same_day(open_page, make, zone):
    page = open_page(timezone_id=zone)

    option, facts = make(page, f"In {zone}")
    row = page.get_by_role("row").filter(has_text=f"In {zone}").inner_text()
    press(page, f"In {zone}", "link")
    key = page.locator("dl.facts div").filter(has_text="Expires").inner_text()
    timeline = page.locator(".timeline").inner_text()

    days = named(option)
    assert days == named(facts.split("Expires")[1])
    assert days == named(key)
    assert days == named(timeline.split("Expires on")[1])
    day, month, year = days[0].split()
    assert f"{day} {month[:3]} {year}" in row.replace("Sept", "Sep")
    press(page, "Rotate", "link")
    overlap = page.get_by_label("Both keys work for")
    assert named(overlap.locator("option:checked").inner_text())


def test_a_phone_shows_all_of_what_is_chosen(open_page, sign_in):
    page = open_page(timezone_id=ZONES[0], viewport={"width": 390, "height": 844})
    sign_in(page)
    page.get_by_role("link", name="Create API key").click()
    expiry = page.get_by_label("Expiry")

    expiry.select_option("30")

    shown = page.locator(".chosen-time")
    expect(shown).to_be_visible()
    expect(shown).to_have_text(expiry.locator("option:checked").inner_text())
    page.set_viewport_size({"width": 1280, "height": 800})
    expect(shown).not_to_be_visible()


def test_without_scripts_all_times_are_utc_and_say_so(open_page, make):
    page = open_page(timezone_id=ZONES[0], java_script_enabled=False)

    option, facts = make(page, "Without scripts")

    (in_option,) = re.findall(rf"{DAY}, \d\d:\d\d UTC", option)
    assert in_option.split(",")[0] in facts.split("Expires")[1]
    assert "GMT" not in facts
    expect(page.locator("footer")).to_contain_text("All times are UTC.")
