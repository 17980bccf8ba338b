"""The actions of the audit: what each takes, what it says, and who records it."""

import ast
from datetime import UTC, datetime

import pytest

from apikeys.audit.events import (
    DETAILS,
    UNREADABLE,
    UNUSED,
    WORDS,
    Action,
    choices,
    grouped,
    in_words,
    no_words,
)
from apikeys.models import AuditEvent
from tests.paths import ROOT

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
EARLIER = "2026-06-01T12:00:00+00:00"
LATER, LATEST = "2026-06-02T12:00:00+00:00", "2026-06-03T12:00:00+00:00"
# Two values of each detail, which must not read alike.
SAMPLES = {
    "scopes": (["flows:read"], ["flows:execute"]),
    "dropped": (["flows:fly"], ["webhooks:fly"]),
    "preset": ("ci", "runner"),
    "expires_at": (LATER, LATEST),
    "retire_at": (LATER, LATEST),
    "successor": ("key_a", "key_b"),
    "reason": ("leaked", "tidied up"),
    "route": ("GET /flows", "POST /flows"),
    "format": ("csv", "ndjson"),
    "events": (1, 2),
    "since": (EARLIER, LATER),
    "until": (LATER, LATEST),
    "head": ("a" * 64, "b" * 64),
    "through": (3, 4),
    "last_hash": ("a" * 64, "b" * 64),
    "filters": ({"key": "a"}, {"key": "b"}),
    "methods": (["password"], ["password", "totp"]),
    "is_last": (False, True),
    "kind": ("totp", "webauthn"),
    "role": ("admin", "member"),
    "flow": ("Checkout", "Refund"),
    "environment": ("staging", "production"),
    "secret": (False, True),
    "count": (2, 3),
    "allowed_networks": (["192.0.2.1"], ["192.0.2.2"]),
    "networks": (["192.0.2.1"], ["192.0.2.2"]),
    "keys": (1, 2),
    "model": ("webhook", "collection"),
    "fields": (["name"], ["e-mail"]),
    "source": ("api", "github"),
    "found_in": ("commit", "issue_title"),
    "url": ("https://a.test", "https://b.test"),
    "has_more": (False, True),
    "owner": ("a@acme.example", "b@acme.example"),
    "contact_email": ("a@acme.example", "b@acme.example"),
    "host": ("hooks.example", "b.example"),
    "description": ("Deploys the shop", "Reads flows"),
    "requests_per_minute": (40, 50),
    "ends_at": (LATER, "2026-06-03T12:00:00+00:00"),
    "unconfirmed_action": ("report", "suspend"),
    "review": (1, 2),
    "own": ("its own owner", ""),
    "note": ("nightly", "weekly"),
    "confirmed": (1, 2),
    "self_confirmed": (1, 2),
    "pending": (1, 2),
    "suspended": (1, 2),
    "unconfirmed": (1, 2),
    "rotated": (1, 2),
    "ended": (1, 2),
}
# Details that are never together: where a variable is.
APART = {"environment": {"flow"}}
BEFORE_AND_AFTER = {
    Action.RENAMED: ("a", "b"),
    Action.DESCRIPTION_CHANGED: ("Deploys the shop", "Reads flows"),
    Action.LIMIT_CHANGED: (40, None),
    Action.NETWORKS_CHANGED: (["192.0.2.1"], None),
    Action.OWNER_CHANGED: ("a@acme.example", "b@acme.example"),
    Action.CONTACT_CHANGED: ("a@acme.example", "b@acme.example"),
    Action.KEYS_HANDED_OVER: ("a@acme.example", None),
    Action.RANGE_CHANGED: (["192.0.2.1"], ["192.0.2.2"]),
    Action.POLICY_UPDATED: ({"max_overlap_days": 7}, {"max_overlap_days": 14}),
    Action.ROLE_CHANGED: ("admin", "member"),
    Action.NOTICES_CHOSEN: ("own", "none"),
    Action.ORGANIZATION_CHANGED: ("a", "b"),
}


def samples(action):
    """Return {detail: its two values} of an action."""
    pair = BEFORE_AND_AFTER.get(action)
    return {
        name: pair or SAMPLES[name]
        if name in {"before", "after"}
        else SAMPLES.get(name)
        for name in DETAILS[action]
    }


def test_every_action_has_words():
    missing = {action.name for action in set(Action) - set(WORDS)}

    assert missing == set(), (
        "Give the action a function in WORDS, in apikeys/audit/events.py: its keywords"
        " are the details that the action takes, and it returns what people read."
    )
    assert set(WORDS) == set(Action)


@pytest.mark.parametrize("action", Action)
def test_every_detail_of_an_action_is_in_its_words(action):
    values = samples(action)
    unknown = {name for name, pair in values.items() if pair is None}
    assert unknown == set(), "Give the new detail two values in SAMPLES, above."

    usual = {name: pair[0] for name, pair in values.items()}
    said = in_words(action, AT, usual)

    assert said != UNREADABLE
    for name, pair in values.items():
        beside = {n: v for n, v in usual.items() if n not in APART.get(name, ())}
        said = in_words(action, AT, beside)
        other = in_words(action, AT, beside | {name: pair[1]})
        assert other not in (said, UNREADABLE), (
            f"{WORDS[action].__name__}() in apikeys/audit/events.py does not show"
            f" {name}: a detail that is recorded must be read by someone."
        )


def test_only_an_action_without_details_may_say_nothing():
    silent = {action for action, words in WORDS.items() if words is no_words}

    assert silent == {action for action in Action if not DETAILS[action]}


def test_every_action_is_in_one_group():
    groups = [value for _, members in grouped(choices(UNUSED)) for value, _ in members]

    assert sorted(groups) == sorted(Action.values), (
        "Name what the new action begins with in GROUPS, in apikeys/audit/events.py."
    )


@pytest.mark.parametrize("action", Action)
def test_details_may_be_absent(action):
    assert in_words(action, AT, {"via": "page"}) != UNREADABLE


def test_the_model_takes_what_is_declared_here():
    assert AuditEvent.DETAILS is DETAILS
    assert AuditEvent.Action is Action


def actions_in(path):
    """Yield the names of the actions that a file uses."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute):
            of = node.value
            name = of.attr if isinstance(of, ast.Attribute) else getattr(of, "id", "")
            if name == "Action":
                yield node.attr


def test_every_action_is_recorded_by_something_or_is_not_offered():
    files = [*(ROOT / "apikeys").rglob("*.py"), *(ROOT / "echopoint").rglob("*.py")]
    declared = ROOT / "apikeys/audit/events.py"
    used = {name for file in files if file != declared for name in actions_in(file)}

    assert {action.name for action in Action} - used == {a.name for a in UNUSED}, (
        "An action that no verb records belongs in UNUSED, in apikeys/audit/events.py,"
        " so that no filter offers it; one that a verb records does not."
    )


@pytest.mark.parametrize(
    ("action", "details", "said"),
    [
        (
            Action.CREATED,
            {"preset": "ci", "scopes": ["flows:execute"], "expires_at": None},
            "CI pipeline: flows:execute. No expiry.",
        ),
        (
            Action.CREATED,
            {"preset": "", "scopes": ["a", "b"], "expires_at": LATER},
            "Scopes: a, b. Expires on 2 June 2026, 12:00 UTC.",
        ),
        (
            Action.ROTATED,
            {"successor": "key_b", "retire_at": LATER, "scopes": ["a", "b"]},
            "Replaced by key_b, with a, b. Overlap until 2 June 2026, 12:00 UTC.",
        ),
        (
            Action.POLICY_UPDATED,
            {"before": {"max_overlap_days": 7}, "after": {"max_overlap_days": 14}},
            "max overlap days: 7 to 14.",
        ),
        (
            Action.POLICY_UPDATED,
            {
                "before": {"max_keys": None, "notice_days": [30, 7]},
                "after": {"max_keys": 9, "notice_days": None},
            },
            "max keys: not set to 9; notice days: 30, 7 to not set.",
        ),
        (
            Action.CREATED,
            {"scopes": ["a"], "allowed_networks": ["Office", "192.0.2.1"]},
            "Scopes: a. No expiry. Only from Office, 192.0.2.1.",
        ),
        (
            Action.NETWORKS_CHANGED,
            {"before": None, "after": ["Office", "192.0.2.1"]},
            "Restricted to Office, 192.0.2.1.",
        ),
        (
            Action.NETWORKS_CHANGED,
            {"before": ["Office", "192.0.2.1"], "after": ["192.0.2.2", "Office"]},
            "Added 192.0.2.2. Removed 192.0.2.1.",
        ),
        (
            Action.NETWORKS_CHANGED,
            {"before": ["Office"], "after": None},
            "No longer restricted; the list was Office.",
        ),
        (
            Action.RANGE_CHANGED,
            {"before": ["192.0.2.1"], "after": ["192.0.2.0/24"], "keys": 1},
            "Added 192.0.2.0/24. Removed 192.0.2.1. 1 key updated.",
        ),
        (Action.RENAMED, {"before": "a", "after": "b"}, "From “a” to “b”."),
        (
            Action.SIGNED_IN,
            {"methods": ["password", "totp"]},
            "With a password and a code from an authenticator app.",
        ),
        (
            Action.ROLE_CHANGED,
            {"before": "member", "after": "admin"},
            "From member to admin.",
        ),
        (
            Action.AUDIT_EXPORTED,
            {"format": "csv", "filters": {"action": "x"}},
            "As CSV, action: x.",
        ),
        (
            Action.AUDIT_EXPORTED,
            {
                "format": "ndjson",
                "filters": {},
                "events": 1571,
                "since": EARLIER,
                "until": LATER,
                "head": "0123456789abcdef" * 4,
            },
            "As NDJSON. 1,571 events from 1 June 2026, 12:00 to 2 June 2026, 12:00 UTC;"
            " the last hash is 0123456789ab…",
        ),
        (
            Action.AUDIT_EXPORTED,
            {"format": "csv", "events": 0, "since": None, "until": None, "head": ""},
            "As CSV. No events.",
        ),
    ],
)
def test_an_event_reads_as_a_sentence(action, details, said):
    assert in_words(action, AT, {"via": "page"} | details) == said


@pytest.mark.parametrize(
    ("action", "details"),
    [
        (Action.CREATED, {"expires_at": "soon"}),
        (Action.CREATED, {"scopes": 7}),
        (Action.ROTATED, {"successor": "key_b", "retire_at": "2026-06-02T12:00:00"}),
        (Action.POLICY_UPDATED, {"after": "x"}),
        (Action.AUDIT_EXPORTED, {"format": 7}),
        (Action.NETWORKS_CHANGED, {"before": 7, "after": ["192.0.2.1"]}),
        (Action.RANGE_CREATED, {"networks": [7]}),
        (Action.REVOKED, ["a list"]),
        (Action.SIGNED_IN, {"methods": 7}),
        (Action.CONSOLE_DELETED, {"count": "x"}),
        (Action.CONSOLE_CHANGED, {"fields": [7]}),
        (Action.REVOKED, None),
    ],
)
def test_details_that_were_tampered_with_are_no_failure_of_the_page(action, details):
    assert in_words(action, AT, details) == UNREADABLE


def test_an_action_of_a_later_version_is_shown_by_its_name_alone():
    assert in_words("api_key.cloned", AT, {"via": "page", "into": "x"}) == ""
