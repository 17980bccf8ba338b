import os
import sys
from contextlib import nullcontext

from django.core.management.base import CommandError

from apikeys.audit import exported_file, report
from apikeys.audit.hash_chain import INSTALLATION
from apikeys.management.long_chains import checking_map
from apikeys.models import AuditEvent, InstallationEvent
from echopoint.core.commands import AnsweringCommand
from echopoint.core.replica.commands import add_database_option, reading
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
        add_database_option(parser)
        parser.add_argument(
            "--jobs",
            type=int,
            metavar="N",
            default=cpu_count(),
            help="processes that check a long chain of the database; default: the CPUs,"
            " %(default)s",
        )

    def handle(self, *, file, organization, filtered, jobs, database, **options):
        head = parse_head(options["expect_head"])
        if filtered and not file:
            raise CommandError("--filtered needs a FILE.")
        if jobs < 1:
            raise CommandError("--jobs must be at least 1.")
        if file:
            walks = self.walk_file(file, organization, head)
        else:
            with reading(database):
                walks = self.walk_database(database, organization, head, jobs)
        results = [report.is_intact(walk) for walk in walks.values()]
        lines = [f"{id}: {report.in_words(w)}" for id, w in walks.items()]
        if file and any(map(report.may_end_early, walks.values())):
            lines.append(report.FILE_ENDS)
        fields = self.fields(walks, results, None if file else database)
        self.answer(options, fields, *lines)
        is_lost = any(map(report.is_head_lost, walks.values()))
        if False in results or is_lost or (None in results and not filtered):
            raise SystemExit(1)

    def walk_database(self, database, organization, head, jobs):
        of_installation = InstallationEvent.objects.db_manager(database)
        if organization == INSTALLATION:
            chosen, installation = [], True
        elif organization:
            chosen, installation = [organization_named(organization, database)], False
        else:
            chosen = list(Organization.objects.using(database).order_by("pk"))
            installation = of_installation.is_begun()
        require_single([*chosen, *[INSTALLATION] * installation], head)
        with checking_map(jobs, sys.stderr, database) as map:
            options = {"expected_head": head, "map": map}
            walk = AuditEvent.objects.db_manager(database).walk
            walks = {o.pk: walk(o, **options) for o in chosen}
            if installation:
                walks[INSTALLATION] = of_installation.walk(**options)
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

    def fields(self, walks, results, database):
        """Return the output of --json; the database is None for a file."""
        chains = [
            {
                "organization_id": id,
                "events": count_events(id, database)
                if database and walk.broken
                else walk.events,
                **report.as_json(walk),
            }
            for id, walk in walks.items()
        ]
        intact = False if False in results else None if None in results else True
        return {"intact": intact, "organizations": chains}


def count_events(organization_id, database):
    """Return the number of events in the database; a broken walk has not seen all."""
    if organization_id == INSTALLATION:
        return InstallationEvent.objects.using(database).count()
    events = AuditEvent.objects.using(database)
    return events.filter(organization=organization_id).count()


def cpu_count():
    """Return the number of CPUs that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


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
