from django.core.management.base import CommandError

from apikeys import freezing
from apikeys.actors import Actor
from apikeys.representation import rfc3339
from echopoint.core.commands import AnsweringCommand
from echopoint.core.refusals import Refused
from echopoint.organizations.commands import organization_named


class Command(AnsweringCommand):
    help = (
        "Freeze all API keys of an organization: every request with one is refused until"
        " --end. Keys that were suspended on their own stay suspended then."
    )

    def add_arguments(self, parser):
        parser.add_argument("--organization", required=True, metavar="ID")
        parser.add_argument("--reason", default="", help="for the record")
        parser.add_argument("--end", action="store_true", help="end the freeze")

    def handle(self, *, organization, reason, end, **options):
        row = organization_named(organization)
        act = freezing.unfreeze if end else freezing.freeze
        try:
            changed = act(row, by=Actor.command("freeze_api_keys"), reason=reason)
        except Refused as refusal:
            raise CommandError(refusal.message) from None
        fields = {
            "organization_id": row.pk,
            "frozen_at": rfc3339(row.frozen_at),
            "changed": changed,
        }
        self.answer(options, fields, f"{row.name}: {in_words(row, changed)}")


def in_words(organization, changed):
    """Return the state of the freeze, and whether this run changed it."""
    if organization.frozen_at:
        return "all keys are frozen." if changed else "all keys were frozen before."
    return "the freeze is over." if changed else "the keys were not frozen."
