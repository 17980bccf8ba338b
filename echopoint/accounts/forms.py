"""allauth's forms in our words, without placeholders that repeat the labels."""

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

from echopoint.accounts.second_factor import OnceMixin
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
KEPT = {"name", "email"}  # the rest is a password or a code
HELP = {
    "name": "To recognize it later, for example “Work laptop”.",
    "passwordless": "The passkey then asks for your fingerprint, face or PIN.",
}


class InOurWords:
    """A form with our labels; its first field has the focus when it opens."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.widget.attrs.pop("placeholder", None)
            field.label = LABELS.get(name, field.label)
            field.help_text = HELP.get(name, "")
            if name in KEPT:
                field.validators.append(validate_name)
        # When the form comes back with errors, these get the focus.
        first = next(iter(self.fields.values()))
        first.widget.attrs["autofocus"] = not self.is_bound


class SignInForm(InOurWords, account.LoginForm):
    """E-mail and password."""

    def clean_login(self):
        # Attempts are counted by it, and an address that is not verified gets a mail.
        return get_adapter().clean_email(super().clean_login())


class SignUpForm(InOurWords, account.SignupForm):
    """E-mail and a new password."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["password1"].label = "Password"
        self.fields["password2"].label = "Password, again"

    def try_save(self, request):
        if self.account_already_exists:
            rehearse(request, self.cleaned_data["password1"])
        return super().try_save(request)


def rehearse(request, password):
    """Do the work of a new account, and undo it: less work would tell that there is one."""
    person = User(email=f"{secrets.token_hex(16)}@example.com")
    person.set_password(password)  # not in the transaction: it takes long
    with transaction.atomic():
        person.save()
        setup_user_email(request, person, [EmailAddress(email=person.email)])
        # What the request for a verified address looks up.
        person.emailaddress_set.exists()
        has_verified_email(person)
        User.objects.get(pk=get_address_for_user(person).user_id)
        transaction.set_rollback(True)


class PasswordAgainForm(InOurWords, account.ReauthenticateForm):
    """The password, once more."""


class ChangePasswordForm(InOurWords, account.ChangePasswordForm):
    """The password and a new one."""


class SetPasswordForm(InOurWords, account.SetPasswordForm):
    """A first password."""


class ResetPasswordForm(InOurWords, account.ResetPasswordForm):
    """Whose password to reset; the link goes to the address of the account."""

    def clean_email(self):
        email = get_adapter().clean_email(self.cleaned_data["email"])
        context.request.limited_key = email  # requests are limited by it, too
        # Not by the addresses that an account had before, as allauth would.
        self.users = list(User.objects.filter(email=email, is_active=True))
        return email


class NewPasswordForm(InOurWords, account.ResetPasswordKeyForm):
    """A new password, after the link."""

    def save(self):
        self.user.resets_password = True
        super().save()


class CodeForm(InOurWords, OnceMixin, mfa.AuthenticateForm):
    """A code of the second factor."""


class CodeAgainForm(InOurWords, OnceMixin, mfa.ReauthenticateForm):
    """A code, once more."""


class ActivateTOTPForm(InOurWords, totp.ActivateTOTPForm):
    """The first code of an authenticator app."""


class EditPasskeyForm(InOurWords, webauthn.EditWebAuthnForm):
    """A passkey's name."""
