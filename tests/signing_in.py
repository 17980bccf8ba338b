"""Sign a test client in, now or in the past."""

from allauth.account.internal.flows.login import record_authentication
from django.http import HttpRequest


def sign_in(client, user, *, ago=0):
    """Sign the user in by password, `ago` seconds in the past."""
    client.force_login(user)
    request = HttpRequest()
    request.session = client.session
    record_authentication(request, user, method="password")
    set_back(request.session, ago)


def set_back(session, seconds):
    """Move the authentication times of the session into the past."""
    records = session["account_authentication_methods"]
    for record in records:
        record["at"] -= seconds
    session["account_authentication_methods"] = records
    session.save()
