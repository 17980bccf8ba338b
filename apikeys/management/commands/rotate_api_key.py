import re
from datetime import timedelta

from django.core.management.base import CommandError

from apikeys.actors import Actor
from apikeys.exceptions import Refused
from apikeys.management.commands.revoke_api_key import NO_SUCH_KEY
from apikeys.models import ApiKey
from apikeys.policy import DEFAULT
from apikeys.wire import describe, stamp
from echopoint.organizations.commands import AnsweringCommand

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class Command(AnsweringCommand):
    help = "Make a successor of an API key, and show its secret this once."

    def add_arguments(self, parser):
        parser.add_argument("key_id", help="the id of the key, key_…")
        parser.add_argument(
            "--overlap", metavar="24h", help="how long both work: 0, 90m, 24h, 7d"
        )
        parser.add_argument(
            "--scope", action="append", metavar="S", help="keep only this; repeatable"
        )
        parser.add_argument("--expires-in-days", type=int, metavar="N")

    def handle(self, *, key_id, overlap, scope, expires_in_days, **options):
        try:
            key = ApiKey.objects.named(key_id)
            successor, secret = key.rotate(
                by=Actor.command("rotate_api_key"),
                overlap=self.duration(overlap),
                scopes=scope,
                expires_in_days=DEFAULT if expires_in_days is None else expires_in_days,
            )
        except ApiKey.DoesNotExist:
            raise CommandError(NO_SUCH_KEY) from None
        except Refused as refusal:
            raise CommandError(refusal.message) from None
        fields = describe(successor) | {
            "organization_id": successor.organization_id,
            "rotated_from": key.rest_id,
            "retire_at": stamp(key.retire_at),
            "secret": secret,
        }
        self.answer(
            options,
            fields,
            f"{successor.rest_id} ({successor.name}) takes the place of {key.rest_id},"
            f" which works until {key.retire_at:%Y-%m-%d %H:%M} UTC.",
            "Its secret, shown this once:",
            secret,
        )

    def duration(self, text):
        """Return the timedelta in `24h`, or None for no choice."""
        if text is None:
            return None
        match = re.fullmatch(r"([0-9]{1,6})([smhd]?)", text)
        if not match or not (match[2] or match[1] == "0"):
            raise CommandError("Give --overlap as 0, or a number with s, m, h or d.")
        return timedelta(**{UNITS[match[2] or "s"]: int(match[1])})
