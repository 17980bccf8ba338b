"""A table of the states of a key, and a function that creates a key in each of them."""

from datetime import timedelta

from django.utils import timezone

from apikeys.actors import Actor
from apikeys.models import ApiKey
from echopoint.core.client_metadata import Client

SYSTEM = Actor.command("test")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
USER = Client("192.0.2.7", "curl/8", "", "GET /flows")

STATES = {
    "active": {},
    "unused": {"used": False},
    "soon": {"age": 87},
    "endless": {"set": {"expires_at": None}},
    "retiring": {"rotated": 1},
    "arrived": {"rotated": 1, "successor": "used"},
    "orphaned": {"rotated": 1, "successor": "revoked"},
    "paused": {"rotated": 1, "successor": "suspended"},
    "retired": {"rotated": 10},
    "retired unused": {"rotated": 10, "used": False},
    "expired": {"age": 100},
    "expired unused": {"age": 100, "used": False},
    "suspended": {"suspended": 2},
    "suspended expired": {"suspended": 20, "age": 100},
    "suspended retiring": {"rotated": 1, "suspended": 0},
    "suspended retired": {"rotated": 10, "suspended": 5},
    "revoked": {"revoked": True},
    "revoked expired": {"revoked": True, "age": 100},
    "revoked endless": {"revoked": True, "set": {"expires_at": None}},
    "revoked retiring": {"rotated": 1, "revoked": True},
    "revoked unused": {"revoked": True, "used": False},
    "successor": {"of": "retiring"},
    "used successor": {"of": "arrived"},
    "paused successor": {"of": "paused"},
}


def create(issue, state):
    """Return a key in the state, created by the `issue` fixture."""
    facts = STATES[state]
    if old := facts.get("of"):
        return create(issue, old).successor
    now = timezone.now()
    age = facts.get("age", 30)
    key, _ = issue("flows:read", name="Deploy", at=now - age * DAY)
    if facts.get("used", True):
        key.record_use(USER, at=now - 2 * HOUR)
    rows = ApiKey.objects.filter(pk=key.pk)
    rows.update(**facts.get("set", {}))
    key = rows.get()
    if "rotated" in facts:
        successor, _ = key.rotate(by=SYSTEM, at=now - facts["rotated"] * DAY)
        if facts.get("successor") == "used":
            successor.record_use(USER, at=now - HOUR)
        if facts.get("successor") == "revoked":
            successor.revoke(by=SYSTEM)
        if facts.get("successor") == "suspended":
            successor.suspend(by=SYSTEM)
    if "suspended" in facts:
        rows.update(suspended_at=now - facts["suspended"] * DAY)
    if facts.get("revoked"):
        rows.get().revoke(by=SYSTEM)
    return rows.get()
