"""allauth's forms with our labels, and without placeholders."""

import secrets

from allauth.account import forms as account
from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.email_verification import get_address_for_user
from allauth.account.models import EmailAddress
from allauth.account.utils import has_verified_email, setup_user_email
from allauth.core import context
from allauth.mfa.base import forms as mfa
from allauth.mfa.totp import forms as totp
from allauth.mfa.webauthn import forms as webauthn
from django.contrib.auth import get_user_model
from django.db import transaction

from echopoint.accounts.second_factor import SingleUseCodeMixin
from echopoint.core.names import validate_name

User = get_user_model()
LABELS = {
    "login": "E-mail",
    "email": "E-mail",
    "oldpassword": "Current password",
    "password1": "New password",
    "password2": "New password, again",
    "name": "Name",
    "passwordless": "Use it to sign in without e-mail and password",
}
STORED = {"name", "email"}  # stored as text; the other fields are passwords and codes
HELP = {
    "name": "To recognize it later, for example “Work laptop”.",
    "passwordless": "The passkey then asks for your fingerprint, face or PIN.",
}


class LabelledFormMixin:
    """Sets labels and help texts, and the focus on the first field."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.widget.attrs.pop("placeholder", None)
            field.label = LABELS.get(name, field.label)
            field.help_text = HELP.get(name, "")
            if name in STORED:
                field.validators.append(validate_name)
        # The error summary gets the focus if there are errors.
        first = next(iter(self.fields.values()))
        first.widget.attrs["autofocus"] = not self.is_bound


class SignInForm(LabelledFormMixin, account.LoginForm):
    """E-mail and password."""

    def clean_login(self):
        # Normalized, because it is the key of the rate limits and verification mails.
        return get_adapter().clean_email(super().clean_login())


class SignUpForm(LabelledFormMixin, account.SignupForm):
    """E-mail and a new password."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["password1"].label = "Password"
        self.fields["password2"].label = "Password, again"

    def try_save(self, request):
        if self.account_already_exists:
            simulate_sign_up(request, self.cleaned_data["password1"])
        return super().try_save(request)


def simulate_sign_up(request, password):
    """Do the work of a sign-up and roll it back.

    A faster response for a taken address would reveal that it has an account.
    """
    user = User(email=f"{secrets.token_hex(16)}@example.com")
    user.set_password(password)  # outside the transaction, because hashing is slow
    with transaction.atomic():
        user.save()
        setup_user_email(request, user, [EmailAddress(email=user.email)])
        # The same queries as for the verification mail of a new account.
        user.emailaddress_set.exists()
        has_verified_email(user)
        User.objects.get(pk=get_address_for_user(user).user_id)
        transaction.set_rollback(True)


class ReauthenticatePasswordForm(LabelledFormMixin, account.ReauthenticateForm):
    """Confirms the password of a signed-in user."""


class ChangePasswordForm(LabelledFormMixin, account.ChangePasswordForm):
    """Changes a password."""


class SetPasswordForm(LabelledFormMixin, account.SetPasswordForm):
    """Sets a first password."""


class ResetPasswordForm(LabelledFormMixin, account.ResetPasswordForm):
    """Requests a reset link, which is sent to the stored address of the account."""

    def clean_email(self):
        email = get_adapter().clean_email(self.cleaned_data["email"])
        context.request.limited_key = email  # the key of the rate limit of reset mails
        # allauth would also accept earlier addresses of the account.
        self.users = list(User.objects.filter(email=email, is_active=True))
        return email


class NewPasswordForm(LabelledFormMixin, account.ResetPasswordKeyForm):
    """Sets the password by a reset link."""

    def save(self):
        self.user.resets_password = True
        super().save()


class CodeForm(LabelledFormMixin, SingleUseCodeMixin, mfa.AuthenticateForm):
    """A code of the second factor."""


class ReauthenticateCodeForm(
    LabelledFormMixin, SingleUseCodeMixin, mfa.ReauthenticateForm
):
    """Confirms a code of a signed-in user."""


class ActivateTOTPForm(LabelledFormMixin, totp.ActivateTOTPForm):
    """The first code of an authenticator app."""


class EditPasskeyForm(LabelledFormMixin, webauthn.EditWebAuthnForm):
    """Renames a passkey."""
