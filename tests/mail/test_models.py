"""Mail is queued with the change, and sent once, when its server accepts it."""

import json
import re
import socket
from datetime import timedelta

import pytest
from django.core import mail
from django.core.mail import EmailMultiAlternatives
from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from echopoint.environments.keyring import keyring_of
from echopoint.mail.models import GIVEN_UP_AFTER, LEASE, MailMessage
from echopoint.organizations.models import User
from tests.signing_in import sign_in

PASSWORD = "correct horse battery"
NEW = "another long passphrase"
NOW = timezone.now()
HOUR = timedelta(hours=1)
QUEUED, SENT, FAILED = MailMessage.State.values


@pytest.fixture
def server(mail_server):
    return mail_server


@pytest.fixture(params=["away", "hanging"])
def broken(request, server, settings):
    """Return the server, which is down or hangs."""
    if request.param == "away":
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            settings.EMAIL_PORT = probe.getsockname()[1]
    else:
        server.hangs.set()
        settings.EMAIL_TIMEOUT = 0.05
    return server


@pytest.fixture
def repair(broken, settings):
    """Return a function that makes the server accept mail again."""

    def repair():
        broken.hangs.clear()
        settings.EMAIL_TIMEOUT = 1
        settings.EMAIL_PORT = broken.server_address[1]

    return repair


def message(subject="Hello", body="text", to="alice@acme.example"):
    return EmailMultiAlternatives(subject, body, "keys@echopoint.example", [to])


def change_password(alice, settings):
    alice.set_password(PASSWORD)
    alice.save()
    client = Client()
    sign_in(client, alice)
    form = {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW}
    response = client.post("/accounts/password/change/", form)
    alice.refresh_from_db()
    assert alice.check_password(NEW)
    return response


def sign_up(alice, settings):
    settings.OPEN_SIGN_UP = True
    form = {"email": "new@acme.example", "password1": NEW, "password2": NEW}
    response = Client().post("/accounts/signup/", form)
    assert User.objects.filter(email="new@acme.example").exists()
    return response


def reset_password(alice, settings):
    return Client().post("/accounts/password/reset/", {"email": alice.email})


@pytest.mark.parametrize("change", [change_password, sign_up, reset_password])
def test_a_change_succeeds_while_the_mail_server_is_broken(
    alice, settings, broken, repair, change, capsys
):
    response = change(alice, settings)

    assert response.status_code == 302
    assert MailMessage.objects.send_due() == 0
    row = MailMessage.objects.get()
    assert (row.state, row.attempts) == (QUEUED, 1)
    assert row.last_error
    assert row.next_attempt_at > timezone.now()

    repair()
    assert MailMessage.objects.send_due(at=timezone.now() + HOUR) == 1
    assert MailMessage.objects.send_due(at=timezone.now() + HOUR) == 0
    assert len(broken.letters) == 1
    row.refresh_from_db()
    assert (row.state, row.sealed, row.last_error) == (SENT, None, "")


def test_a_link_is_encrypted_in_the_queue_and_deleted_once_sent(
    alice, settings, server
):
    reset_password(alice, settings)

    stored = everything()
    assert MailMessage.objects.send_due() == 1
    (link,) = re.findall(
        r"/accounts/password/reset/key/\S+", decoded(server.letters[0])
    )
    assert link not in stored
    assert link not in everything()


def everything():
    with connection.cursor() as cursor:
        return str(
            cursor.execute("SELECT * FROM mail_mailmessage") and cursor.fetchall()
        )


def decoded(letter):
    return letter.replace("=\r\n", "").replace("=3D", "=")


def test_a_rolled_back_change_sends_no_mail(db, server):
    with transaction.atomic():
        message().send()
        mail.get_connection().send_messages([message()])
        transaction.set_rollback(True)

    assert not MailMessage.objects.exists()


def enqueue(at=NOW, **more):
    return MailMessage.objects.enqueue(message(**more), at=at)


def test_pauses_grow_up_to_an_hour(db, broken):
    row, at = enqueue(), NOW
    pauses = []
    for _ in range(12):
        MailMessage.objects.send_due(at=at)
        row.refresh_from_db()
        pauses.append(row.next_attempt_at - at)
        at = row.next_attempt_at

    assert pauses[:3] == [timedelta(seconds=s) for s in (30, 60, 120)]
    assert max(pauses) == pauses[-1] == HOUR


def test_a_message_is_given_up_after_two_days(db, server):
    row = enqueue()

    sent = MailMessage.objects.send_due(at=NOW + GIVEN_UP_AFTER + HOUR)

    row.refresh_from_db()
    assert (sent, row.state, row.sealed) == (0, FAILED, None)
    assert row.last_error == "was not sent in two days"
    assert server.letters == []


def test_one_pass_stops_at_the_first_server_failure(db, broken):
    rows = [enqueue() for _ in range(3)]

    MailMessage.objects.send_due(at=NOW)

    attempts = MailMessage.objects.order_by("pk").values_list("attempts", flat=True)
    assert list(attempts) == [1, 0, 0]
    assert len(rows) == 3


def test_a_refused_address_is_given_up_and_the_next_message_is_sent(db, server):
    server.refused.add("gone@acme.example")
    gone, fine = enqueue(to="gone@acme.example"), enqueue()

    assert MailMessage.objects.send_due(at=NOW) == 1

    for row in (gone, fine):
        row.refresh_from_db()
    assert (gone.state, gone.last_error) == (FAILED, "SMTPRecipientsRefused 550")
    assert fine.state == SENT


def test_a_lost_encryption_key_is_reported(db, server, settings):
    row = enqueue()
    settings.ENCRYPTION_KEYS = "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI="
    keyring_of.cache_clear()

    MailMessage.objects.send_due(at=NOW)

    row.refresh_from_db()
    assert (row.state, row.last_error) == (FAILED, "cannot be decrypted")


def test_a_claimed_message_is_not_sent_by_others_until_the_lease_ends(db, server):
    enqueue()
    manager = MailMessage.objects

    claimed = manager.claim(NOW)

    assert claimed is not None
    assert manager.claim(NOW + LEASE / 2) is None
    again = manager.claim(NOW + LEASE)
    assert again.pk == claimed.pk
    # The first process returns late and must not overwrite the second one's claim.
    claimed.end(SENT, NOW)
    again.refresh_from_db()
    assert again.state == QUEUED


@pytest.mark.postgresql
def test_concurrent_senders_send_each_message_once(committing, server, at_once):
    for n in range(30):
        enqueue(subject=f"Number {n}")

    sent = at_once(4, lambda n: MailMessage.objects.send_due(at=NOW + HOUR))

    assert sum(sent) == 30
    subjects = [re.search("Subject: (.*)\r", text)[1] for text in server.letters]
    assert sorted(subjects) == sorted(f"Number {n}" for n in range(30))


def test_a_message_arrives_complete(db, server):
    email = message(body="Plain é")
    email.attach_alternative("<p>Rich</p>", "text/html")
    email.extra_headers["X-Kind"] = "news"
    mail.get_connection().send_messages([email])

    MailMessage.objects.send_due()

    (letter,) = server.letters
    for part in ("Subject: Hello", "X-Kind: news", "text/html", "<p>Rich</p>"):
        assert part in letter
    assert "To: alice@acme.example" in letter


def test_the_command_sends_and_counts(db, server, capsys):
    enqueue(at=timezone.now())

    call_command("send_mail", "--json")

    assert json.loads(capsys.readouterr().out) == {
        "sent_now": 1,
        "queued": 0,
        "sent": 1,
        "failed": 0,
    }


def test_the_console_shows_the_state_and_error_but_not_the_text(db, broken, client):
    row = enqueue(body="https://site.example/link/s3cr3t")
    MailMessage.objects.send_due(at=NOW)
    root = User.objects.create_superuser("root@echopoint.example", PASSWORD)
    sign_in(client, root)

    listed = client.get("/admin/mail/mailmessage/").content.decode()
    shown = client.get(f"/admin/mail/mailmessage/{row.pk}/change/").content.decode()

    row.refresh_from_db()
    assert row.last_error in listed
    assert "Waits" in listed
    assert "s3cr3t" not in listed + shown
    assert row.sealed.ciphertext not in shown


def test_the_console_can_retry_now(db, client):
    row = enqueue(at=NOW + HOUR)
    root = User.objects.create_superuser("root@echopoint.example", PASSWORD)
    sign_in(client, root)

    form = {"action": "try_now", "_selected_action": [row.pk]}
    client.post("/admin/mail/mailmessage/", form)

    row.refresh_from_db()
    assert row.next_attempt_at <= timezone.now()
