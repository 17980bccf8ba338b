"""Compare the time of forms with an account and without: `python -m tests.bench_sign_up`.

On the database that DATABASE_URL names, in a test database of its own. It prints medians
and the fastest in milliseconds, of the work alone; the site rounds the answers of sign-up
and reset up to whole seconds. Medians of a busy machine differ by a tenth; the fastest are
the ones to compare.
"""

import os
import statistics
import sys
import time

import django

ROUNDS = 30
PASSWORD = "a staple for the battery"


def seconds(page, email):
    """Return the response time of a form for a new client."""
    from django.core.cache import cache
    from django.test import Client

    cache.clear()
    form = {"email": email, "login": email, "password": "wrong"}
    form |= {"password1": PASSWORD, "password2": PASSWORD}
    start = time.perf_counter()
    answer = Client().post(page, form)
    taken = time.perf_counter() - start
    assert answer.status_code in {200, 302}, answer.status_code
    return taken


def main():
    from echopoint.organizations.models import User

    known = User.objects.create_user("known@example.com", PASSWORD).email
    sys.stdout.write(f"{'milliseconds':<28}{'known':>9}{'unknown':>9}\n")
    for page in ("login/", "signup/", "password/reset/"):
        times = {True: [], False: []}
        seconds(f"/accounts/{page}", known)
        for n in range(ROUNDS):
            new = f"{page.replace('/', '-')}{n}@example.com"
            # Alternate, so that other load on the machine slows both equally.
            for is_known in (True, False) if n % 2 else (False, True):
                email = known if is_known else new
                times[is_known].append(seconds(f"/accounts/{page}", email))
        for name, of in (("median", statistics.median), ("fastest", min)):
            known_ms, unknown_ms = of(times[True]) * 1e3, of(times[False]) * 1e3
            line = f"{page:<18}{name:<10}{known_ms:>9.1f}{unknown_ms:>9.1f}\n"
            sys.stdout.write(line)


if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    django.setup()
    from django.conf import settings
    from django.test.utils import get_runner, override_settings

    from apikeys.db.write_buffers import write_buffers

    as_served = {
        "PASSWORD_HASHERS": ["django.contrib.auth.hashers.PBKDF2PasswordHasher"],
        "EMAIL_URL": "dummymail://",
        "OPEN_SIGN_UP": True,
    }
    runner = get_runner(settings)(interactive=False, verbosity=0)
    runner.setup_test_environment()
    database = runner.setup_databases()
    try:
        with override_settings(
            **as_served, EMAIL_BACKEND="echopoint.mail.backend.QueuedBackend"
        ):
            main()
        # Write pending counts now: later their table is gone.
        write_buffers.flush()
    finally:
        runner.teardown_databases(database)
