"""Signing a test client in."""

from allauth.account.internal.flows.login import record_authentication
from django.http import HttpRequest


def sign_in(client, user, *, ago=0):
    """Sign the person in, as if `ago` seconds ago by password."""
    client.force_login(user)
    request = HttpRequest()
    request.session = client.session
    record_authentication(request, user, method="password")
    set_back(request.session, ago)


def set_back(session, seconds):
    """Make all that the session knows of authentication older."""
    records = session["account_authentication_methods"]
    for record in records:
        record["at"] -= seconds
    session["account_authentication_methods"] = records
    session.save()
