"""E-mails to people with an account, who choose what they get."""

from django.conf import settings
from django.core.mail import EmailMessage
from django.urls import reverse

from apikeys.contact_mail import one_click
from echopoint.notices import unsubscribing


def message(user, subject, parts, reason):
    """Return the mail: the parts, one below the other, and how to get no more of them.

    `reason` is a sentence that says why the user gets it.
    """
    url = unsubscribing.url_for(user)
    footer = (
        f"{reason}\n"
        f"Choose what you get: {link('notices:choices')}\n"
        f"Stop these e-mails: {url}\n"
    )
    return EmailMessage(
        subject,
        "\n\n".join([*parts, footer]),
        settings.DEFAULT_FROM_EMAIL,
        [user.email],
        headers=one_click(url),
    )


def link(name, *args):
    return settings.SITE_URL + reverse(name, args=args)
