from django.core.management.base import CommandError
from django.utils import timezone

from apikeys.audit.wording import count_in_words
from echopoint.core.commands import AnsweringCommand
from echopoint.executions.models import Execution
from echopoint.management.retention import KINDS, kinds


class Command(AnsweringCommand):
    help = (
        "Delete counts and spent forms that are older than what any page shows, sessions"
        " that have ended, and what is older than the KEEP_… settings and the policies of"
        " organizations allow. Fail executions past their deadline. It works in small"
        " transactions, beside the site."
    )

    def add_arguments(self, parser):
        parser.add_argument(
            "--dry-run", action="store_true", help="count the rows, and delete none"
        )

        parser.add_argument(
            "--all-sessions",
            action="store_true",
            help="sign everybody out, as after a restore",
        )

    def handle(self, *, dry_run, all_sessions, **options):
        at = timezone.now()
        counts = {
            name: kind.count(at) if dry_run else kind.delete(at)
            for name, kind in kinds(all_sessions=all_sessions).items()
        }
        ended = 0 if dry_run else Execution.objects.end_overdue(at=at)
        listed = ", ".join(f"{n} {KINDS[name].noun}" for name, n in counts.items())
        done = "Would delete" if dry_run else "Deleted"
        answer = {"dry_run": dry_run} | counts | {"ended_executions": ended}
        late = (
            f" Ended {count_in_words(ended, 'execution')} past the deadline."
            if ended
            else ""
        )
        self.answer(options, answer, f"{done} {listed}.{late}")
        if complaints := KINDS["audit"].complaints:
            raise CommandError("\n".join([*complaints, "Run verify_audit."]))
