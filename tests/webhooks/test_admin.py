import pytest
from django.contrib.admin.utils import quote
from django.test import Client

from echopoint.organizations.models import User
from echopoint.webhooks.models import Webhook
from tests.signing_in import sign_in


@pytest.fixture
def console(db):
    client = Client()
    sign_in(client, User.objects.create_superuser("root@example.com"))
    return client


def test_a_captured_request_can_be_read_and_not_written(console, webhook):
    captured = webhook.capture(method="POST", body="hello")
    path = f"/admin/webhooks/capturedrequest/{quote(captured.pk)}/change/"

    page = console.get(path)

    assert page.status_code == 200
    assert "hello" in page.content.decode()
    assert console.post(path, {"body": "other"}).status_code == 403
    assert console.get("/admin/webhooks/capturedrequest/add/").status_code == 403


def test_the_list_of_captured_requests_shows_no_contents(console, webhook):
    webhook.capture(method="POST", body="hello", headers={"Authorization": "hello"})

    page = console.get("/admin/webhooks/capturedrequest/")

    assert page.status_code == 200
    assert "hello" not in page.content.decode()


def test_the_list_of_webhooks_shows_dropped_counts(console, webhook):
    Webhook.objects.update(dropped_count=4711)

    assert "4711" in console.get("/admin/webhooks/webhook/").content.decode()


def test_a_webhook_can_be_deleted_with_its_requests(console, webhook):
    webhook.capture(method="POST")

    console.post(
        f"/admin/webhooks/webhook/{quote(webhook.pk)}/delete/", {"post": "yes"}
    )

    assert not Webhook.objects.exists()
