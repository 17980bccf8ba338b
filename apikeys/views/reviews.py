"""The pages of access reviews: list, start, confirm, sign off, report and its CSV file."""

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import Http404, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.views.generic import FormView, TemplateView, View

from apikeys.audit.export import CSV
from apikeys.audit.wording import count_in_words
from apikeys.exceptions import StaleReview
from apikeys.forms.reviews import (
    ConfirmKeysForm,
    ReviewForm,
    ReviewListForm,
    ReviewReportForm,
    StartReviewForm,
    shown_value,
)
from apikeys.models import AccessReview, ScopeRecording, ScopeUse
from apikeys.models.access_review import MAX_SETTLED, REVIEW, terms
from apikeys.models.scope_use import UNUSED_DAYS
from apikeys.review_report import as_csv
from apikeys.views.base import ActionFormMixin, ApiKeysMixin, add_refusal
from apikeys.views.download import download
from apikeys.views.list import recording_notices
from apikeys.views.pagination import KeysetPaginationMixin
from apikeys.views.rotation import UNUSED
from echopoint.core.refusals import Refused

MAX_NUMBER = 2**31 - 1


class ReviewsMixin(ApiKeysMixin):
    """Base of all views. Members do not see reviews."""

    permission = REVIEW
    extra_context = {"tab": "reviews"}


class ReviewListView(ReviewsMixin, KeysetPaginationMixin, TemplateView):
    """The open review, and those that have ended."""

    template_name = "apikeys/reviews.html"

    def get_filters(self):
        return ReviewListForm.read(self.request.GET)

    def get_rows(self, filters):
        return AccessReview.objects.for_org(self.organization)

    def get_context_data(self, **kwargs):
        context = super().get_context_data(**kwargs)
        current = AccessReview.objects.current(self.organization)
        return context | {
            "current": current,
            "ended": [review for review in context["listed"] if review.closed_at],
        }


class ReviewStartView(ActionFormMixin, ReviewsMixin, FormView):
    """Open a review now."""

    requires_recent_sign_in = True
    form_class = StartReviewForm
    template_name = "apikeys/review_start.html"

    def get_context_data(self, **kwargs):
        keys = self.organization.api_keys.not_ended()
        return super().get_context_data(
            count=keys.count(),
            current=AccessReview.objects.current(self.organization),
            has_mail=bool(settings.EMAIL_URL),
            shown=terms(self.organization),
            **kwargs,
        )

    def get_success_url(self):
        current = AccessReview.objects.current(self.organization)
        if current:
            return current.get_absolute_url()
        return reverse("apikeys:reviews", args=[self.organization.pk])

    def refuse(self, form, refusal):
        # The policy was changed. The page shows the current one.
        self.organization.refresh_from_db()
        return super().refuse(form, refusal)

    def perform(self, shown):
        review = AccessReview.objects.open(
            self.organization, by=self.actor, shown=shown or ""
        )
        if review:
            many = count_in_words(review.key_count, "key")
            return f"{review} is open, with {many}."
        if AccessReview.objects.current(self.organization):
            return "A review is open already; nothing changed."
        return "There is no key to review; nothing changed."


class OneReviewMixin(ReviewsMixin):
    """A view of one review of the organization."""

    @cached_property
    def review(self):
        number = self.kwargs["number"]
        reviews = AccessReview.objects.for_org(self.organization)
        # A larger number is an error of PostgreSQL.
        found = number <= MAX_NUMBER and reviews.filter(number=number).first()
        if not found:
            raise Http404
        return found

    def get_rows(self, filters):
        return filters.apply(self.review.rows().with_keys(), timezone.now())


class ReviewView(OneReviewMixin, KeysetPaginationMixin, FormView):
    """Confirm the keys of an open review, or show the report of one that has ended."""

    form_class = ConfirmKeysForm
    stale = ()

    @property
    def requires_recent_sign_in(self):
        """Only confirmations need a recent sign-in."""
        return self.request.method == "POST"

    @property
    def is_open(self):
        return self.review.closed_at is None

    def get_template_names(self):
        return [f"apikeys/{'review' if self.is_open else 'review_report'}.html"]

    def get_success_url(self):
        return self.review.get_absolute_url()

    def get_filters(self):
        form = ReviewForm if self.is_open else ReviewReportForm
        return form.read(self.request.GET)

    def get_context_data(self, **kwargs):
        context = super().get_context_data(**kwargs)
        rows = context["listed"]
        keys = [row.key for row in rows]
        uses = ScopeUse.objects.of_keys(self.organization, keys)
        selected = self.selected(context["form"])
        for row in rows:
            row.uses, row.shown = uses[row.key_id], shown_value(row.key)
            row.is_selected = row.key.public_id in selected
        if self.is_open:
            began_at = ScopeRecording.objects.began_at()
            context["notices"] += recording_notices(began_at)
        is_accepting = self.review.accepts_at()
        is_filtered = bool(context["filters"].cleaned_data.get("show"))
        return context | {
            "review": self.review,
            "counts": self.review.counts(),
            "is_accepting": is_accepting,
            "can_confirm": is_accepting and not is_filtered,
            "unused_days": UNUSED_DAYS,
            "without_unused": f"?without={UNUSED}",
        }

    def selected(self, form):
        """Return the public ids of the ticked keys, without those that have changed."""
        values = {*(form["key"].value() or []), form["only"].value()}
        return values - {key.public_id for key in self.stale}

    def post(self, request, *args, **kwargs):
        if not self.is_open:
            messages.error(request, f"{self.review} was closed. Nothing was confirmed.")
            return HttpResponseRedirect(self.get_success_url())
        return super().post(request, *args, **kwargs)

    def form_valid(self, form):
        shown, note = form.cleaned_data["confirmed"], form.cleaned_data["note"]
        try:
            count = self.review.confirm(shown, by=self.actor, note=note)
        except StaleReview as refusal:
            self.stale = refusal.keys
            form.add_error(None, refusal.message)
            return self.form_invalid(form)
        except Refused as refusal:
            # The report of a closed review has no form that could show the message.
            if not self.is_open:
                messages.error(self.request, refusal.message)
                return HttpResponseRedirect(self.get_success_url())
            add_refusal(form, refusal)
            return self.form_invalid(form)
        messages.success(self.request, confirmation_message(count, len(shown)))
        return HttpResponseRedirect(self.get_success_url())


def confirmation_message(count, chosen):
    before = chosen - count
    if not count:
        return "These keys were confirmed already; nothing changed."
    done = f"{count_in_words(count, 'key')} confirmed."
    was = "was" if before == 1 else "were"
    return f"{done} {before} {was} confirmed already." if before else done


class ReviewSignOffView(ActionFormMixin, OneReviewMixin, FormView):
    """Close the review before its period ends, and settle the unconfirmed keys.

    For thousands of keys it settles some, and the next submission, or the next run of the
    command, continues.
    """

    requires_recent_sign_in = True
    form_class = forms.Form
    template_name = "apikeys/review_sign_off.html"

    def get_context_data(self, **kwargs):
        live = self.review.rows().still_to_confirm(timezone.now())
        return super().get_context_data(
            review=self.review,
            counts=self.review.counts(),
            pending=live.count(),
            first=[row.key for row in live.with_keys().order_by("pk")[:5]],
            at_once=MAX_SETTLED,
            **kwargs,
        )

    def get_success_url(self):
        return self.review.get_absolute_url()

    def perform(self):
        closed = self.review.sign_off(by=self.actor)
        if self.review.finished_at:
            return f"{self.review} was finished already; nothing changed."
        suspended = self.review.settle(by=self.actor, limit=MAX_SETTLED)
        return " ".join(sign_off_messages(self.review, closed, suspended))


def sign_off_messages(review, closed, suspended):
    """Yield what one submission did; `closed` is whether it signed the review off."""
    if closed:
        yield f"{review} is signed off."
    elif review.finished_at:
        yield f"{review} is finished."
    if suspended:
        was = "was" if suspended == 1 else "were"
        yield f"{count_in_words(suspended, 'key')} {was} suspended."
    if not review.finished_at:
        pending = review.counts()["pending"]
        verb = "is" if pending == 1 else "are"
        yield f"{count_in_words(pending, 'key')} {verb} still to be processed."


class ReviewExportView(OneReviewMixin, View):
    """Export the review. Not audited: the page shows the same data."""

    def get(self, request, *args, **kwargs):
        filters = ReviewReportForm.read(request.GET)
        # Otherwise the file would contain other keys than the URL requests.
        if filters.ignored:
            raise BadRequest
        lines = as_csv(self.get_rows(filters), filters.order)
        name = f"access-review-{self.organization.pk}-{self.review.number}.csv"
        return download(lines, CSV, name)
