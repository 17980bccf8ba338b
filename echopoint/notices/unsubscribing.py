"""Links that stop the e-mails without a sign-in (RFC 8058)."""

from django.conf import settings
from django.core import signing
from django.urls import reverse

from echopoint.organizations.models import User

# Without an age: people unsubscribe from old mail too, and the link does nothing else.
signer = signing.Signer(salt="notices.unsubscribe")


def url_for(user):
    path = reverse("notices:unsubscribe", args=[signer.sign(user.pk)])
    return settings.SITE_URL + path


def user_of(token):
    """Return the person whom the link is for, or None if it is not valid."""
    try:
        return User.objects.filter(pk=signer.unsign(token)).first()
    except signing.BadSignature:
        return None
