from django.core.management.base import CommandError

from apikeys import tokens
from apikeys.actors import Actor
from apikeys.exceptions import MalformedKey, Refused
from apikeys.models import ApiKey
from apikeys.wire import describe, stamp
from echopoint.organizations.commands import AnsweringCommand


class Command(AnsweringCommand):
    help = "Stop an API key at once and for good."

    def add_arguments(self, parser):
        parser.add_argument("key_id", help="the id of the key, key_…")
        parser.add_argument("--reason", required=True, help="for the record")

    def handle(self, *, key_id, reason, **options):
        key = self.find(key_id)
        try:
            changed = key.revoke(by=Actor.command("revoke_api_key"), reason=reason)
        except Refused as refusal:
            raise CommandError(refusal.message) from None
        fields = describe(key) | {
            "organization_id": key.organization_id,
            "revoked_at": stamp(key.revoked_at),
        }
        done = "is revoked" if changed else "was revoked before; nothing changed"
        self.answer(options, fields, f"{key.rest_id} ({key.name}) {done}.")

    def find(self, key_id):
        public_id = self.public_id(key_id)
        key = ApiKey.objects.filter(public_id=public_id).first()
        if key is None:
            raise CommandError(
                "There is no key with this id. The API Keys page has it."
            )
        return key

    def public_id(self, text):
        """Return the public id in a key's id; a whole key, pasted in a hurry, has one too."""
        try:
            return tokens.parse(text).public_id
        except MalformedKey:
            return text.removeprefix("key_")
