"""Notices arrive by mail: one for each person and day, and none twice."""

import re

import pytest
from django.utils import timezone

from apikeys.actors import Actor
from apikeys.models import ApiKey
from echopoint.mail.models import MailMessage
from echopoint.notices import notifying
from echopoint.notices.models import (
    ExpiryNotice,
    NoticeChoice,
    NoticeDigest,
    NoticeRecipient,
)
from echopoint.notices.notifying import notify
from echopoint.organizations.models import Membership
from tests.notices.dates import DAY, HOUR, NOW

SYSTEM = Actor.command("test")
NOTHING = {"notices": 0, "digests": 0, "keys_in_digests": 0, "failures": 0}


@pytest.fixture
def site(settings):
    settings.SITE_URL = "https://keys.example"


def test_a_letter_says_what_will_break_and_what_to_do(
    letters, ending, used, alice, acme, site
):
    key = ending(7, name="Deploy", by=alice)
    used(key)
    used(key, ci="repository=acme%2Fweb&workflow=CI&job=smoke", at=NOW - 2 * DAY)

    (letter,) = letters().values()

    assert letter["To"] == "alice@acme.example"
    assert letter["Subject"] == "Echopoint: Deploy expires in 7 days"
    assert letter["Auto-Submitted"] == "auto-generated"
    text = letter.get_content()
    assert f"Deploy ({key.display_id})" in text
    assert "Expires in 7 days: " in text
    assert "- curl from 192.0.2.7, last on " in text
    assert "- acme/web (workflow CI, job smoke), last on " in text
    rotate = f"https://keys.example/orgs/{acme.pk}/api-keys/{key.public_id}/rotate/"
    assert f"Rotate it: {rotate}" in text


def test_a_letter_holds_no_secret(letters, issue, alice, mail_server):
    by = Actor.person(alice, via="test", is_fresh=True)
    _, secret = issue(by=by, at=NOW - 83 * DAY, expires_in_days=90)

    assert letters()

    (text,) = mail_server.letters
    assert secret not in text
    assert secret[22:] not in text


def test_the_second_run_sends_nothing(letters, ending, alice):
    ending(7, by=alice)
    assert set(letters()) == {"alice@acme.example"}

    assert letters() == {}
    assert notify(NOW) == NOTHING
    assert letters(NOW + DAY) == {}


def test_each_threshold_has_its_letter(letters, ending, alice):
    ending(40, by=alice)

    days = [n for n in range(60) if letters(NOW + n * DAY)]

    assert days == [10, 26, 33, 39, 40]


def test_a_key_that_passed_several_thresholds_has_one_letter(letters, ending, alice):
    ending(40, by=alice)

    (letter,) = letters(NOW + 39 * DAY).values()

    assert "expires tomorrow" in letter["Subject"]
    assert ExpiryNotice.objects.get().threshold == 1


def test_what_became_due_after_the_letter_of_the_day_comes_the_next_day(
    letters, ending, alice
):
    ending(7, by=alice)
    letters()
    late = ending(1, name="late", by=alice)

    assert letters(NOW + HOUR) == {}
    (letter,) = letters(NOW + DAY - HOUR).values()

    assert letter["Subject"] == "Echopoint: late expires today"
    # Both of its thresholds are in this letter.
    assert letter.get_content().count(late.display_id) == 1
    assert letters(NOW + 2 * DAY) == {}


def test_a_person_has_one_letter_for_all_organizations(
    letters, ending, alice, acme, globex
):
    globex.memberships.create(user=alice, role=Membership.Role.ADMIN)
    ending(7, name="ours", by=alice)
    ending(1, name="theirs", by=alice, organization=globex)

    (letter,) = letters().values()

    text = letter.get_content()
    assert letter["Subject"] == (
        "Echopoint: 2 API keys; the first one expires tomorrow"
    )
    assert "API keys of Acme" in text
    assert "API keys of Globex" in text
    assert f"/orgs/{globex.pk}/api-keys/" in text


def test_nobody_reads_of_another_organizations_keys(
    letters, ending, alice, mallory, globex
):
    ending(7, name="ours", by=alice)
    ending(7, name="theirs", by=mallory, organization=globex)

    found = letters()

    assert set(found) == {"alice@acme.example", "mallory@globex.example"}
    assert "theirs" not in found["alice@acme.example"].get_content()
    assert "ours" not in found["mallory@globex.example"].get_content()


def test_somebody_who_left_gets_nothing_and_the_owners_do(
    letters, ending, alice, acme, olive
):
    ending(7, by=alice)
    acme.memberships.get(user=alice).end()

    assert set(letters()) == {"olive@acme.example"}


def pending_for(user, ending):
    """Record a notice of a key, as a run that is killed then does."""
    key = ending(7, by=user)
    ExpiryNotice.objects.record(key, 7, [user.pk], at=NOW)
    return key


def test_a_run_that_was_killed_between_the_steps_is_continued(letters, ending, alice):
    pending_for(alice, ending)

    assert set(letters()) == {"alice@acme.example"}
    assert letters() == {}


@pytest.mark.parametrize("change", ["leave", "stop", "revoke", "suspend", "move"])
def test_what_changed_before_the_letter_is_heeded(
    letters, ending, alice, acme, olive, change
):
    key = pending_for(alice, ending)
    membership = acme.memberships.get(user=alice)
    if change == "leave":
        membership.end()
    elif change == "stop":
        NoticeChoice.objects.choose(membership, "none", by=SYSTEM)
    elif change == "move":
        ApiKey.objects.update(expires_at=key.expires_at + 60 * DAY)
    else:
        getattr(key, change)(by=SYSTEM)

    assert "alice@acme.example" not in letters()
    assert not NoticeRecipient.objects.exists()
    # There was no letter, so the day is still free for one.
    ending(7, name="another", by=None)
    assert "olive@acme.example" in letters()


def test_a_failed_run_queues_no_mail_and_keeps_its_notices(
    letters, ending, alice, monkeypatch
):
    pending_for(alice, ending)

    def killed(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(MailMessage.objects, "enqueue", killed)
        with pytest.raises(KeyboardInterrupt):
            letters()
    assert not NoticeDigest.objects.exists()
    assert not MailMessage.objects.exists()

    assert set(letters()) == {"alice@acme.example"}


def test_one_persons_failure_leaves_the_others_informed(
    letters, ending, alice, olive, monkeypatch, caplog
):
    ending(7, by=alice)
    ending(7, by=olive)
    working = notifying.digest

    def failing(user, *args):
        if user == alice:
            raise ValueError("a bug")
        return working(user, *args)

    monkeypatch.setattr(notifying, "digest", failing)
    assert notify(NOW) == {
        "notices": 2,
        "digests": 1,
        "keys_in_digests": 1,
        "failures": 1,
    }
    monkeypatch.undo()
    assert f"The digest of {alice.pk} failed." in caplog.text

    assert notify(NOW)["digests"] == 1


def test_without_a_mail_server_nothing_counts_as_told(letters, ending, alice, settings):
    ending(7, by=alice)
    settings.EMAIL_URL = ""
    assert notify(NOW) == NOTHING

    settings.EMAIL_URL = "smtp://mail.example"

    assert set(letters()) == {"alice@acme.example"}


def test_a_retiring_key_is_told_of_with_its_verdict(letters, ending, used, alice, acme):
    key = used(ending(60, name="Deploy", by=alice), at=NOW - 7 * DAY)
    key.rotate(by=SYSTEM, overlap=7 * DAY, at=NOW - 6 * DAY)

    (letter,) = letters().values()

    text = letter.get_content()
    assert letter["Subject"] == "Echopoint: Deploy retires tomorrow"
    assert "Not yet: no request with the new key has been allowed." in text
    assert "- curl from 192.0.2.7" in text
    assert f"/api-keys/{key.public_id}/\n" in text
    assert "rotate/" not in text


def test_a_member_is_sent_to_an_admin(letters, ending, bob):
    ending(7, by=None)
    ApiKey.objects.update(created_by=bob)

    text = letters()["bob@acme.example"].get_content()

    assert "Ask an owner or admin to replace it: " in text


def test_a_letter_of_many_keys_counts_those_that_end_last(
    letters, ending, alice, monkeypatch
):
    monkeypatch.setattr("echopoint.notices.digest_mail.MOST_KEYS", 2)
    for days in (7, 1, 30):
        ending(days, name=f"in {days} days", by=alice)

    (letter,) = letters().values()

    text = letter.get_content()
    assert letter["Subject"] == (
        "Echopoint: 3 API keys; the first one expires tomorrow"
    )
    assert "in 30 days (" not in text
    assert "Also 1 more key, which ends later." in text


def test_names_of_clients_are_no_links(letters, ending, used, alice):
    key = ending(7, by=alice)
    used(key, ci="repository=https%3A%2F%2Fevil.example%2Fx")

    (letter,) = letters().values()

    assert "https://evil" not in letter.get_content()
    assert "evil.example" in letter.get_content()


def test_a_letter_is_encrypted_in_the_queue_until_it_is_sent(ending, alice, letters):
    ending(7, name="Deploy", by=alice)
    notify(NOW)

    (row,) = MailMessage.objects.all()
    assert row.recipients == ["alice@acme.example"]
    assert "unsubscribe" not in row.sealed.ciphertext
    assert row.created_at <= timezone.now()


def test_the_link_to_stop_them_is_for_one_person(letters, ending, alice, olive):
    for person in (alice, olive):
        ending(7, by=person)

    links = [re.findall(r"<(.+)>", m["List-Unsubscribe"]) for m in letters().values()]

    assert len({link for (link,) in links}) == 2
