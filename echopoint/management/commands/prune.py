from django.core.management.base import CommandError
from django.utils import timezone

from apikeys.audit.wording import count_in_words
from echopoint.core.commands import AnsweringCommand
from echopoint.executions.models import Execution
from echopoint.management.retention import TARGETS, targets


class Command(AnsweringCommand):
    help = (
        "Delete expired usage counts, form nonces and sessions, and rows older than the"
        " KEEP_… settings and the policies of organizations allow. Fail executions past"
        " their deadline. Works in small transactions, so the site can keep running."
    )

    def add_arguments(self, parser):
        parser.add_argument(
            "--dry-run", action="store_true", help="count the rows and delete nothing"
        )

        parser.add_argument(
            "--all-sessions",
            action="store_true",
            help="also delete open sessions: sign everybody out, as after a restore",
        )

    def handle(self, *, dry_run, all_sessions, **options):
        at = timezone.now()
        counts = {
            name: target.count(at) if dry_run else target.delete(at)
            for name, target in targets(include_open_sessions=all_sessions).items()
        }
        ended = 0 if dry_run else Execution.objects.end_overdue(at=at)
        listed = ", ".join(f"{n} {TARGETS[name].noun}" for name, n in counts.items())
        done = "Would delete" if dry_run else "Deleted"
        answer = {"dry_run": dry_run} | counts | {"ended_executions": ended}
        late = (
            f" Ended {count_in_words(ended, 'execution')} past the deadline."
            if ended
            else ""
        )
        self.answer(options, answer, f"{done} {listed}.{late}")
        if failures := TARGETS["audit"].failures:
            raise CommandError("\n".join([*failures, "Run verify_audit."]))
