from django.core.management.base import CommandError

from apikeys.actors import Actor
from apikeys.models import ApiKey
from apikeys.policy import DEFAULT
from apikeys.representation import describe
from apikeys.required_fields import advice_of_commands
from apikeys.scopes import PRESETS
from echopoint.core.commands import AnsweringCommand
from echopoint.core.refusals import Refused
from echopoint.organizations.commands import organization_named


class Command(AnsweringCommand):
    help = "Issue an API key, and show its secret once."
    checks_database = True

    def add_arguments(self, parser):
        parser.add_argument("--organization", required=True, metavar="ID")
        parser.add_argument("--name", required=True, help="where the key is used")
        scopes = parser.add_mutually_exclusive_group(required=True)
        scopes.add_argument("--preset", choices=list(PRESETS))
        scopes.add_argument(
            "--scope", action="append", metavar="S", help="resource:action; repeatable"
        )
        expiry = parser.add_mutually_exclusive_group()
        expiry.add_argument("--expires-in-days", type=int, metavar="N")
        expiry.add_argument("--no-expiry", action="store_true")
        parser.add_argument(
            "--allow-from",
            action="append",
            metavar="NETWORK",
            help="an address, a network or the name of a range from which the key may be"
            " used; repeatable. Without it, any address may",
        )

        parser.add_argument(
            "--owner", metavar="EMAIL", help="a member who owns the key"
        )
        parser.add_argument(
            "--contact", default="", metavar="EMAIL", help="also gets the key's notices"
        )
        parser.add_argument(
            "--description", default="", metavar="TEXT", help="what the key is for"
        )

    def handle(self, *, organization, name, preset, scope, allow_from, **options):
        try:
            key, secret = ApiKey.objects.issue(
                organization=organization_named(organization),
                name=name,
                scopes=list(PRESETS[preset].scopes) if preset else scope,
                expires_in_days=self.lifetime(options),
                allowed_networks=allow_from,
                owner_email=options["owner"],
                contact_email=options["contact"],
                description=options["description"],
                by=Actor.command("issue_api_key"),
            )
        except Refused as refusal:
            raise CommandError(advice_of_commands(refusal)) from None
        until = (
            f"until {key.expires_at:%Y-%m-%d %H:%M} UTC"
            if key.expires_at
            else "until it is revoked"
        )
        fields = describe(key) | {"organization_id": organization, "secret": secret}
        origin = f", from {', '.join(key.allowed_networks)}" if allow_from else ""
        self.answer(
            options,
            fields,
            f"{key.rest_id} ({key.name}) works {until}, for {', '.join(key.scopes)}{origin}.",
            "Its secret, shown only once:",
            secret,
        )

    def lifetime(self, options):
        if options["no_expiry"]:
            return None
        days = options["expires_in_days"]
        return DEFAULT if days is None else days
