"""What the page of the posture counts: each measure is a filtered list of keys."""

from datetime import timedelta
from typing import NamedTuple

from django.utils.formats import date_format

from apikeys.forms.expiry_dates import ExpiryDates
from apikeys.forms.key_filters import AGES, UNUSED, KeyFilterForm
from apikeys.forms.key_queries import ANY, CURRENT, LEAKED, NEVER, PAST, UNRESTRICTED
from apikeys.forms.people import NO_OWNER
from apikeys.models import ApiKey, KeyWarning
from apikeys.models.key_warning import WARNED_FOR
from apikeys.models.scope_use import UNUSED_DAYS

WEEKS = 13
RECENTLY = f"in the last {WARNED_FOR.days} days"
NEW_PLACE, REFUSED = KeyWarning.Kind.NEW_PLACE.value, KeyWarning.Kind.REFUSED.value


class Measure(NamedTuple):
    """A label, and the parameters of the list of the keys to count."""

    label: str
    params: dict
    is_urgent: bool = False  # drawn in the colour of warnings

    @property
    def address(self):
        """Return the query string of the list."""
        return KeyFilterForm.encode(self.params)

    def has(self, **params):
        return params.items() <= self.params.items()


def current(label, **params):
    """Return a measure of keys that have not ended."""
    return Measure(label, {"status": CURRENT, **params})


TOTAL = current("Keys that have not ended")
AGE = [current(label, age=age) for age, label in AGES if age]
EXPIRED = Measure("Expired, not revoked", {"expiring": PAST}, is_urgent=True)
SOON = Measure("Within 7 days", {"expiring": "7"}, is_urgent=True)
ENDLESS = Measure("Never", {"expiring": NEVER})
EXPIRY = [
    EXPIRED,
    SOON,
    Measure("In 7 to 30 days", {"expiring": "7-30"}),
    Measure("In 30 to 90 days", {"expiring": "30-90"}),
    Measure("After 90 days", {"expiring": "90-"}),
    ENDLESS,
]
IDLE = current("Unused for 90 days", use="90")
BROAD = current(f"With scopes unused for {UNUSED_DAYS} days", scope_use=UNUSED)
USE = [
    current("Never used", use="never"),
    current("Unused for 30 days", use="30"),
    IDLE,
    BROAD,
]
ELSEWHERE = current(f"Used from a new place {RECENTLY}", use=NEW_PLACE)
TURNED_AWAY = Measure(
    f"With refused requests {RECENTLY}", {"status": ANY, "use": REFUSED}
)
RETIRED = Measure(
    f"Retired, and used {RECENTLY}",
    {"status": ApiKey.Status.RETIRED.value, "use": "retired"},
)
LEAKS = Measure("Reported as leaked, not revoked", {"status": LEAKED})
WARNINGS = [ELSEWHERE, TURNED_AWAY, RETIRED, LEAKS]
OWNERLESS = current("Without an owner", owner=NO_OWNER)
PROTECTION = [
    OWNERLESS,
    current("Usable from any address", networks=UNRESTRICTED),
    Measure("Suspended", {"status": ApiKey.Status.SUSPENDED.value}),
]


def expiry_weeks(today):
    """Return a measure for each of the next weeks, the first one from today on."""
    for week in range(WEEKS):
        first = today + timedelta(weeks=week)
        dates = ExpiryDates(first, first + timedelta(days=6))
        label = " – ".join(date_format(day, "j M") for day in dates)
        yield Measure(label, {"expires": str(dates)}, is_urgent=week == 0)


# What to do about the keys of a measure: (measure, text for one key, text for several,
# advice), the most pressing first.
TASKS = [
    (
        LEAKS,
        "key was reported as leaked and is not revoked.",
        "keys were reported as leaked and are not revoked.",
        "Change their clients to other keys, then revoke them.",
    ),
    (
        SOON,
        "key expires within 7 days and is not being rotated.",
        "keys expire within 7 days and are not being rotated.",
        "Rotate those that are still needed.",
    ),
    (
        RETIRED,
        f"retired key was used {RECENTLY}.",
        f"retired keys were used {RECENTLY}.",
        "Their requests are refused. Change the clients to the successors.",
    ),
    (
        ELSEWHERE,
        f"key was used from a new place {RECENTLY}.",
        f"keys were used from a new place {RECENTLY}.",
        "The page of a key shows its places.",
    ),
    (
        TURNED_AWAY,
        f"key had refused requests {RECENTLY}.",
        f"keys had refused requests {RECENTLY}.",
        "The page of a key shows the reasons.",
    ),
    (
        OWNERLESS,
        "key has no owner.",
        "keys have no owner.",
        "Choose a member who is responsible for each of them.",
    ),
    (
        ENDLESS,
        "key never expires.",
        "keys never expire.",
        "Rotate them, and choose an expiry for each successor.",
    ),
    (
        BROAD,
        f"key has scopes that it did not use for {UNUSED_DAYS} days.",
        f"keys have scopes that they did not use for {UNUSED_DAYS} days.",
        "Rotate them without these scopes.",
    ),
    (
        IDLE,
        "key was not used for 90 days.",
        "keys were not used for 90 days.",
        "Revoke those that are not needed.",
    ),
    (
        EXPIRED,
        "expired key is not revoked.",
        "expired keys are not revoked.",
        "Revoke them: until then no other key can have their names.",
    ),
]
MAX_TASKS = 5
