import re
from datetime import timedelta

from django.core.management.base import CommandError

from apikeys.actors import Actor
from apikeys.management.commands.revoke_api_key import NO_SUCH_KEY
from apikeys.models import ApiKey
from apikeys.policy import DEFAULT
from apikeys.representation import describe, describe_rotation, rfc3339
from apikeys.required_fields import advice_of_commands
from echopoint.core.commands import AnsweringCommand
from echopoint.core.refusals import Refused

# Of a rotation.
CHOICES = (
    *("overlap", "scope", "expires_in_days"),
    *("description", "owner", "contact"),
)
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class Command(AnsweringCommand):
    help = (
        "Issue a successor of an API key, and show its secret once. With --status, show"
        " whether the old key of a rotation can be retired."
    )
    checks_database = True

    def add_arguments(self, parser):
        parser.add_argument("key_id", help="the id of the key, key_…")
        parser.add_argument(
            "--status",
            action="store_true",
            help="change nothing; show the verdict on the rotation of this key, or of"
            " its predecessor",
        )
        parser.add_argument(
            "--overlap", metavar="24h", help="how long both keys work: 0, 90m, 24h, 7d"
        )
        parser.add_argument(
            "--scope",
            action="append",
            metavar="S",
            help="a scope of the successor; repeatable",
        )
        parser.add_argument("--expires-in-days", type=int, metavar="N")
        parser.add_argument(
            "--description",
            metavar="TEXT",
            help="of the successor; by default that of the key, as the owner and contact",
        )
        parser.add_argument("--owner", metavar="EMAIL", help="a member")
        parser.add_argument("--contact", metavar="EMAIL")

    def handle(self, *, key_id, status, **options):
        try:
            key = ApiKey.objects.get_by_any_id(key_id)
        except ApiKey.DoesNotExist:
            raise CommandError(NO_SUCH_KEY) from None
        return self.status(key, options) if status else self.rotate(key, **options)

    def status(self, key, options):
        """Print the verdict on the rotation."""
        if unused := [name for name in CHOICES if options[name] is not None]:
            flag = f"--{unused[0].replace('_', '-')}"
            raise CommandError(f"--status changes nothing. Leave out {flag}.")
        old = key
        if not key.is_being_rotated() and key.rotated_from:
            old = key.rotated_from
        rotation = describe_rotation(old)
        if rotation is None:
            raise CommandError(
                f"{key.rest_id} ({key.name}) is {key.status()} and is not being rotated."
            )
        ids = {"id": old.rest_id, "successor_id": old.successor_id_or_none()}
        places = (
            f"  {place['place']}: {place['state'].replace('_', ' ')}, last seen"
            f" {place['last_seen_at']}"
            for place in rotation["places"]
        )
        self.answer(options, ids | rotation, rotation["sentence"], *places)

    def rotate(self, key, *, overlap, scope, expires_in_days, **options):
        """Issue the successor, and print its secret."""
        try:
            successor, secret = key.rotate(
                by=Actor.command("rotate_api_key"),
                overlap=self.parse_duration(overlap),
                scopes=scope,
                expires_in_days=DEFAULT if expires_in_days is None else expires_in_days,
                description=options["description"] or "",
                owner_email=options["owner"],
                contact_email=options["contact"] or "",
            )
        except Refused as refusal:
            raise CommandError(advice_of_commands(refusal)) from None
        fields = describe(successor) | {
            "organization_id": successor.organization_id,
            "rotated_from": key.rest_id,
            "retire_at": rfc3339(key.retire_at),
            "dropped_permissions": key.lapsed_scopes,
            "secret": secret,
        }
        self.answer(
            options,
            fields,
            f"{successor.rest_id} ({successor.name}) replaces {key.rest_id}, which"
            f" {self.fate_of(key)}.",
            *self.dropped_scopes(key),
            "Its secret, shown only once:",
            secret,
        )

    def fate_of(self, key):
        if key.works:
            return f"works until {key.retire_at:%Y-%m-%d %H:%M} UTC"
        return "has stopped working"

    def dropped_scopes(self, key):
        if key.lapsed_scopes:
            names = ", ".join(key.lapsed_scopes)
            yield f"It lacks {names}, no longer in the scope catalog."

    def parse_duration(self, text):
        """Return the timedelta in `24h`, or None for the default."""
        if text is None:
            return None
        match = re.fullmatch(r"([0-9]{1,6})([smhd]?)", text)
        if not match or not (match[2] or match[1] == "0"):
            raise CommandError(
                "--overlap must be 0, or a number with s, m, h or d, for example 24h."
            )
        return timedelta(**{UNITS[match[2] or "s"]: int(match[1])})
