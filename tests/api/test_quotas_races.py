"""Concurrent inserts; they are concurrent on PostgreSQL only."""

import pytest

from echopoint.webhooks.models import Webhook

pytestmark = [pytest.mark.postgresql, pytest.mark.usefixtures("committing")]


def test_of_eight_that_are_made_at_once_as_many_as_may_be_are(api, at_once, settings):  # noqa: F811
    settings.MAX_WEBHOOKS = 3
    call = api("webhooks:create")

    answers = at_once(8, lambda n: call.post("/webhooks", {"name": f"w{n}"}))

    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [201] * 3 + [409] * 5
    assert Webhook.objects.count() == 3
