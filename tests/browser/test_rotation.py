"""A rotation, as a person does it: without an outage and without a doubt."""


def create(page, name):
    """Create a key with the ci preset and return its secret, from the clipboard."""
    page.get_by_role("link", name="Create API key").first.click()
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="CI pipeline").click()
    page.get_by_role("button", name="Create key").click()
    return copied(page)


def copied(page):
    page.get_by_role("button", name="Copy").first.click()
    return page.evaluate("navigator.clipboard.readText()")


def test_a_key_is_rotated_watched_and_retired(site, open_page, sign_in):
    page = open_page()
    sign_in(page)
    old = create(page, "Rotated pipeline")
    assert site.get("/flows", old)[0] == 200

    page.get_by_role("link", name="I have stored it").click()
    page.get_by_role("link", name="Rotated pipeline").first.click()
    detail = page.url
    page.get_by_role("link", name="Rotate", exact=True).click()
    page.get_by_role("button", name="Create the new key").click()
    new = copied(page)
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(detail)

    assert new != old
    assert page.get_by_text("Not used yet.").is_visible()
    assert page.get_by_text("Not yet: the new key has not been used.").is_visible()
    assert [site.get("/flows", secret)[0] for secret in (old, new)] == [200, 200]

    # The page finds out by itself.
    page.locator(".verdict-safe").wait_for(timeout=20_000)
    assert page.locator(".arrival-used").is_visible()
    page.get_by_role("link", name="Retire now").click()
    page.get_by_role("button", name="Retire the old key").click()

    status, body = site.get("/flows", old)
    assert status == 401
    assert body["errors"][0]["code"] == "API_KEY_RETIRED"
    assert site.get("/flows", new)[0] == 200
    page.goto(detail)
    page.get_by_role("link", name="API Keys").first.click()
    page.get_by_role("link", name="Audit", exact=True).click()
    text = page.locator("main").inner_text()
    for action in ("Rotated", "Retired", "First used", "Used after it retired"):
        assert action in text, action
