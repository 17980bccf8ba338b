import sys
from contextlib import nullcontext

from django.core.management.base import CommandError

from apikeys.audit import exported_file, report
from apikeys.audit.hash_chain import INSTALLATION
from apikeys.models import AuditEvent, InstallationEvent
from echopoint.core.commands import AnsweringCommand
from echopoint.organizations.commands import organization_named
from echopoint.organizations.models import Organization

INVALID_HEAD = "A head has 64 characters from 0-9 and a-f. Copy it from the audit page."
AMBIGUOUS_HEAD = "Name the chain of the expected head: --organization ID."
NO_EVENTS = "The file contains no events, so nothing was checked."


class Command(AnsweringCommand):
    help = (
        "Check the audit chains of all organizations and of the installation, or an"
        " exported file, without a database. Print what was checked and the first broken"
        " link."
    )

    def add_arguments(self, parser):
        parser.add_argument(
            "file",
            nargs="?",
            metavar="FILE",
            help="an audit exported as NDJSON; - reads standard input",
        )
        parser.add_argument(
            "--organization", metavar="ID", help="check only this one, or: installation"
        )
        parser.add_argument(
            "--expect-head",
            metavar="HASH",
            help="a head that you stored elsewhere; fail if the chain does not contain it",
        )
        parser.add_argument(
            "--filtered",
            action="store_true",
            help="FILE was exported with filters: do not fail because of missing events",
        )

    def handle(self, *, file, organization, filtered, **options):
        head = parse_head(options["expect_head"])
        if filtered and not file:
            raise CommandError("--filtered needs a FILE.")
        walk = self.walk_file if file else self.walk_database
        walks = walk(file, organization, head)
        results = [report.is_intact(walk) for walk in walks.values()]
        lines = [f"{id}: {report.in_words(w)}" for id, w in walks.items()]
        if file and any(map(report.may_end_early, walks.values())):
            lines.append(report.FILE_ENDS)
        self.answer(options, self.fields(walks, results, file), *lines)
        is_lost = any(map(report.is_head_lost, walks.values()))
        if False in results or is_lost or (None in results and not filtered):
            raise SystemExit(1)

    def walk_database(self, file, organization, head):
        if organization == INSTALLATION:
            chosen, installation = [], True
        elif organization:
            chosen, installation = [organization_named(organization)], False
        else:
            chosen = list(Organization.objects.order_by("pk"))
            installation = InstallationEvent.objects.is_begun()
        require_single([*chosen, *[INSTALLATION] * installation], head)
        walk = AuditEvent.objects.walk
        walks = {org.pk: walk(org, expected_head=head) for org in chosen}
        if installation:
            walks[INSTALLATION] = InstallationEvent.objects.walk(expected_head=head)
        return walks

    def walk_file(self, file, organization, head):
        try:
            with open_file(file) as lines:
                walks = exported_file.check(lines, expected_head=head)
        except exported_file.Malformed as error:
            raise CommandError(str(error)) from None
        except OSError as error:
            raise CommandError(f"The file cannot be read: {error.strerror}.") from None
        if organization:
            walks = {k: walk for k, walk in walks.items() if k == organization}
        if not walks:
            raise CommandError(NO_EVENTS)
        require_single(walks, head)
        return walks

    def fields(self, walks, results, file):
        """Return the output of --json."""
        chains = [
            {
                "organization_id": id,
                "events": walk.events if file or not walk.broken else count_events(id),
                **report.as_json(walk),
            }
            for id, walk in walks.items()
        ]
        intact = False if False in results else None if None in results else True
        return {"intact": intact, "organizations": chains}


def count_events(organization_id):
    """Return the number of events in the database; a broken walk has not seen all."""
    if organization_id == INSTALLATION:
        return InstallationEvent.objects.count()
    return AuditEvent.objects.filter(organization=organization_id).count()


def parse_head(text):
    """Return the hash; raise `CommandError` if it is invalid."""
    head = (text or "").strip().lower()
    if text is not None and not exported_file.is_hash(head):
        raise CommandError(INVALID_HEAD)
    return head


def require_single(chains, head):
    if head and len(chains) != 1:
        raise CommandError(AMBIGUOUS_HEAD)


def open_file(file):
    """Open the file, or standard input, as lines of bytes."""
    return nullcontext(sys.stdin.buffer) if file == "-" else open(file, "rb")
