import sys
from contextlib import nullcontext

from django.core.management.base import CommandError

from apikeys.audit import exported_file, report
from apikeys.audit.hash_chain import INSTALLATION
from apikeys.models import AuditEvent, InstallationEvent
from echopoint.core.commands import AnsweringCommand
from echopoint.organizations.commands import organization_named
from echopoint.organizations.models import Organization

NO_HEAD = "A head is 64 characters from 0-9 and a-f. The audit page shows it whole."
WHOSE_HEAD = "Name the chain that the head belongs to: --organization ID."
NO_EVENTS = "There is no event in the file, so nothing was checked."


class Command(AnsweringCommand):
    help = (
        "Check every audit chain, each organization's and the installation's, or an"
        " exported file without reading a database. Say what was checked, and name the"
        " first broken link."
    )

    def add_arguments(self, parser):
        parser.add_argument(
            "file",
            nargs="?",
            metavar="FILE",
            help="an audit that was exported as NDJSON; - reads standard input",
        )
        parser.add_argument(
            "--organization", metavar="ID", help="only this one, or installation"
        )
        parser.add_argument(
            "--expect-head",
            metavar="HASH",
            help="a head of the chain that was kept elsewhere; fail if it is not there",
        )
        parser.add_argument(
            "--filtered",
            action="store_true",
            help="FILE was exported with filters: do not fail for missing events",
        )

    def handle(self, *, file, organization, filtered, **options):
        head = head_of(options["expect_head"])
        if filtered and not file:
            raise CommandError("--filtered needs a FILE.")
        walk = self.walk_file if file else self.walk_database
        walks = walk(file, organization, head)
        found = [report.is_intact(walk) for walk in walks.values()]
        lines = [f"{id}: {report.in_words(w)}" for id, w in walks.items()]
        if file and any(map(report.may_end_early, walks.values())):
            lines.append(report.FILE_ENDS)
        self.answer(options, self.fields(walks, found, file), *lines)
        is_lost = any(map(report.is_head_lost, walks.values()))
        if False in found or is_lost or (None in found and not filtered):
            raise SystemExit(1)

    def walk_database(self, file, organization, head):
        if organization == INSTALLATION:
            chosen, installation = [], True
        elif organization:
            chosen, installation = [organization_named(organization)], False
        else:
            chosen = list(Organization.objects.order_by("pk"))
            installation = InstallationEvent.objects.is_begun()
        require_one([*chosen, *[INSTALLATION] * installation], head)
        walk = AuditEvent.objects.walk
        walks = {one.pk: walk(one, expected_head=head) for one in chosen}
        if installation:
            found = InstallationEvent.objects.walk(expected_head=head)
            walks[INSTALLATION] = found
        return walks

    def walk_file(self, file, organization, head):
        try:
            with opened(file) as lines:
                walks = exported_file.check(lines, expected_head=head)
        except exported_file.Malformed as error:
            raise CommandError(str(error)) from None
        except OSError as error:
            raise CommandError(f"The file cannot be read: {error.strerror}.") from None
        if organization:
            walks = {k: walk for k, walk in walks.items() if k == organization}
        if not walks:
            raise CommandError(NO_EVENTS)
        require_one(walks, head)
        return walks

    def fields(self, walks, found, file):
        """Return the answer for programs."""
        chains = [
            {
                "organization_id": id,
                "events": walk.events if file or not walk.broken else recorded(id),
                **report.as_json(walk),
            }
            for id, walk in walks.items()
        ]
        intact = False if False in found else None if None in found else True
        return {"intact": intact, "organizations": chains}


def recorded(organization_id):
    """Return how many events the database holds, broken or not."""
    if organization_id == INSTALLATION:
        return InstallationEvent.objects.count()
    return AuditEvent.objects.filter(organization=organization_id).count()


def head_of(text):
    """Return the hash; raise `CommandError` for what cannot be one."""
    head = (text or "").strip().lower()
    if text is not None and not exported_file.is_hash(head):
        raise CommandError(NO_HEAD)
    return head


def require_one(chains, head):
    if head and len(chains) != 1:
        raise CommandError(WHOSE_HEAD)


def opened(file):
    """Return the file, or standard input, as lines of bytes."""
    return nullcontext(sys.stdin.buffer) if file == "-" else open(file, "rb")
