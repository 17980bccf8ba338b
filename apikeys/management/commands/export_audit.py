import os

from django.core.management.base import CommandError

from apikeys.actors import Actor
from apikeys.audit.export import Incomplete, as_ndjson, record_export
from apikeys.models import AuditChain, AuditEvent
from echopoint.core.commands import AnsweringCommand
from echopoint.core.replica.commands import add_database_option, reading
from echopoint.organizations.commands import organization_named


class Command(AnsweringCommand):
    help = (
        "Write an organization's complete audit to a new file, as NDJSON for verify_audit and"
        " revoke_api_key --from-export. The audit records the export."
    )

    def add_arguments(self, parser):
        parser.add_argument("file", metavar="FILE", help="must not exist yet")
        parser.add_argument("--organization", required=True, metavar="ID")
        add_database_option(parser)

    def handle(self, *, file, organization, database, **options):
        organization = organization_named(organization)
        with reading(database), create_file(file) as lines:
            events = all_events(organization, database)
            extent = events.extent()
            record_export(
                extent, organization, by=Actor.command("export_audit"), format="ndjson"
            )
            write(lines, events)
        self.answer(
            options,
            {"organization_id": organization.pk} | extent,
            f"Wrote {extent['events']} events. Head: {extent['head'] or 'none'}.",
        )


def all_events(organization, database):
    """Return the events up to now.

    The number of events that the export records must be the number in the file.
    """
    chain = AuditChain.objects.db_manager(database).of(organization)
    events = AuditEvent.objects.using(database).for_org(organization)
    return events.filter(sequence__lte=chain.length).order_by("sequence")


def write(file, events):
    """Write the events to the file; raise `CommandError` if some are deleted meanwhile."""
    try:
        file.writelines(as_ndjson(events))
    except Incomplete as error:
        raise CommandError(f"The file is not complete. {error}") from None


def create_file(file):
    """Create a file that only its owner can read; raise `CommandError` if it exists."""
    try:
        number = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise CommandError(f"The file cannot be created: {error.strerror}.") from None
    return open(number, "w", encoding="utf-8")
