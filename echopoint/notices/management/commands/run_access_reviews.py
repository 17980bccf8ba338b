from django.conf import settings
from django.core.management.base import CommandError
from django.utils import timezone

from apikeys import access_reviews
from apikeys.actors import Actor
from apikeys.audit.wording import count_in_words
from echopoint.core.commands import AnsweringCommand
from echopoint.notices import review_mail


class Command(AnsweringCommand):
    help = (
        "Open the access reviews that the policies of organizations require, close those"
        " whose period has ended, suspend unconfirmed keys if the policy says so, and queue"
        " the e-mails to owners and admins. Can be repeated, and run on several machines:"
        " nothing is done twice. Run it at least once a day."
    )

    def handle(self, **options):
        at = timezone.now()
        counts = access_reviews.run(by=Actor.command("run_access_reviews"), at=at)
        counts["emails"] = 0
        # Only the links in the e-mails need the address of the site.
        can_link = settings.SITE_URL or not settings.EMAIL_URL
        if can_link:
            counts["emails"], failures = review_mail.send_due(at)
            counts["failures"] += failures
        self.answer(options, counts, *lines(counts))
        if counts["failures"]:
            self.stderr.write("Some reviews failed. The log says why; run this again.")
        if not can_link:
            raise CommandError(
                "SITE_URL is not set, and ALLOWED_HOSTS names no host without a wildcard."
                " E-mails need it for their links, so none was queued: set it to"
                " https://keys.example.com and run this again."
            )
        if counts["failures"]:
            raise SystemExit(1)


def lines(counts):
    yield (
        f"{count_in_words(counts['opened'], 'review')} opened, {counts['closed']:,} closed,"
        f" {count_in_words(counts['suspended_keys'], 'key')} suspended,"
        f" {count_in_words(counts['emails'], 'e-mail')} queued."
    )
    if not settings.EMAIL_URL:
        yield "EMAIL_URL is not set, so no e-mail is sent."
