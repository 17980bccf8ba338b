import pytest
from django.test import Client

from echopoint.webhooks.models import CapturedRequest, Webhook


@pytest.fixture
def webhook(acme):
    return Webhook.objects.create(organization=acme, name="Orders")


@pytest.fixture
def foreign(globex):
    return Webhook.objects.create(organization=globex, name="Theirs")


@pytest.fixture
def send(db, webhook):
    """Return a sender to the webhook, which knows no key and no session."""
    client = Client(raise_request_exception=False)

    def send(method="POST", body=b"", query="", content_type="text/plain", **extra):
        path = f"/webhook/{extra.pop('id', webhook.pk)}{extra.pop('below', '')}"
        return client.generic(
            method, path, body, content_type, QUERY_STRING=query, **extra
        )

    return send


@pytest.fixture
def captured(send):
    """Return a sender to the webhook that answers with the row it made."""

    def captured(*args, **extra):
        response = send(*args, **extra)
        assert response.status_code == 200, response.content
        return CapturedRequest.objects.get(pk=response.json()["request_id"])

    return captured
