"""Whatever happens to keys in whatever order: `authenticate` says what the model says.

A rule per verb, and one for the passing of time. The model of a key is `ModelKey.answer`, and
what each verb changes. What the model takes as impossible must be refused.
"""

import os
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from apikeys.actors import Actor
from apikeys.exceptions import InvalidKeyRequest, KeyConflict
from apikeys.models import ApiKey, NetworkRange
from echopoint.core.refusals import Refused

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))
SYSTEM = Actor.command("test")
BEGIN = datetime(2026, 6, 1, 12, tzinfo=UTC)
MOMENT, HOUR, DAY = timedelta(microseconds=1), timedelta(hours=1), timedelta(days=1)
ONE, TWO, SIX = "192.0.2.1", "192.0.2.2", "2001:db8::1"
# What is sent, and the address that it is.
ADDRESSES = {f"::ffff:{ONE}": ONE, TWO: TWO, SIX: SIX, None: None}
OFFICE = "Office"
LISTS = st.sampled_from([None, [OFFICE], [ONE], [SIX, OFFICE], [ONE, TWO]])
OVERLAPS = [7 * DAY, HOUR, timedelta(0)]


@dataclass
class ModelKey:
    """What is known of a key, without the database."""

    row: ApiKey
    secret: str
    created_at: datetime
    expires_at: datetime
    entries: list | None
    retire_at: datetime | None = None
    overlap_ends_at: datetime | None = None
    is_suspended: bool = False
    is_revoked: bool = False
    successors: list = field(default_factory=list)

    def answer(self, address, at, ranges):
        """Return the code of the refusal, or None if the key opens its organization."""
        if self.is_revoked:
            return "API_KEY_REVOKED"
        # A freeze of the organization would be asked for here.
        if self.is_suspended:
            return "API_KEY_SUSPENDED"
        if self.retire_at and at >= self.retire_at:
            return "API_KEY_RETIRED"
        if at >= self.expires_at:
            return "API_KEY_EXPIRED"
        if self.entries is not None and address not in allowed(self.entries, ranges):
            return "IP_NOT_ALLOWED"
        return None

    def is_usable(self, at):
        return self.answer(None, at, {}) in {None, "IP_NOT_ALLOWED"}


def allowed(entries, ranges):
    return {one for entry in entries for one in ranges.get(entry, {entry})}


class Keys(RuleBasedStateMachine):
    """Keys of one organization, from when they are issued to their end."""

    organization = other = None  # set by the test
    number = 0
    keys = Bundle("keys")

    @initialize(target=keys)
    def begin(self):
        self.at = BEGIN
        self.known = []
        NetworkRange.objects.all().delete()
        self.office = NetworkRange.objects.add(
            self.organization, name=OFFICE, networks=[ONE], by=SYSTEM
        )
        self.ranges = {OFFICE: {ONE}}
        return multiple(self.issue_key(90, [OFFICE, SIX]), self.issue_key(8, None))

    def remember(self, issued, entries, expires_at):
        key = ModelKey(*issued, self.at, expires_at, entries)
        self.known.append(key)
        return key

    @contextmanager
    def refused_unless(self, is_possible, *refusals):
        if is_possible:
            yield
            return
        with pytest.raises(refusals or KeyConflict):
            yield

    @rule(target=keys, days=st.sampled_from([90, 8]), entries=LISTS)
    def issue(self, days, entries):
        return self.issue_key(days, entries)

    def issue_key(self, days, entries):
        Keys.number += 1
        issued = ApiKey.objects.issue(
            organization=self.organization,
            name=f"key {Keys.number}",
            scopes=["flows:read"],
            expires_in_days=days,
            allowed_networks=entries,
            by=SYSTEM,
            at=self.at,
        )
        return self.remember(issued, entries, self.at + days * DAY)

    @rule(target=keys, key=keys, overlap=st.sampled_from(OVERLAPS))
    def rotate(self, key, overlap):
        is_possible = key.is_usable(self.at) and not key.retire_at
        with self.refused_unless(is_possible):
            issued = key.row.rotate(by=SYSTEM, overlap=overlap, at=self.at)
        if not is_possible:
            return key
        key.retire_at = min(self.at + overlap, key.expires_at)
        key.overlap_ends_at = key.retire_at
        lifetime = key.expires_at - key.created_at
        successor = self.remember(issued, key.entries, self.at + lifetime)
        key.successors.append(successor)
        return successor

    @rule(key=keys)
    def retire(self, key):
        answer = key.answer(None, self.at, {})
        is_retiring = key.is_usable(self.at) and bool(key.retire_at)
        with self.refused_unless(is_retiring or answer == "API_KEY_RETIRED"):
            key.row.retire(by=SYSTEM, at=self.at)
        if is_retiring:
            key.retire_at = self.at

    @rule(key=keys)
    def undo_retiring(self, key):
        is_retired = key.answer(None, self.at, {}) == "API_KEY_RETIRED"
        is_retiring = key.is_usable(self.at) and bool(key.retire_at)
        may_undo = is_retired and self.at < key.overlap_ends_at
        with self.refused_unless(may_undo or is_retiring):
            key.row.unretire(by=SYSTEM, at=self.at)
        if may_undo:
            key.retire_at = key.overlap_ends_at

    @rule(key=keys)
    def cancel_rotation(self, key):
        is_retiring = key.is_usable(self.at) and bool(key.retire_at)
        unrevoked = [s for s in key.successors if not s.is_revoked]
        # The successor of the successor has the name then.
        is_taken = any(holds_the_name(s) for one in unrevoked for s in one.successors)
        with self.refused_unless(
            is_retiring and not is_taken, KeyConflict, InvalidKeyRequest
        ):
            key.row.cancel_rotation(by=SYSTEM, at=self.at)
        if is_retiring and not is_taken:
            key.retire_at = key.overlap_ends_at = None
            for successor in unrevoked:
                successor.is_revoked = True

    @rule(key=keys)
    def suspend(self, key):
        is_usable = key.is_usable(self.at)
        is_suspended = key.answer(None, self.at, {}) == "API_KEY_SUSPENDED"
        with self.refused_unless(is_usable or is_suspended):
            key.row.suspend(by=SYSTEM, at=self.at)
        key.is_suspended |= is_usable

    @rule(key=keys)
    def resume(self, key):
        answer = key.answer(None, self.at, {})
        with self.refused_unless(
            key.is_usable(self.at) or answer == "API_KEY_SUSPENDED"
        ):
            key.row.resume(by=SYSTEM, at=self.at)
        key.is_suspended = False

    @rule(key=keys)
    def revoke(self, key):
        key.row.revoke(by=SYSTEM, at=self.at)
        key.is_revoked = True

    @rule(key=keys, entries=LISTS)
    def set_list(self, key, entries):
        with self.refused_unless(not key.is_revoked):
            key.row.set_allowed_networks(entries, by=SYSTEM, at=self.at)
        if not key.is_revoked:
            key.entries = entries

    @rule(addresses=st.lists(st.sampled_from([ONE, TWO, SIX]), min_size=1, unique=True))
    def change_range(self, addresses):
        self.office.change(addresses, by=SYSTEM, at=self.at)
        self.ranges = {OFFICE: set(addresses)}

    @rule(time=st.sampled_from([HOUR, MOMENT, 2 * DAY]))
    def wait(self, time):
        self.at += time

    @rule(key=keys, before=st.sampled_from([MOMENT, timedelta(0)]))
    def wait_for_its_end(self, key, before):
        self.at = max(self.at, (key.retire_at or key.expires_at) - before)

    @invariant()
    def authenticate_says_what_the_model_says(self):
        for key in self.known:
            for sent, address in ADDRESSES.items():
                expected = key.answer(address, self.at, self.ranges)
                assert self.answer(key, self.organization, sent) == expected
            elsewhere = key.answer(ONE, self.at, self.ranges) or "ORGANIZATION_MISMATCH"
            assert self.answer(key, self.other, ONE) == elsewhere

    def answer(self, key, organization, ip):
        try:
            found = ApiKey.objects.authenticate(
                key.secret, organization_id=organization.pk, ip=ip, at=self.at
            )
        except Refused as refusal:
            return refusal.code
        assert found == key.row
        return None


def holds_the_name(key):
    return not key.is_revoked and key.retire_at is None


@pytest.mark.slow
def test_authenticate_says_what_the_model_says(acme, globex):
    Keys.organization, Keys.other = acme, globex

    run_state_machine_as_test(
        Keys,
        settings=settings(
            max_examples=EXAMPLES or 40,
            derandomize=not EXAMPLES,
            stateful_step_count=15,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
