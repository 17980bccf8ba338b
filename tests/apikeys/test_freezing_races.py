"""A freeze that meets other changes; seen on PostgreSQL only."""

import pytest

from apikeys import freezing
from apikeys.actors import Actor
from apikeys.exceptions import KeyConflict, KeyRejected
from apikeys.models import ApiKey, AuditEvent

pytestmark = pytest.mark.postgresql
SYSTEM = Actor.command("test")


@pytest.fixture(autouse=True)
def _committed(committing):
    """All that happens here is committed, so that other connections see it."""


def works(secret):
    try:
        ApiKey.objects.authenticate(secret, organization_id=None, ip=None)
    except KeyRejected as error:
        return error.code != "API_KEY_SUSPENDED"
    return True


def stored(row):
    return type(row).objects.get(pk=row.pk)


def test_of_eight_who_freeze_one_does_and_one_ends_it(acme, at_once):
    frozen = at_once(8, lambda n: freezing.freeze(stored(acme), by=SYSTEM))
    ended = at_once(8, lambda n: freezing.unfreeze(stored(acme), by=SYSTEM))

    assert sorted(frozen) == sorted(ended) == [False] * 7 + [True]
    actions = AuditEvent.objects.order_by("sequence").values_list("action", flat=True)
    assert list(actions) == ["organization.frozen", "organization.unfrozen"]
    assert AuditEvent.objects.verify(acme) is None


def test_no_key_works_after_a_freeze_whatever_it_met(issue, acme, at_once):
    rotated, rotated_secret = issue()
    resumed, resumed_secret = issue()
    resumed.suspend(by=SYSTEM)
    acts = [
        lambda: freezing.freeze(stored(acme), by=SYSTEM),
        lambda: issue(name="a"),
        lambda: issue(name="b", organization=stored(acme)),
        lambda: stored(rotated).rotate(by=SYSTEM),
        lambda: stored(resumed).resume(by=SYSTEM),
    ]

    answers = at_once(len(acts), lambda n: acts[n]())

    secrets = [rotated_secret, resumed_secret]
    for answer in answers[1:4]:
        if isinstance(answer, KeyConflict):
            assert answer.code == "ORGANIZATION_FROZEN"
        else:
            secrets.append(answer[1])
    assert answers[0] is True
    assert answers[4] is True
    assert not any(works(secret) for secret in secrets)
    freezing.unfreeze(stored(acme), by=SYSTEM)
    assert all(works(secret) for secret in secrets)


def test_a_key_that_is_issued_while_the_freeze_commits_is_refused(
    issue, acme, meanwhile
):
    """The form was opened, and the organization read, before the freeze."""
    before = stored(acme)

    with pytest.raises(KeyConflict, match="frozen"):
        meanwhile(
            lambda: freezing.freeze(stored(acme), by=SYSTEM),
            lambda: issue(organization=before),
        )

    assert not acme.api_keys.exists()
