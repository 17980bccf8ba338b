"""What several do at the same moment; seen on PostgreSQL only."""

import pytest
from django.db import transaction

from apikeys.actors import Actor
from apikeys.audit.hash_chain import whole_milliseconds
from apikeys.exceptions import InvalidKeyRequest, KeyRejected
from apikeys.models import ApiKey, AuditEvent, SpentNonce
from apikeys.models.nonce import SpentForm
from echopoint.core.client_metadata import Client

pytestmark = pytest.mark.postgresql
SYSTEM = Actor.command("test")


@pytest.fixture(autouse=True)
def _committed(committing):
    """All that happens here is committed, so that other connections see it."""


def events(action):
    return AuditEvent.objects.filter(action=f"api_key.{action}").count()


def test_of_eight_who_revoke_a_key_one_does(issue, acme, at_once):
    key, _ = issue()

    revoked = at_once(8, lambda n: ApiKey.objects.get(pk=key.pk).revoke(by=SYSTEM))

    assert sorted(revoked) == [False] * 7 + [True]
    assert events("revoked") == 1
    assert AuditEvent.objects.verify(acme) is None


def test_of_eight_who_suspend_a_key_one_does(issue, acme, at_once):
    key, _ = issue()

    suspended = at_once(8, lambda n: ApiKey.objects.get(pk=key.pk).suspend(by=SYSTEM))

    assert sorted(suspended) == [False] * 7 + [True]
    assert events("suspended") == 1


def test_of_eight_keys_of_one_name_one_is_issued(acme, at_once):
    def issue(n):
        name = "CI" if n % 2 else "ci"
        return ApiKey.objects.issue(
            organization=acme, name=name, scopes=["flows:read"], by=SYSTEM
        )

    answers = at_once(8, issue)

    refused = [answer for answer in answers if isinstance(answer, InvalidKeyRequest)]
    assert len(refused) == 7
    assert {refusal.field for refusal in refused} == {"name"}
    assert (ApiKey.objects.count(), events("created")) == (1, 1)


def test_eight_who_record_at_once_make_one_unbroken_chain(acme, globex, at_once):
    def record(n):
        for _ in range(5):
            AuditEvent.objects.record(
                AuditEvent.Action.REVOKED,
                organization=acme,
                actor=SYSTEM,
                target=("api_key", f"key_{n}", "CI"),
            )

    assert at_once(8, record) == [None] * 8

    chain = AuditEvent.objects.for_org(acme).order_by("sequence")
    assert [event.sequence for event in chain] == list(range(1, 41))
    assert AuditEvent.objects.verify(acme) is None


def test_of_eight_first_uses_one_is_recorded(issue, acme, at_once):
    key, _ = issue()
    copies = [ApiKey.objects.get(pk=key.pk) for _ in range(8)]

    at_once(8, lambda n: copies[n].record_use(Client(route=f"GET /{n}")))

    assert events("first_used") == 1
    key.refresh_from_db()
    told = AuditEvent.objects.get(action="api_key.first_used")
    assert told.details["route"] == key.last_used_route
    assert told.at == whole_milliseconds(key.first_used_at)


def test_of_two_who_spend_a_nonce_one_does_and_the_other_learns_what_it_made(
    issue, alice, at_once
):
    form = {"user": alice, "page": "/new/"}
    nonce = SpentNonce.objects.issue(**form)
    key, _ = issue()

    @transaction.atomic
    def spend(n):
        row = SpentNonce.objects.spend(nonce, **form)
        row.set_key(key)
        return row

    answers = at_once(2, spend)

    (spent,) = [answer for answer in answers if isinstance(answer, SpentForm)]
    assert spent.key == key
    assert SpentNonce.objects.count() == 1


def test_a_nonce_whose_form_failed_is_good_for_another_try(alice):
    form = {"user": alice, "page": "/new/"}
    nonce = SpentNonce.objects.issue(**form)

    with transaction.atomic():
        SpentNonce.objects.spend(nonce, **form)
        transaction.set_rollback(True)

    assert SpentNonce.objects.spend(nonce, **form)
    with pytest.raises(SpentForm):
        SpentNonce.objects.spend(nonce, **form)


def test_a_request_that_starts_after_a_revoke_is_refused_in_every_thread(
    issue, acme, at_once
):
    key, secret = issue()

    def authenticate(n):
        return ApiKey.objects.authenticate(secret, organization_id=acme.pk, ip=None)

    before = at_once(4, authenticate)
    key.revoke(by=SYSTEM)
    after = at_once(4, authenticate)

    assert before == [key] * 4
    assert [type(answer) for answer in after] == [KeyRejected] * 4
    assert {answer.code for answer in after} == {"API_KEY_REVOKED"}
