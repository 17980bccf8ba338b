"""Every page in every state, as (name, what shows it)."""

from urllib.parse import quote

from tests.browser.gallery import press
from tests.browser.new_keys import create


class Walk:
    """A visitor of the demo organization who brings pages into their states."""

    def __init__(self, page, site):
        self.page = page
        self.site = site
        self.keys = f"/orgs/{site.demo['organization_id']}/api-keys/"

    def states(self):
        """Yield the name of each state while the page is in it."""
        page = self.page
        for name, path in [
            ("list", ""),
            ("list-filtered", "?status=revoked"),
            ("list-nothing-found", f"?q={quote('no such key')}"),
            ("create", "new/"),
            ("audit", "audit/"),
            ("policy", "policy/"),
            ("not-found", "nothing-here/"),
        ]:
            page.goto(self.keys + path)
            yield name
        yield from self.a_key_from_its_making_to_its_end()
        yield from self.a_leaked_key()
        yield from self.a_freeze()

    def a_key_from_its_making_to_its_end(self):
        page = self.page
        page.goto(self.keys + "new/")
        press(page, "Create key")
        yield "create-refused"
        page.get_by_label("Name").fill(f"Key for {id(page)}")
        page.get_by_role("button", name="CI pipeline").click()
        yield "create-with-preset"
        press(page, "Create key")
        page.locator("#secret").wait_for()
        yield "secret-once"
        page.get_by_role("button", name="Show").click()
        yield "secret-shown"
        page.get_by_role("button", name="Copy").first.click()
        page.reload()
        yield "created-before"
        press(page, "Go to API Keys", "link")
        page.get_by_role("link", name=f"Key for {id(page)}").first.click()
        detail = page.url
        yield "key"
        page.goto(detail + "rotate/")
        yield "rotate"
        press(page, "Create the new key")
        yield "successor-secret-once"
        page.get_by_role("button", name="Copy").first.click()
        page.goto(detail)
        yield "key-rotating"
        for name in (
            "retire",
            "cancel-rotation",
            "suspend",
            "limit",
            "networks",
            "owner",
            "edit",
            "revoke",
        ):
            page.goto(f"{detail}{name}/")
            yield name
        press(page, "Revoke this key")
        page.goto(detail)
        yield "key-revoked"
        press(page, "Duplicate this key", "link")
        yield "create-like-another"
        page.goto(detail + "revoke-family/")
        yield "revoke-family"

    def a_leaked_key(self):
        page = self.page
        name = f"Leaked {id(page)}"
        page.goto(self.keys)
        secret = create(page, name)
        page.goto("/leaked/")
        yield "leaked"
        page.get_by_label("Leaked keys").fill("x\n" * 101)
        press(page, "Report")
        yield "leaked-refused"
        page.get_by_label("Leaked keys").fill(secret)
        press(page, "Report")
        yield "leaked-reported"
        page.goto(self.keys)
        page.get_by_role("link", name=name).first.click()
        detail = page.url
        yield "key-reported"
        for action in ("resume", "rotate", "transfer-creator", "revoke-creator"):
            page.goto(f"{detail}{action}/")
            yield f"{action}-reported"

    def a_freeze(self):
        page = self.page
        page.goto(self.keys + "freeze/")
        yield "freeze"
        press(page, "Freeze all keys")
        yield "freeze-refused"
        confirm = page.get_by_label("to confirm")
        confirm.fill(page.locator(".brand-organization").text_content().split(",")[0])
        press(page, "Freeze all keys")
        yield "list-frozen"
        page.get_by_role("row").get_by_role("link").first.click()
        yield "key-frozen"
        press(page, "End the freeze", "link")
        yield "unfreeze"
        press(page, "End the freeze")
        yield "freeze-ended"


def signed_out_states(page):
    """Yield the name of each state that needs no one to be signed in."""
    page.goto("/accounts/login/")
    yield "sign-in"
    page.get_by_label("E-mail").fill("nobody@echopoint.example")
    page.get_by_label("Password").fill("wrong")
    press(page, "Sign in")
    yield "sign-in-refused"
