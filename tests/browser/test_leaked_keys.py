"""A key is found where it does not belong: reported, replaced, and all others frozen."""

from playwright.sync_api import expect

from tests.browser.new_keys import copied, create


def row(page, name):
    return page.get_by_role("row").filter(has_text=name)


def test_a_stranger_reports_a_key_and_its_owner_replaces_it(site, open_page, sign_in):
    page = open_page()
    sign_in(page)
    secret = create(page, "Found in a chat")
    page.get_by_role("link", name="I have stored it").click()
    assert site.get("/flows", secret)[0] == 200

    stranger = open_page()
    stranger.goto("/accounts/login/")
    stranger.get_by_role("link", name="Report leaked keys").click()
    stranger.get_by_label("Leaked keys").fill(f"\n  {secret}\n")
    stranger.get_by_role("button", name="Report").click()

    expect(stranger.get_by_text("Thank you.")).to_be_visible()
    expect(stranger.get_by_label("Leaked keys")).to_have_value("")
    status, refused = site.get("/flows", secret)
    assert (status, refused["errors"][0]["code"]) == (401, "API_KEY_SUSPENDED")

    page.reload()
    expect(row(page, "Found in a chat")).to_contain_text("reported as leaked")
    row(page, "Found in a chat").get_by_role("link", name="Rotate").click()
    page.get_by_role("button", name="Create the new key").click()
    new = copied(page)

    assert new != secret
    assert site.get("/flows", new)[0] == 200
    assert site.get("/flows", secret)[1]["errors"][0]["code"] == "API_KEY_REVOKED"


def test_all_keys_are_frozen_and_work_again(site, open_page, sign_in):
    page = open_page()
    sign_in(page)
    secret = create(page, "Worth freezing")
    page.get_by_role("link", name="I have stored it").click()

    page.get_by_role("link", name="Freeze all keys").click()
    name = page.locator(".brand-organization").text_content().split(",")[0]
    page.get_by_label("to confirm").fill(name)
    page.get_by_label("Reason").fill("laptop stolen")
    page.get_by_role("button", name="Freeze all keys").click()

    banner = page.locator(".notice-frozen")
    expect(banner).to_contain_text(f"All keys of {name} are frozen")
    expect(banner).to_contain_text("laptop stolen")
    expect(row(page, "Worth freezing")).to_contain_text("by the freeze of all keys")
    assert site.get("/flows", secret)[1]["errors"][0]["code"] == "API_KEY_SUSPENDED"

    banner.get_by_role("link", name="End the freeze").click()
    page.get_by_role("button", name="End the freeze").click()

    expect(page.get_by_text("The freeze is over.")).to_be_visible()
    expect(banner).to_have_count(0)
    assert site.get("/flows", secret)[0] == 200
