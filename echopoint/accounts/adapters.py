"""Adapters that configure django-allauth."""

import base64
from functools import partial

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.stages import EmailVerificationStage
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.contrib.auth import get_user_model

from echopoint.accounts import attempts
from echopoint.core.audit_log import audit_log
from echopoint.core.client_address import address

User = get_user_model()
ITS_STAGE = "allauth.account.stages.EmailVerificationStage"
OUR_STAGE = "echopoint.accounts.adapters.SignUpVerificationStage"


class SignUpVerificationStage(EmailVerificationStage):
    """Requires verification from self-registered users only.

    Accounts created by an operator have no EmailAddress row.
    """

    def handle(self):
        user = self.login.user
        # The user is None if an account has the address of a sign-up. The response must
        # not reveal that.
        if user and not user.emailaddress_set.exists():
            return None, True
        return super().handle()


class AccountAdapter(DefaultAccountAdapter):
    """Sign-in by e-mail and password within rate limits. Sign-up is off by default."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": "That e-mail and password do not match. Passwords"
        " are case-sensitive; e-mail addresses are not.",
        "incorrect_password": "This password is incorrect.",
    }

    def get_client_ip(self, request):
        # The rate limits use this value as their key. allauth's own function raises if
        # the request has no trustworthy address, so that nobody could sign in.
        return address(request) or "unknown"

    def authenticate(self, request, **credentials):
        email = credentials.get("email", "")
        account = User.objects.filter(email=email).first() or User(email=email)
        check = partial(super().authenticate, request, **credentials)
        return attempts.check_password(request, account, check)

    def reauthenticate(self, user, password):
        # allauth would also accept earlier addresses of the account.
        return self.authenticate(context.request, email=user.email, password=password)

    def is_open_for_signup(self, request):
        return settings.OPEN_SIGN_UP

    def clean_email(self, email):
        email = User.objects.normalize_email(email)
        # Validated again: normalization can lengthen the address, or turn it into several.
        User._meta.get_field("email").run_validators(email)
        return email

    # Mail about an account goes to its stored address only. The submitted address may look
    # the same and belong to the mailbox of another person.

    def send_password_reset_mail(self, user, email, context):
        super().send_password_reset_mail(user, user.email, context)

    def send_notification_mail(self, template_prefix, user, context=None, email=None):
        email = email or user.email
        super().send_notification_mail(template_prefix, user, context, email)

    def respond_user_inactive(self, request, user):
        audit_log().sign_in_failed(user, "switched_off")
        return super().respond_user_inactive(request, user)

    def get_login_stages(self):
        stages = super().get_login_stages()
        return [OUR_STAGE if stage == ITS_STAGE else stage for stage in stages]

    def get_password_change_redirect_url(self, request):
        return self.get_login_redirect_url(request)

    def get_reauthentication_methods(self, user):
        descriptions = {
            "reauthenticate": "Use your password",
            "mfa_reauthenticate": "Use a code from your authenticator app",
            "mfa_reauthenticate:webauthn": "Use a passkey",
        }
        methods = super().get_reauthentication_methods(user)
        return [
            method | {"description": descriptions[method["id"]]} for method in methods
        ]


class MFAAdapter(DefaultMFAAdapter):
    """Encrypts the secrets of second factors with SECRET_KEY."""

    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": "This code is incorrect, or was already used."
    }

    def encrypt(self, text):
        return get_cipher().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text):
        return get_cipher().decrypt(encrypted_text.encode()).decode()

    def generate_authenticator_name(self, user, type):
        count = user.authenticator_set.filter(type=type).count()
        return f"Passkey {count + 1}"


def get_cipher():
    """Return the cipher of SECRET_KEY; SECRET_KEY_FALLBACKS still decrypt."""
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return MultiFernet([Fernet(derive_key(key)) for key in keys])


def derive_key(key):
    hkdf = HKDF(SHA256(), length=32, salt=None, info=b"echopoint second factors")
    return base64.urlsafe_b64encode(hkdf.derive(key.encode()))
