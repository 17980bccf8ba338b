"""The pages of an organization's webhook for notices; owners only."""

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpResponseRedirect
from django.urls import reverse
from django.utils.functional import cached_property
from django.views.generic import FormView

from apikeys import policy
from apikeys.models import SpentNonce
from apikeys.models.nonce import SpentForm, StaleForm
from apikeys.views.base import ApiKeysMixin, add_refusal
from apikeys.views.secret_once import OneTimeFormMixin
from echopoint.core.refusals import Refused
from echopoint.notices.forms import OneTimeForm, WebhookForm
from echopoint.notices.models import NoticeDelivery, NoticeWebhook
from echopoint.notices.models.webhook import NoWebhook
from echopoint.notices.sender import sender

SHOWN = 20  # deliveries
STALE = (
    "This form has expired or belongs to another session. Nothing was changed. Submit it"
    " again."
)
SPENT = (
    "This form was already submitted. The secret was shown then. If you did not store it,"
    " rotate the secret again."
)


class WebhookMixin(ApiKeysMixin):
    """A page of the organization's webhook."""

    permission = policy.UPDATE
    extra_context = {"tab": "policy"}

    @cached_property
    def webhook(self):
        return NoticeWebhook.objects.of(self.organization)

    def get_success_url(self):
        return reverse("notice_webhook:detail", args=[self.organization.pk])

    def get_context_data(self, **kwargs):
        return super().get_context_data(webhook=self.webhook, **kwargs)

    def redirect_with(self, text, level=messages.SUCCESS):
        messages.add_message(self.request, level, text)
        return HttpResponseRedirect(self.get_success_url())

    def render_secret(self, secret):
        """Render the secret; only this response contains it."""
        return self.render_secret_page("notices/webhook_secret.html", secret=secret)


class WebhookView(WebhookMixin, FormView):
    """Show the webhook and its deliveries; set its URL."""

    form_class = WebhookForm
    template_name = "notices/webhook.html"

    @property
    def requires_recent_sign_in(self):
        """Only changes need a recent sign-in."""
        return self.request.method == "POST"

    def get_initial(self):
        url = self.webhook.url.decrypt() if self.webhook else ""
        return {"url": url} | super().get_initial()

    def get_context_data(self, **kwargs):
        rows = NoticeDelivery.objects.for_org(self.organization).order_by("-pk")
        return super().get_context_data(
            deliveries=rows[:SHOWN],
            notice_days=policy.notice_days(self.organization)[:-1],
            **kwargs,
        )

    def form_valid(self, form):
        try:
            changed, secret = NoticeWebhook.objects.set_url(
                self.organization, form.cleaned_data["url"], by=self.actor
            )
        except Refused as refusal:
            add_refusal(form, refusal)
            return self.form_invalid(form)
        if secret:
            return self.render_secret(secret)
        if not changed:
            return self.redirect_with("This is the current URL; nothing changed.")
        return self.redirect_with("The URL was changed.")


class WebhookActionView(WebhookMixin, FormView):
    """A confirmation page, or a button of the webhook's page."""

    requires_recent_sign_in = True
    form_class = forms.Form

    def get(self, request, *args, **kwargs):
        return self.redirecting(super().get)

    def post(self, request, *args, **kwargs):
        return self.redirecting(super().post)

    def redirecting(self, respond):
        """Redirect to the webhook's page if there is no webhook, or no more."""
        try:
            if self.webhook is None:
                raise NoWebhook
            return respond(self.request)
        except NoWebhook as refusal:
            return self.redirect_with(refusal.message, messages.INFO)


class WebhookRotateSecretView(OneTimeFormMixin, WebhookActionView):
    """Generate another secret. Only the response to this POST contains it."""

    form_class = OneTimeForm
    template_name = "notices/webhook_rotate.html"

    def form_valid(self, form):
        try:
            with transaction.atomic():
                SpentNonce.objects.spend(
                    form.cleaned_data["nonce"], **self.nonce_scope()
                )
                secret = self.webhook.rotate_secret(by=self.actor)
        except StaleForm:
            form = self.form_class(initial=self.get_initial())
            return self.render_to_response(
                self.get_context_data(form=form, error=STALE)
            )
        except SpentForm:
            return self.redirect_with(SPENT, messages.WARNING)
        return self.render_secret(secret)


class WebhookRemoveView(WebhookActionView):
    """Delete the webhook."""

    template_name = "notices/webhook_remove.html"

    def form_valid(self, form):
        NoticeWebhook.objects.remove(self.organization, by=self.actor)
        return self.redirect_with("The webhook is removed.")


class WebhookTestView(WebhookActionView):
    """Send a test event."""

    template_name = "notices/webhook_test.html"

    def form_valid(self, form):
        with transaction.atomic():
            NoticeDelivery.objects.send_test(self.organization, by=self.actor)
            transaction.on_commit(sender.wake)
        return self.redirect_with(
            "A test event is on its way. Reload this page to see its outcome."
        )
