"""The start of a recording."""

import pytest
from django.db import connection
from django.utils import timezone

from apikeys.models.recording import EARLIER_SERVERS, Recording, begin_recording


@pytest.mark.parametrize("recording", Recording.__subclasses__())
def test_recording_begins_later_while_earlier_servers_may_serve(db, issue, recording):
    recording.objects.all().delete()
    begin_recording(connection.alias)
    fresh = recording.objects.began_at()
    recording.objects.all().delete()
    issue()

    begin_recording(connection.alias)
    updated = recording.objects.began_at()
    begin_recording(connection.alias)

    assert fresh <= timezone.now()
    assert updated - fresh >= EARLIER_SERVERS
    assert recording.objects.began_at() == updated
