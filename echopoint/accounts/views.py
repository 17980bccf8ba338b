"""The pages that sign a person in or up, or let them set a new password."""

import time

from allauth.account import views as account
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.shortcuts import render
from django.utils.decorators import method_decorator


class SignInView(account.LoginView):
    """Sign in, by password or by passkey."""

    def get_context_data(self, **kwargs):
        return super().get_context_data(open_sign_up=settings.OPEN_SIGN_UP, **kwargs)


class InOneTime:
    """A form whose answer takes one time, whether or not there is such an account.

    The work is the same already, but not to the millisecond. What takes longer, on a busy
    machine, is answered at the next multiple: a sum would show the difference again.
    """

    def post(self, request, *args, **kwargs):
        begun = time.monotonic()
        response = super().post(request, *args, **kwargs)
        if seconds := settings.ACCOUNT_ANSWER_SECONDS:
            time.sleep((begun - time.monotonic()) % seconds)
        return response


@method_decorator(login_not_required, name="dispatch")
class SignUpView(InOneTime, account.SignupView):
    """Make an account, or mail the owner of the one that has this address."""


@method_decorator(login_not_required, name="dispatch")
class PasswordResetView(InOneTime, account.PasswordResetView):
    """Send a link that sets a new password, if there is a server that sends mail."""

    def dispatch(self, request, *args, **kwargs):
        if not settings.EMAIL_URL:
            return render(request, "account/password_reset_by_operator.html")
        return super().dispatch(request, *args, **kwargs)
