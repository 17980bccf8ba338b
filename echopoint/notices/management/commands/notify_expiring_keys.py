from django.conf import settings
from django.core.management.base import CommandError

from apikeys.audit.wording import count_in_words
from echopoint.core.commands import AnsweringCommand
from echopoint.notices.notifying import notify


class Command(AnsweringCommand):
    help = (
        "Notify people of API keys that end today, or in 30, 14, 7 or 1 days, or on other"
        " days that the policy of their organization sets: one e-mail for each person and"
        " day. Can be repeated, and run on several machines: what was sent is not sent"
        " again. Run it at least once a day."
    )

    def handle(self, **options):
        if not settings.SITE_URL:
            raise CommandError(
                "SITE_URL is not set, and ALLOWED_HOSTS names no host without a wildcard."
                " Notices need it for their links: set it to https://keys.example.com."
            )
        counts = notify()
        self.answer(options, counts, *lines(counts))
        if counts["failures"]:
            self.stderr.write("Some digests failed. The log says why; run this again.")
            raise SystemExit(1)


def lines(counts):
    yield (
        f"{count_in_words(counts['notices'], 'new notice')},"
        f" {count_in_words(counts['digests'], 'e-mail')} queued."
    )
    if not settings.EMAIL_URL:
        yield "EMAIL_URL is not set, so no e-mail is sent."
