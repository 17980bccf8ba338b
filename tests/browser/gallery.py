"""The pages of organizations with a past, as (name, what shows it)."""

from datetime import date, timedelta
from urllib.parse import quote

# By who looks: name of the state, and its path below the organization's keys.
AS_OWNER = {
    "busy": {
        "list-all-states": "?status=all",
        "list-act-on-this": "",
        "list-filters-in-use": "?status=usable&scope=ci&expiring=90&creator=command&use=30&sort=expiry",
        "list-left-out": "?status=none-such&sort=expiry",
        "list-filters-and-found": "?status=usable&scope=ci&expiring=90&sort=expiry",
        "list-found-nothing": f"?q={quote('no such key')}",
        "list-key-in-address": f"?q={'A' * 43}",
        "audit-many": "audit/",
        "audit-filtered": "audit/?action=api_key.rotated&actor=alice%40acme.example",
        "audit-found-nothing": "audit/?action=audit.exported",
        "policy-owner": "policy/",
        "posture": "posture/",
        "list-expires-in-week": f"?expires={date.today()}..{date.today() + timedelta(6)}",
        "list-warned": "?status=all&use=refused",
        "ranges": "ranges/",
        "range-new": "ranges/new/",
        "keys-by-operation": "operations/?operation=launchFlow",
        "scope-use": "scopes/",
        "scope-use-all": "scopes/?keys=all",
        "list-unused-scopes": "?scope_use=unused&sort=scopes",
    },
    "reviewed": {
        "reviews": "reviews/",
        "review-start-open": "reviews/start/",
        "review-open": "reviews/2/",
        "review-confirmed": "reviews/2/?show=confirmed",
        "review-found-nothing": "reviews/2/?show=ended",
        "review-sign-off": "reviews/2/sign-off/",
        "review-report": "reviews/1/",
        "review-report-suspended": "reviews/1/?outcome=suspended",
        "review-finished": "reviews/1/sign-off/",
    },
    "empty": {
        "list-empty": "",
        "reviews-empty": "reviews/",
        "review-start-no-key": "reviews/start/",
        "posture-empty": "posture/",
        "audit-empty": "audit/",
        "ranges-empty": "ranges/",
    },
    "many": {"list-pages": "?sort=name"},
}
KEYS = {
    "key-in-use": "web",
    "key-expires-soon": "nightly",
    "key-unused": "laptop",
    "key-never-used": "export",
    "key-suspended": "frankfurt",
    "key-restricted": "office",
    "key-expired": "trial",
    "key-leaked": "leaked",
    "key-retired-in-use": "deploy",
    "key-rotation-waiting": "arriving",
    "key-rotation-not-yet": "overlapping",
    "key-rotation-safe": "safe",
    "key-rotation-wait": "silent",
    "key-retired-undoable": "undone",
    "key-successor": "safe-2",
    "key-every-scope": "everything",
    "key-long-name": "long",
    "key-rtl-name": "rtl",
}
CONFIRMED = {
    "retire-safe": ("safe", "retire"),
    "retire-not-yet": ("overlapping", "retire"),
    "unretire": ("undone", "unretire"),
    "cancel-rotation-offered": ("arriving", "cancel-rotation"),
    "cancel-rotation-too-late": ("safe", "cancel-rotation"),
    "resume": ("frankfurt", "resume"),
    "networks-suggested": ("office", "networks"),
    "networks-no-list": ("web", "networks"),
    "owner-left": ("nightly", "owner"),
    "edit-long-name": ("long", "edit"),
    "transfer-creator": ("nightly", "transfer-creator"),
    "check-every-operation": ("office", "check"),
    "revoke-in-use": ("web", "revoke"),
    "revoked-before": ("leaked", "revoke"),
    "rotate-in-use": ("web", "rotate"),
    "rotate-without-unused": ("web", "rotate/?without=unused"),
    "rotate-every-scope": ("everything", "rotate"),
}
AS_MEMBER = {
    "member-posture": "posture/",
    "member-ranges": "ranges/",
    "member-list": "",
    "member-policy": "policy/",
    "member-audit": "audit/",
    "member-refused": "new/",
}
ACCOUNT = {
    "security": "/accounts/2fa/",
    "password-change": "/accounts/password/change/",
    "totp-activate": "/accounts/2fa/totp/activate/",
    "passkeys-none": "/accounts/2fa/webauthn/",
    "passkey-add": "/accounts/2fa/webauthn/add/",
    "organizations": "/orgs/",
    "notices": "/accounts/notices/",
}
SECOND_FACTOR = {
    "security-totp": "/accounts/2fa/",
    "recovery-codes": "/accounts/2fa/recovery-codes/",
    "recovery-codes-anew": "/accounts/2fa/recovery-codes/generate/",
    "totp-deactivate": "/accounts/2fa/totp/deactivate/",
}
CONSOLE = {
    "console": "/admin/",
    "console-keys": "/admin/apikeys/apikey/",
    "console-audit": "/admin/apikeys/auditevent/",
}


def press(page, name, role="button"):
    """Press what leads to another page, and wait until that is there."""
    with page.expect_navigation():
        page.get_by_role(role, name=name, exact=True).last.click()


class Gallery:
    """A visitor who signs in as one person after the other."""

    def __init__(self, page, site):
        self.page = page
        self.site = site
        self.past = site.past

    def path(self, organization, below=""):
        return f"/orgs/{self.past['organizations'][organization]}/api-keys/{below}"

    def key(self, nick, below=""):
        return self.path("busy", f"{self.past['keys'][nick]}/{below}")

    def enter(self, name):
        """Sign in as this person, as far as the password goes."""
        self.page.context.clear_cookies()
        self.page.goto("/accounts/login/")
        self.page.get_by_label("E-mail").fill(f"{name}@acme.example")
        self.page.get_by_label("Password").fill(self.past["password"])
        press(self.page, "Sign in")

    def shown(self, paths):
        for name, path in paths.items():
            self.page.goto(path)
            self.confirm_if_asked()
            yield name

    def confirm_if_asked(self):
        """Say once more who is there, where a change of the account asks."""
        if self.page.get_by_role("heading", name="Confirm it’s you").count():
            self.page.get_by_label("Password").fill(self.past["password"])
            press(self.page, "Confirm")

    def states(self):
        """Yield the name of each state while the page is in it."""
        yield from self.of_lists()
        yield from self.of_keys()
        yield from self.of_forms_in_use()
        yield from self.of_the_organization()

    def of_forms_in_use(self):
        self.enter("olive")
        yield from self.shown(ACCOUNT)
        yield from self.of_lists_in_use()
        yield from self.of_networks()

    def of_the_organization(self):
        self.enter("olive")
        yield from self.of_an_audit_in_use()
        yield from self.of_the_policy()
        yield from self.of_the_webhook()
        yield from self.of_a_sign_in_long_ago()
        yield from self.of_others()
        yield from self.of_a_second_factor()
        yield from self.of_no_one()

    def of_lists(self):
        self.enter("olive")
        for organization, pages in AS_OWNER.items():
            yield from self.shown(
                {name: self.path(organization, path) for name, path in pages.items()}
            )

    def of_keys(self):
        self.enter("olive")
        yield from self.shown({name: self.key(nick) for name, nick in KEYS.items()})
        yield from self.shown(
            {
                name: self.key(nick, f"{verb}/")
                for name, (nick, verb) in CONFIRMED.items()
            }
        )

    def of_lists_in_use(self):
        page = self.page
        page.goto(self.path("busy"))
        page.locator("summary", has_text="Filter and sort").click()
        yield "list-filters-open"
        page.goto(self.path("busy", "?sort=name"))
        for name in ("GitHub Actions, web", "Old laptop", "Trial import"):
            page.get_by_label(f"Select {name}").check()
        yield "list-selected"
        press(page, "Revoke selected")
        yield "revoke-selected"
        page.goto(self.path("busy"))
        page.get_by_label("Search by name or id").fill(
            "epk_live_0123456789ab_" + "A" * 49
        )
        press(page, "Search")
        yield "list-pasted-key-unknown"
        page.goto(self.path("many", "?sort=name"))
        press(page, "Next", "link")
        yield "list-pages-second"

    def of_networks(self):
        page = self.page
        page.goto(self.path("busy", "ranges/"))
        press(page, "Change Office", "link")
        yield "range-in-use"
        page.get_by_label("Networks").fill("203.0.113.9/24")
        press(page, "Change the range")
        yield "range-refused"
        page.goto(self.key("web", "networks/"))
        page.get_by_label("Allowed addresses").fill("GitHub runners")
        press(page, "Change the list")
        yield "networks-left-out"
        page.get_by_label("Allowed addresses").fill("Home")
        press(page, "Refuse them")
        yield "networks-refused"
        for name, address in (("yes", "203.0.113.9"), ("no", "198.51.100.99")):
            query = f"?operation=listFlows&address={address}"
            page.goto(self.key("office", f"check/{query}"))
            yield f"check-{name}"

    def of_an_audit_in_use(self):
        page = self.page
        for name, organization in (("intact", "busy"), ("broken", "broken")):
            page.goto(self.path(organization, "audit/"))
            press(page, "Verify the chain")
            yield f"audit-{name}"

    def of_the_policy(self):
        page = self.page
        page.goto(self.path("busy", "policy/"))
        page.get_by_label("Maximum lifetime, in days").fill("60")
        press(page, "Review changes")
        yield "policy-refused"
        page.get_by_label("Default lifetime, in days").fill("30")
        press(page, "Review changes")
        yield "policy-preview"
        page.goto(self.path("busy", "policy/"))
        for summary in page.locator(".scope-limit > summary").all():
            summary.click()
        yield "policy-scopes"
        page.get_by_label("Maximum number of keys").fill("3")
        page.locator("input[name=listed_scopes]").first.check()
        page.locator("input[name=admin_scopes][value=ci]").check()
        press(page, "Review changes")
        yield "policy-scopes-refused"
        page.locator("input[name=admin_scopes][value='*']").uncheck()
        press(page, "Review changes")
        yield "policy-scopes-preview"

    def of_the_webhook(self):
        page = self.page
        path = f"/orgs/{self.past['organizations']['empty']}/notice-webhook/"
        yield from self.shown({"webhook-none": path})
        page.get_by_label("URL").fill("http://hooks.example/keys")
        press(page, "Create the webhook")
        yield "webhook-refused"
        # A name that never resolves (RFC 6761).
        page.get_by_label("URL").fill("https://hooks.invalid/keys")
        press(page, "Create the webhook")
        yield "webhook-secret"
        press(page, "I have stored it", "link")
        press(page, "Send a test event")
        yield "webhook-tested"
        yield from self.shown(
            {
                "webhook-rotate": f"{path}rotate-secret/",
                "webhook-remove": f"{path}remove/",
                "webhook-test": f"{path}test/",
            }
        )

    def of_a_sign_in_long_ago(self):
        cookies = self.page.context.cookies()
        session = next(c["value"] for c in cookies if c["name"] == "sessionid")
        self.site.forget_sign_in(session)
        self.page.goto(self.path("busy", "new/"))
        yield "reauthenticate"
        self.confirm_if_asked()

    def of_others(self):
        self.enter("bob")
        yield from self.shown({n: self.path("busy", p) for n, p in AS_MEMBER.items()})
        yield from self.shown({"member-key": self.key("safe")})
        self.enter("alice")
        yield from self.shown({"admin-policy": self.path("busy", "policy/")})
        self.enter("nora")
        yield from self.shown(
            {"organizations-none": "/orgs/", "notices-none": "/accounts/notices/"}
        )

    def of_a_second_factor(self):
        page = self.page
        self.enter("tom")
        yield "second-step"
        page.get_by_label("Code").fill(self.past["recovery_codes"].pop())
        press(page, "Sign in")
        page.wait_for_url("**/orgs/")
        yield from self.shown(SECOND_FACTOR)

    def of_no_one(self):
        page = self.page
        page.context.clear_cookies()
        page.goto("/accounts/password/reset/")
        yield "password-reset"
        page.get_by_label("E-mail").fill("olive@acme.example")
        press(page, "Send the link")
        page.get_by_role("heading", name="Check your e-mail").wait_for()
        yield "password-reset-sent"
        yield from self.shown(
            {
                "password-reset-link-broken": "/accounts/password/reset/key/x-set-password/",
                "sign-up-closed": "/accounts/signup/",
                "notices-link-broken": "/accounts/notices/unsubscribe/x/",
                "notices-stop": self.past["unsubscribe"],
            }
        )
        press(page, "Stop the e-mails")
        yield "notices-stopped"
        yield from self.shown({"contact-stop": self.past["contact"]})
        press(page, "Stop the e-mails")
        yield "contact-stopped"
        for name, html in self.past["pages"].items():
            self.serve(f"/rendered/{name}", html)
            page.goto(f"/rendered/{name}")
            yield f"page-{name}"

    def serve(self, path, html):
        """Answer this path in the browser, without the site."""
        answer = {"body": html, "content_type": "text/html"}
        self.page.route(f"**{path}", lambda route: route.fulfill(**answer))


def console_states(gallery):
    """Yield the states of the console, whose markup and look are Django's."""
    gallery.enter("root")
    yield from gallery.shown(CONSOLE)
    page = gallery.page
    page.goto("/admin/apikeys/apikey/")
    page.locator(".action-select").first.check()
    page.get_by_label("Action:").select_option(index=1)
    press(page, "Go")
    yield "console-confirm"
    page.goto("/admin/apikeys/apikey/")
    page.locator("#result_list th a").first.click()
    yield "console-key"
