"""The page on which anyone reports leaked keys, signed in or not."""

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponseRedirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import FormView

from apikeys import leaks
from apikeys.forms.leaked import LeakedKeysForm
from apikeys.leaks import Finding, Reporter
from echopoint.core.client_metadata import Client
from echopoint.core.rate_limited_page import too_many
from echopoint.core.response_time import rounded_up_to

SENT = "sent"


@method_decorator(
    [login_not_required, never_cache, sensitive_post_parameters("keys")],
    name="dispatch",
)
class LeakedKeysView(FormView):
    """Stop the live keys among the texts. The response never says which they are."""

    http_method_names = ["get", "head", "post"]
    form_class = LeakedKeysForm
    template_name = "apikeys/leaked.html"

    def get_context_data(self, **kwargs):
        return super().get_context_data(is_sent=SENT in self.request.GET, **kwargs)

    def post(self, request, *args, **kwargs):
        rate = leaks.count_report(Client.of(request))
        if rate.is_exceeded:
            return too_many(request, rate)
        return super().post(request, *args, **kwargs)

    def form_valid(self, form):
        findings = [Finding(text) for text in form.cleaned_data["keys"]]
        with rounded_up_to(settings.LEAK_REPORT_SECONDS):
            leaks.report(findings, Reporter.of(self.request, "page"))
        return HttpResponseRedirect(f"{reverse('leaked')}?{SENT}")
