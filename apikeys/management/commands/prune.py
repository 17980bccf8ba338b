from django.contrib.sessions.models import Session
from django.utils import timezone

from apikeys.models import KeyPlace, KeyUsage, Refusal, SpentNonce
from echopoint.organizations.commands import AnsweringCommand

# The audit is not among them: it is kept for good.
KINDS = {
    "spent_forms": (SpentNonce, "forms that were sent"),
    "refusals": (Refusal, "counts of refused requests"),
    "key_usage": (KeyUsage, "counts of use"),
    "key_places": (KeyPlace, "places of use"),
}


class Command(AnsweringCommand):
    help = (
        "Delete counts and spent forms that are older than what any page shows, and"
        " sessions that have ended."
    )

    def handle(self, **options):
        pruned = {name: model.objects.prune_all() for name, (model, _) in KINDS.items()}
        told = [f"{count} {KINDS[name][1]}" for name, count in pruned.items()]
        pruned["sessions"] = prune_sessions()
        told.append(f"{pruned['sessions']} sessions")
        self.answer(options, pruned, f"Deleted {', '.join(told)}.")


def prune_sessions():
    """Delete the sessions that have ended; return how many."""
    ended = Session.objects.filter(expire_date__lt=timezone.now())
    count, _ = ended.delete()
    return count
