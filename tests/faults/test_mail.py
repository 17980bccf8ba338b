"""A hanging mail server does not delay sign-up."""

import re
import time
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar

from tests.faults.services import until

WITHIN = 15  # seconds, for the two requests of a sign-up


def signed_up(site, email):
    """Sign up; return the seconds it took."""
    browser = urllib.request.build_opener(
        urllib.request.HTTPCookieProcessor(CookieJar())
    )
    begun = time.monotonic()
    with browser.open(f"{site.url}/accounts/signup/", timeout=60) as answer:
        page = answer.read().decode()
    password = "a passphrase of four words"
    form = {
        "csrfmiddlewaretoken": re.search(r'middlewaretoken" value="([^"]+)"', page)[1],
        "email": email,
        "password1": password,
        "password2": password,
    }
    data = urllib.parse.urlencode(form).encode()
    with browser.open(f"{site.url}/accounts/signup/", data, timeout=60) as answer:
        assert "on its way" in answer.read().decode()
    return time.monotonic() - begun


def test_a_mail_server_that_hangs(fault, site, mail):
    people = [f"person{n}@acme.example" for n in range(3)]
    mail.hangs.set()
    with fault("the mail server hangs, and three people sign up"):
        taken = [signed_up(site, email) for email in people]
    assert max(taken) < WITHIN
    assert mail.letters == []

    mail.hangs.clear()
    # Each message is retried on its own, with growing pauses.
    until(lambda: len(mail.letters) >= 3, "the mail did not arrive", 120)
    time.sleep(5)
    assert len(mail.letters) == 3
    states = site.postgresql.column("SELECT state FROM mail_mailmessage")
    assert states == {"sent"}
