"""The posture of the keys: what to do first, and numbers that lead to lists of keys."""

from typing import NamedTuple

from django.utils import timezone
from django.views.generic import TemplateView

from apikeys.db.bounded_counts import MAX_READ
from apikeys.models.key_warning import WARNED_FOR
from apikeys.posture.measures import (
    AGE,
    EXPIRY,
    PROTECTION,
    TOTAL,
    USE,
    WARNINGS,
    expiry_weeks,
)
from apikeys.posture.numbers import Posture
from apikeys.timestamps import in_words
from apikeys.views.base import ApiKeysMixin, ReplicaPageMixin
from apikeys.views.list import recording_notices


class Section(NamedTuple):
    """Numbers below a heading."""

    id: str
    title: str
    hint: str
    measures: list
    has_bars: bool = True


def sections(today):
    """Return the sections of the page, in its order."""
    return [
        Section(
            "expiry",
            "Expiry",
            "Without keys that are being rotated, because the end of their overlap is planned.",
            EXPIRY,
        ),
        Section(
            "weeks",
            "Expiry by week",
            "The next weeks, in days of UTC, for keys that are not being rotated.",
            list(expiry_weeks(today)),
        ),
        Section(
            "age", "Age", "Since the key was created. A rotation creates a key.", AGE
        ),
        Section(
            "use",
            "Use",
            "The last use of a key is recorded at most once a minute, and that of a scope"
            " at most once an hour.",
            USE,
        ),
        Section(
            "warnings",
            "Warnings",
            "A place is new if the first place of the key is at least a week older, and"
            " neither the key nor its predecessor was used there before. Requests with"
            " revoked keys are refused requests too.",
            WARNINGS,
            has_bars=False,
        ),
        Section("protection", "Protection", "", PROTECTION, has_bars=False),
    ]


class PostureView(ReplicaPageMixin, ApiKeysMixin, TemplateView):
    """Show the numbers. All members may see them, as they may see the keys."""

    template_name = "apikeys/posture.html"
    extra_context = {"tab": "posture", "max_read": MAX_READ}

    def get_context_data(self, **kwargs):
        # TemplateView passes the arguments of the URL: the organization's id is one.
        kwargs.pop("organization", None)
        shown = sections(timezone.now().date())
        measures = [TOTAL, *(m for section in shown for m in section.measures)]
        posture = Posture(self.organization, self.database, measures)
        numbers = [(section, posture.numbers(section.measures)) for section in shown]
        return super().get_context_data(
            total=posture.numbers([TOTAL])[0],
            tasks=posture.tasks(),
            are_complete=posture.are_complete,
            sections=numbers,
            has_bounds=any(c and not c.is_exact for c in posture.counts.values()),
            notices=notices(posture),
            **kwargs,
        )


def notices(posture):
    """Return what is not known yet."""
    found = recording_notices(posture.scopes_from)
    if not posture.warnings_are_known:
        found.append(
            "Recording of refused requests and new places is complete from"
            f" {in_words(posture.warnings_from)} on. Their numbers may be too low until"
            f" {in_words(posture.warnings_from + WARNED_FOR)}."
        )
    return found
