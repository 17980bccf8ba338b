from django.conf import settings
from django.core.management.base import CommandError

from apikeys import tokens
from apikeys.actors import Actor
from apikeys.exceptions import Refused
from apikeys.models import ApiKey, PepperFingerprint
from apikeys.wire import describe, stamp
from echopoint.organizations.commands import AnsweringCommand

NO_SUCH_KEY = (
    "There is no key with this id. The API Keys page shows the ids of all keys."
)


class Command(AnsweringCommand):
    help = "Stop an API key at once and for good."

    def add_arguments(self, parser):
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("key_id", nargs="?", help="the id of the key, key_…")
        which.add_argument(
            "--pepper-version",
            type=int,
            metavar="N",
            help="every key of this version, after its pepper was lost",
        )
        parser.add_argument("--reason", required=True, help="for the record")

    def handle(self, *, key_id, pepper_version, reason, **options):
        try:
            if pepper_version is None:
                self.revoke_one(key_id, reason, options)
            else:
                self.revoke_all(pepper_version, reason, options)
        except Refused as refusal:
            raise CommandError(refusal.message) from None

    def revoke_all(self, version, reason, options):
        """Revoke the keys of a lost pepper; no request can use them any more."""
        if has_pepper(version):
            raise CommandError(
                f"API_KEY_PEPPERS has the pepper of version {version}, so its keys work."
                " Revoke them by their ids."
            )
        revoked = []
        for key in ApiKey.objects.unrevoked().filter(pepper_version=version):
            key.revoke(by=Actor.command("revoke_api_key"), reason=reason)
            revoked.append(key.rest_id)
        fields = {"pepper_version": version, "revoked": revoked}
        done = f"{len(revoked)} keys of pepper version {version} are revoked."
        self.answer(options, fields, done)

    def revoke_one(self, key_id, reason, options):
        try:
            key = ApiKey.objects.named(key_id)
            changed = key.revoke(by=Actor.command("revoke_api_key"), reason=reason)
        except ApiKey.DoesNotExist:
            raise CommandError(NO_SUCH_KEY) from None
        fields = describe(key) | {
            "organization_id": key.organization_id,
            "revoked_at": stamp(key.revoked_at),
        }
        done = "is revoked" if changed else "was revoked before; nothing changed"
        self.answer(options, fields, f"{key.rest_id} ({key.name}) {done}.")


def has_pepper(version):
    """Whether the secret that keys of this version were digested with is configured."""
    peppers = tokens.read_peppers(settings.API_KEY_PEPPERS)
    configured = {pepper.version for pepper in peppers}
    return version in configured - {*PepperFingerprint.objects.differing(peppers)}
