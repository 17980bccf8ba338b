"""While Redis is down or hangs, sign-in works and the log has one warning."""

import re
import time
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar

import pytest

WITHIN = 15  # seconds, for the two requests of a sign-in
WARNING = "Redis does not answer"


def signed_in(site):
    """Sign in as the demo's owner; return the seconds it took."""
    browser = urllib.request.build_opener(
        urllib.request.HTTPCookieProcessor(CookieJar())
    )
    begun = time.monotonic()
    with browser.open(f"{site.url}/accounts/login/", timeout=60) as answer:
        page = answer.read().decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)[1]
    form = {
        "csrfmiddlewaretoken": token,
        "login": site.demo["email"],
        "password": site.demo["password"],
    }
    data = urllib.parse.urlencode(form).encode()
    with browser.open(f"{site.url}/accounts/login/", data, timeout=60) as answer:
        assert "/accounts/login/" not in answer.url, answer.read().decode()
    return time.monotonic() - begun


@pytest.fixture
def warned(site):
    """Return a function that counts the warnings since the test began."""
    before = site.logged().count(WARNING)
    return lambda: site.logged().count(WARNING) - before


def test_a_redis_that_is_away(fault, site, redis, warned):
    with fault("Redis stopped"):
        redis.stop()
        try:
            taken = [signed_in(site) for _ in range(3)]
        finally:
            redis.start()

    assert max(taken) < WITHIN
    # One warning for each process that served a sign-in.
    assert 1 <= warned() <= 2


def test_a_redis_that_hangs(fault, site, redis, warned):
    time.sleep(11)  # longer than RETRY_AFTER, so that the site uses Redis again
    signed_in(site)
    with fault("Redis hangs"), redis.hanging():
        taken = [signed_in(site) for _ in range(3)]

    assert max(taken) < WITHIN
    assert warned() <= 2
