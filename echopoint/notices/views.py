"""The pages on which people choose their e-mail notices, and stop them."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.db import transaction
from django.http import HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.generic import FormView, View

from apikeys.actors import Actor
from apikeys.contact_mail import address_of
from apikeys.models import ContactAddress
from echopoint.core import rate_limits
from echopoint.core.client_metadata import Client
from echopoint.core.rate_limited_page import too_many
from echopoint.core.refusals import Refused
from echopoint.notices.forms import NoticeChoicesForm
from echopoint.notices.models import NoticeChoice
from echopoint.notices.unsubscribing import user_of

CHANGES_PER_MINUTE = 4
METHODS = ["get", "head", "options", "post"]


class NoticeChoicesView(FormView):
    """Choose which e-mails about expiring keys to get, for each organization."""

    # Django's FormView treats PUT as POST.
    http_method_names = METHODS
    form_class = NoticeChoicesForm
    template_name = "notices/choices.html"

    def get_form_kwargs(self):
        memberships = self.request.user.memberships.select_related("organization")
        ordered = memberships.order_by("organization__name", "pk")
        return super().get_form_kwargs() | {"memberships": ordered}

    def get_context_data(self, **kwargs):
        return super().get_context_data(has_mail=bool(settings.EMAIL_URL), **kwargs)

    def form_valid(self, form):
        actor = Actor.from_request(self.request, via="page")
        try:
            with transaction.atomic():
                changed = form.save(by=actor)
        except Refused as refusal:
            form.add_error(None, refusal.message)
            return self.form_invalid(form)
        text = "Your choice is saved." if changed else "Nothing changed."
        messages.success(self.request, text)
        return HttpResponseRedirect(reverse("notices:choices"))


@method_decorator([never_cache, csrf_exempt, login_not_required], name="dispatch")
class UnsubscribeView(View):
    """Stop the e-mails without a sign-in: GET asks, POST acts (RFC 8058).

    Exempt from the CSRF check, because mail programs send the POST without a cookie. The
    signed token of the address is what allows it.
    """

    http_method_names = METHODS

    def get(self, request, token):
        user = user_of(token)
        if user is None:
            return render(request, "notices/link_invalid.html", status=404)
        return render(request, "notices/unsubscribe.html", {"recipient": user})

    def post(self, request, token):
        user = user_of(token)
        if user is None:
            return render(request, "notices/link_invalid.html", status=404)
        actor = Actor.visitor(Client.of(request))
        NoticeChoice.objects.stop_all(user, by=actor)
        return render(request, "notices/unsubscribed.html", {"recipient": user})


@method_decorator([never_cache, csrf_exempt, login_not_required], name="dispatch")
class ContactView(View):
    """Stop or resume the e-mails to a contact of keys; works like `UnsubscribeView`."""

    http_method_names = METHODS

    def get(self, request, token):
        return self.show(address_of(token))

    def post(self, request, token):
        address = address_of(token)
        if address:
            # Each change is an event of the audit, and the link never expires.
            rate = rate_limits.hit("contact-mail", address, CHANGES_PER_MINUTE)
            if rate.is_exceeded:
                return too_many(request, rate)
            by = Actor.visitor(Client.of(request))
            contacts = ContactAddress.objects
            is_resumed = request.POST.get("action") == "resume"
            change = contacts.resume if is_resumed else contacts.stop
            change(address, by=by)
        return self.show(address)

    def show(self, address):
        if not address:
            return render(self.request, "notices/link_invalid.html", status=404)
        is_stopped = not ContactAddress.objects.wants_mail(address)
        context = {"address": address, "is_stopped": is_stopped}
        return render(self.request, "notices/contact.html", context)
