from django.core.management.base import CommandError

from apikeys.actors import Actor
from apikeys.exceptions import Refused
from apikeys.models import ApiKey
from apikeys.wire import describe, stamp
from echopoint.organizations.commands import AnsweringCommand

NO_SUCH_KEY = (
    "There is no key with this id. The API Keys page shows the ids of all keys."
)


class Command(AnsweringCommand):
    help = "Stop an API key at once and for good."

    def add_arguments(self, parser):
        parser.add_argument("key_id", help="the id of the key, key_…")
        parser.add_argument("--reason", required=True, help="for the record")

    def handle(self, *, key_id, reason, **options):
        try:
            key = ApiKey.objects.named(key_id)
            changed = key.revoke(by=Actor.command("revoke_api_key"), reason=reason)
        except ApiKey.DoesNotExist:
            raise CommandError(NO_SUCH_KEY) from None
        except Refused as refusal:
            raise CommandError(refusal.message) from None
        fields = describe(key) | {
            "organization_id": key.organization_id,
            "revoked_at": stamp(key.revoked_at),
        }
        done = "is revoked" if changed else "was revoked before; nothing changed"
        self.answer(options, fields, f"{key.rest_id} ({key.name}) {done}.")
