"""The event that a webhook receives about a key."""

from django.conf import settings

from apikeys.models import KeyPlace
from echopoint.notices.due_keys import days_left

MOST_PLACES = 20


def event(key, at):
    """Return (type, data) of the event, as README.md describes them."""
    has_ended = key.ends_at <= at
    verb = "retir" if key.retire_at else "expir"
    places = KeyPlace.objects.shown(key, at)
    return f"api_key.{verb}{'ed' if has_ended else 'ing'}", {
        "organization_id": key.organization_id,
        "api_key": {
            "id": key.rest_id,
            "name": key.name,
            "display_id": key.display_id,
        },
        "ends_at": key.ends_at.isoformat(),
        "days_left": days_left(key, at),
        "places": [group.label for group in places[:MOST_PLACES]],
        "url": settings.SITE_URL + key.get_absolute_url(),
    }
