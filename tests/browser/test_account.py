"""A passkey signs in, alone and as the second step; no policy stands in its way."""

import pytest


@pytest.fixture
def page(open_page):
    """Return a page of a browser that has a passkey device, unlocked."""
    page = open_page()
    device = page.context.new_cdp_session(page)
    device.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    device.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return page


def confirm(page, password):
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Confirm").click()


def test_a_passkey_signs_in(site, page, sign_in):
    sign_in(page)
    page.get_by_role("link", name="Account security").click()
    page.get_by_role("link", name="Add a passkey").click()
    confirm(page, site.demo["password"])
    page.get_by_label("Name").fill("Test laptop")
    page.get_by_label("Use it to sign in").check()
    page.get_by_role("button", name="Add the passkey").click()
    page.get_by_role("heading", name="Recovery codes").wait_for()
    page.get_by_role("button", name="Sign out").click()

    page.get_by_role("button", name="Use a passkey instead").click()
    page.wait_for_url("**/api-keys/")
    page.get_by_role("button", name="Sign out").click()

    page.get_by_label("E-mail").fill(site.demo["email"])
    page.get_by_label("Password").fill(site.demo["password"])
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Second step").wait_for()
    page.get_by_role("button", name="Use a passkey instead").click()
    page.wait_for_url("**/api-keys/")

    page.get_by_role("link", name="Account security").click()
    page.get_by_role("link", name="Manage passkeys").click()
    page.get_by_role("link", name="Remove Test laptop").click()
    confirm(page, site.demo["password"])
    page.get_by_role("button", name="Remove the passkey").click()
    page.get_by_text("You have no passkeys yet").wait_for(state="visible")


def test_a_refused_passkey_is_told(open_page):
    page = open_page()
    page.goto("/accounts/login/")
    refuse = "navigator.credentials.get = () => Promise.reject(new Error('no'))"
    page.evaluate(f"() => {{ {refuse}; }}")

    page.get_by_role("button", name="Use a passkey instead").click()

    page.get_by_text("The passkey was not used").wait_for(state="visible")
