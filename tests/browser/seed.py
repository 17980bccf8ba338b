"""What the pictures are of: organizations with a past, told through the model's verbs.

Run with the environment of the site, as `python -m tests.browser.seed PASSWORD`; it
writes what it made to its standard output, as JSON.
"""

import json
import os
import sys
from datetime import timedelta

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "echopoint.settings"
django.setup()

from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes  # noqa: E402
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret  # noqa: E402
from django.contrib.auth.models import AnonymousUser  # noqa: E402
from django.template.loader import render_to_string  # noqa: E402
from django.test import RequestFactory  # noqa: E402
from django.utils import timezone  # noqa: E402

from apikeys import policy  # noqa: E402
from apikeys.actors import Actor  # noqa: E402
from apikeys.contact_mail import stop_url  # noqa: E402
from apikeys.db.write_buffers import write_buffers  # noqa: E402
from apikeys.models import (  # noqa: E402
    AccessReview,
    ApiKey,
    AuditEvent,
    KeyPlace,
    KeyUsage,
    KeyWarning,
    NetworkRange,
    Refusal,
    ScopeRecording,
    ScopeUse,
    WarningRecording,
)
from apikeys.models.reviewed_key import fingerprint  # noqa: E402
from apikeys.places import CLIENT, Place, client_name, pipeline  # noqa: E402
from apikeys.scopes import PRESETS, SCOPES  # noqa: E402
from echopoint.core.client_metadata import Client  # noqa: E402
from echopoint.executions.callers import Caller  # noqa: E402
from echopoint.executions.completion import Completion  # noqa: E402
from echopoint.executions.models import Execution  # noqa: E402
from echopoint.flows.models import Flow  # noqa: E402
from echopoint.notices.unsubscribing import url_for  # noqa: E402
from echopoint.organizations.models import (  # noqa: E402
    Membership,
    Organization,
    User,
)

NOW = timezone.now()
RUNNER = Client(
    "203.0.113.24", "echopoint-cli/1.0 GitHub-Actions", "", "POST /flows/<id>/launch"
)
LAPTOP = Client("2001:db8:85a3::8a2e:370:7334", "curl/8.5.0", "", "GET /flows")
BROWSERLIKE = Client(
    "198.51.100.7",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/149.0.0.0 Safari/537.36",
    "",
    "GET /webhooks/<id>/requests",
)
OFFICE = Client("203.0.113.77", "python-requests/2.32.5", "", "GET /flows")
HOME = Client("192.0.2.200", "curl/8.5.0", "", "GET /flows")
RANGES = {
    "GitHub runners": ["198.51.100.0/28", "2001:db8:a::/48"],
    "Office": ["203.0.113.0/24", "2001:db8:85a3::/64"],
}
SMOKE = pipeline("acme/web", "ci.yml", "smoke")
NIGHTLY = pipeline("acme/web", "nightly.yml", "regression")
# Pages that a healthy site has no way to show.
RENDERED = [
    "400",
    "403",
    "403_csrf",
    "429",
    "500",
    "account/password_reset_by_operator",
]
LONG_NAME = (
    "Regression of the storefront, nightly, in Frankfurt, Dublin and São Paulo, "
)
LONG_NAME = LONG_NAME.ljust(100, "x")


def ago(**span):
    return NOW - timedelta(**span)


def daily(days, **last):
    """Return a moment of each of so many days, the last one so long ago."""
    return [ago(days=n) - timedelta(**last) for n in range(days)]


class Story:
    """Keys by nickname, and what happened to them, told in the order of time."""

    def __init__(self, organization, people):
        self.organization = organization
        self.people = people
        self.keys = {}
        self.events = []

    def by(self, who):
        return Actor.person(
            self.people[who],
            via="page",
            client=Client("192.0.2.44", "Firefox/140"),
            is_fresh=True,
        )

    def key(self, nick, name, *, born, scopes="ci", days=90, who="olive", text=""):
        """A key comes to be, with the scopes of a preset or these."""
        scopes = PRESETS[scopes].scopes if isinstance(scopes, str) else scopes

        def act(at):
            self.keys[nick], _ = ApiKey.objects.issue(
                organization=self.organization,
                name=name,
                description=text,
                scopes=list(scopes),
                by=self.by(who),
                expires_in_days=days,
                at=at,
            )

        self.events.append((born, act))

    def used(self, nick, *moments, client=RUNNER, place=None, scopes=None):
        """Record uses of the key by the client, at the place or else at its address.

        The requests need the `scopes`, by default all of the key.
        """
        name = client_name(client.user_agent)
        place = place or Place(CLIENT, name, client.ip)

        def act(at):
            key = self.fresh(nick)
            key.record_use(client, at=at)
            KeyPlace.objects.record(key, place, at)
            ScopeUse.objects.record(key, scopes or key.scopes, at)

        self.events += [(moment, act) for moment in moments]

    def rotated(self, nick, successor, moment, **span):
        def act(at):
            overlap = timedelta(**span or {"days": 7})
            key = self.fresh(nick)
            self.keys[successor], _ = key.rotate(
                by=self.by("alice"), overlap=overlap, at=at
            )

        self.events.append((moment, act))

    def did(self, nick, verb, moment, **values):
        self.events.append(
            (
                moment,
                lambda at: getattr(self.fresh(nick), verb)(
                    by=self.by("alice"), at=at, **values
                ),
            )
        )

    def published(self, nick, flow, moment, status="completed"):
        """The key launches a flow and publishes how it went, a second later."""

        def act(at):
            caller = Caller(key=self.fresh(nick))
            launch = Execution.objects.launch(
                flow, by=caller, runner_type="ephemeral", at=at - timedelta(seconds=1)
            )
            told = {
                "status": status,
                "started_at": at - timedelta(seconds=1),
                "completed_at": at,
                "duration_ms": 1000,
            }
            launch.execution.complete(Completion.of(told), by=caller, at=at)

        self.events.append((moment, act))

    def fresh(self, nick):
        return ApiKey.objects.select_related("organization").get(pk=self.keys[nick].pk)

    def tell(self):
        for moment, act in sorted(self.events, key=lambda event: event[0]):
            act(moment)
        write_buffers.flush()

    def counted(self, nick, days):
        """Requests by day, today's first, as (allowed, refused)."""
        for n, (allowed, refused) in enumerate(days):
            KeyUsage.objects.create(
                key=self.keys[nick],
                day=ago(days=n).date(),
                scope="flows:execute",
                allowed=allowed,
                refused=refused,
            )

    def refused(self, nick, reason, moment, count, ip="203.0.113.24"):
        minute = moment.replace(second=0, microsecond=0)
        Refusal.objects.create(
            key=self.keys[nick], reason=reason, minute=minute, count=count, last_ip=ip
        )

    def warned(self):
        """The counts above, which were written without requests, as warnings."""
        for refusal in Refusal.objects.select_related("key"):
            kind = KeyWarning.Kind.REFUSED
            KeyWarning.objects.record(refusal.key, kind, refusal.minute)
        write_buffers.flush()


def busy(organization, people):
    """Tell of keys in every state that a key can be in."""
    story = Story(organization, people)
    key, used = story.key, story.used
    key("web", "GitHub Actions, web", born=ago(days=62))
    used("web", ago(days=62, minutes=-9))
    used("web", ago(minutes=4), scopes=["flows:execute", "runner:complete"])
    key("nightly", "Nightly regression", born=ago(days=85), who="carol")
    used(
        "nightly",
        ago(days=84),
        ago(hours=7),
        scopes=["flows:execute", "runner:complete"],
    )
    key("laptop", "Old laptop", born=ago(days=150), days=365, scopes=["flows:read"])
    used("laptop", ago(days=149), ago(days=120), client=LAPTOP)
    key("export", "Captured requests export", born=ago(days=20), days=365)
    key("hooks", "Webhook reader", born=ago(days=30), scopes="captured-requests")
    used("hooks", ago(days=29), ago(days=2), client=BROWSERLIKE)
    key("frankfurt", "Runner, Frankfurt", born=ago(days=44), scopes="runner")
    used("frankfurt", ago(days=44), ago(days=3))
    story.did("frankfurt", "suspend", ago(days=3), reason="Looked into: odd address")
    key("trial", "Trial import", born=ago(days=37), days=7, scopes=["flows:create"])
    key("leaked", "Leaked in a log", born=ago(days=70), who="alice")
    used("leaked", ago(days=69), ago(days=11))
    story.did("leaked", "revoke", ago(days=10), reason="It was printed in a build log")
    key("deploy", "Deploy bot", born=ago(days=80))
    used("deploy", ago(days=80), ago(days=8))
    story.rotated("deploy", "deploy-2", ago(days=16))
    used("deploy-2", ago(days=15), ago(minutes=30))
    key("arriving", "Checkout pipeline", born=ago(days=33))
    used("arriving", ago(days=33), ago(minutes=22))
    story.rotated("arriving", "arriving-2", ago(minutes=20))
    key("overlapping", "Storefront pipeline", born=ago(days=50))
    used("overlapping", *daily(49, minutes=4), place=SMOKE)
    used("overlapping", *daily(49, hours=11), place=NIGHTLY)
    used("overlapping", *daily(49, hours=21), client=LAPTOP)
    story.rotated("overlapping", "overlapping-2", ago(days=1))
    used("overlapping-2", ago(hours=20), ago(minutes=2), client=LAPTOP)
    key("silent", "Reports pipeline", born=ago(days=48))
    used("silent", *daily(45, hours=9), place=NIGHTLY)
    used("silent", *daily(45, hours=21), place=SMOKE)
    story.rotated("silent", "silent-2", ago(hours=8))
    used("silent-2", ago(hours=7), ago(minutes=3), place=SMOKE)
    key("undone", "Search pipeline", born=ago(days=40))
    used("undone", *daily(38, hours=9), place=SMOKE)
    story.rotated("undone", "undone-2", ago(hours=8))
    used("undone-2", ago(hours=7), ago(minutes=3), place=SMOKE)
    story.did("undone", "retire", ago(hours=1))
    key("safe", "Billing pipeline", born=ago(days=55))
    used("safe", *daily(50, hours=60), place=SMOKE)
    used("safe", *daily(50, hours=62), client=LAPTOP)
    story.rotated("safe", "safe-2", ago(days=2))
    used("safe-2", ago(days=2, minutes=-22), ago(minutes=2), place=SMOKE)
    checkout = Flow.objects.create(
        organization=organization,
        name="Checkout",
        flow_definition={"name": "Checkout", "version": "1", "nodes": [], "edges": []},
    )
    story.published("safe", checkout, ago(days=3))
    story.published("safe-2", checkout, ago(minutes=2))
    story.published("web", checkout, ago(minutes=4), status="failed")
    for name, networks in RANGES.items():
        NetworkRange.objects.add(
            organization, name=name, networks=networks, by=story.by("olive")
        )
    key("office", "Reports, from the office", born=ago(days=40))
    used("office", *daily(39, hours=3), client=OFFICE)
    used("office", ago(days=5), client=HOME)
    story.did(
        "office", "set_allowed_networks", ago(days=4), entries=["Office", HOME.ip]
    )
    story.did("office", "set_owner", ago(days=4), owner_email="bob@acme.example")
    story.did(
        "office",
        "set_contact_email",
        ago(days=4),
        contact_email="reports@team.example",
    )
    key("everything", "Migration, all of it", born=ago(days=1), scopes=list(SCOPES))
    key("long", LONG_NAME, born=ago(hours=30), text="What it is for. " * 30)
    key("rtl", "مفتاح خط النشر 🚀 staging", born=ago(hours=29), days=30)
    story.tell()
    story.counted(
        "web", [(41 + n * 7 % 23, n % 6 == 4 and n) for n in range(27) if n != 11]
    )
    story.counted("hooks", [(0, 0), (3, 0), (1, 9)])
    story.refused("web", "MISSING_REQUIRED_SCOPES", ago(hours=5), 12)
    story.refused("web", "ORGANIZATION_MISMATCH", ago(days=6), 2, ip=None)
    story.refused("office", "IP_NOT_ALLOWED", ago(minutes=9), 3, ip="198.51.100.99")
    story.refused("office", "IP_NOT_ALLOWED", ago(days=2), 1, ip="2001:db8:5::7")
    story.refused("deploy", "API_KEY_RETIRED", ago(minutes=50), 48, ip="198.51.100.99")
    story.warned()
    return story.keys


def many(organization, people):
    """More keys than a page has, made in bulk as only their number matters."""
    story = Story(organization, people)
    for n in range(1, 121):
        story.key(f"{n}", f"Pipeline {n:03}", born=ago(days=1, minutes=n))
    story.tell()


def reviewed(story):
    """A closed review that suspends two keys, and an open one with a confirmed key."""
    story.key("checkout", "Checkout tests", born=ago(days=60), days=365)
    story.key("invoices", "Invoices export", born=ago(days=58), scopes=["flows:read"])
    story.key("search", "Search tests", born=ago(days=57), who="alice")
    story.key("storefront", LONG_NAME, born=ago(days=56))
    story.key("temporary", "Temporary import", born=ago(days=55))
    story.used("checkout", ago(hours=3), scopes=["flows:execute"])
    story.did("search", "set_owner", ago(days=54), owner_email="alice@acme.example")
    story.did("temporary", "revoke", ago(days=45))
    story.tell()
    organization, by = story.organization, story.by("alice")
    policy.change(organization, by=story.by("olive"), unconfirmed_action="suspend")
    first = open_review(story, ago(days=50))
    confirm(story, first, "checkout", "search", note="Runs each night", at=ago(days=48))
    first.sign_off(by=by, at=ago(days=40))
    first.settle(by=by, at=ago(days=40))
    confirm(story, open_review(story, ago(days=2)), "search", at=ago(days=1))


def open_review(story, at):
    return AccessReview.objects.open(story.organization, by=story.by("olive"), at=at)


def confirm(story, review, *nicks, **options):
    keys = [story.fresh(nick) for nick in nicks]
    shown = {key.public_id: fingerprint(key) for key in keys}
    review.confirm(shown, by=story.by("alice"), **options)


def broken(organization, people):
    """Break the audit, as someone would who can write to the database."""
    story = Story(organization, people)
    story.key("only", "Pipeline", born=ago(days=4))
    story.tell()
    event = AuditEvent.objects.for_org(organization).last()
    event.pk, event._state.adding = None, True
    event.sequence += 5
    event.hash = event.compute_hash()
    event.save(force_insert=True)


def person(name, password, **fields):
    return User.objects.create_user(f"{name}@acme.example", password, **fields)


def rendered(template):
    request = RequestFactory().get("/")
    request.user = AnonymousUser()
    return render_to_string(f"{template}.html", {"wait": "5 minutes"}, request)


def main(password):
    for recording in (ScopeRecording, WarningRecording):
        recording.objects.update(began_at=ago(days=100))
    people = {name: person(name, password) for name in ("olive", "alice", "bob")}
    people |= {name: person(name, password) for name in ("carol", "nora", "tom")}
    person("root", password, is_staff=True, is_superuser=True)
    organizations = {
        name: Organization.objects.create_with_owner(title, people["olive"])
        for name, title in {
            "busy": "Acme",
            "empty": "Acme Labs",
            "many": "Acme Retail",
            "broken": "Acme Archive",
            "reviewed": "Acme Payments",
        }.items()
    }
    busy_one, roles = organizations["busy"], Membership.Role
    for name in ("alice", "carol"):
        busy_one.memberships.create(user=people[name], role=roles.ADMIN)
    busy_one.memberships.create(user=people["bob"], role=roles.MEMBER)
    TOTP.activate(people["tom"], generate_totp_secret())
    codes = RecoveryCodes.activate(people["tom"]).get_unused_codes()
    keys = busy(busy_one, people)
    busy_one.memberships.get(user=people["carol"]).end()
    many(organizations["many"], people)
    payments = organizations["reviewed"]
    payments.memberships.create(user=people["alice"], role=roles.ADMIN)
    reviewed(Story(payments, people))
    broken(organizations["broken"], people)
    return {
        "password": password,
        "recovery_codes": codes,
        "organizations": {name: row.pk for name, row in organizations.items()},
        "keys": {nick: key.public_id for nick, key in keys.items()},
        "unsubscribe": url_for(people["nora"]),
        "contact": stop_url("ops@team.example"),
        "pages": {name.split("/")[-1]: rendered(name) for name in RENDERED},
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(sys.argv[1])))
