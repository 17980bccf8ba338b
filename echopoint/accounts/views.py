"""Sign-in, sign-up and password reset."""

from allauth.account import views as account
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.shortcuts import render
from django.utils.decorators import method_decorator

from echopoint.core.response_time import rounded_up_to


class SignInView(account.LoginView):
    """Sign in, by password or by passkey."""

    def get_context_data(self, **kwargs):
        return super().get_context_data(open_sign_up=settings.OPEN_SIGN_UP, **kwargs)


class ConstantTimeMixin:
    """Delays responses to a multiple of ACCOUNT_ANSWER_SECONDS.

    The response time must not reveal whether an account exists. Both cases do the same
    work, but not to the millisecond.
    """

    def post(self, request, *args, **kwargs):
        with rounded_up_to(settings.ACCOUNT_ANSWER_SECONDS):
            return super().post(request, *args, **kwargs)


@method_decorator(login_not_required, name="dispatch")
class SignUpView(ConstantTimeMixin, account.SignupView):
    """Create an account, or mail the owner of an existing one."""


@method_decorator(login_not_required, name="dispatch")
class PasswordResetView(ConstantTimeMixin, account.PasswordResetView):
    """Send a reset link, if e-mail is configured."""

    def dispatch(self, request, *args, **kwargs):
        if not settings.EMAIL_URL:
            return render(request, "account/password_reset_by_operator.html")
        return super().dispatch(request, *args, **kwargs)
