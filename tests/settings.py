"""Settings of the test suite."""

import os

os.environ.setdefault("DATABASE_URL", "sqlite://:memory:")
os.environ["SECRET_KEY"] = "only-for-tests-" + "s" * 48
os.environ["API_KEY_PEPPERS"] = "1:only-for-tests-" + "p" * 48
os.environ["ENCRYPTION_KEYS"] = "b25seS1mb3ItdGVzdHMtLW9ubHktZm9yLXRlc3RzLS0="
os.environ["API_KEY_PREFIX"] = "epk_live"
os.environ["ALLOWED_HOSTS"] = "testserver,localhost,127.0.0.1"
os.environ["DEBUG"] = "false"
os.environ["DEMO"] = "false"
os.environ["HTTPS"] = "false"
os.environ["DATABASE_REPLICA_URL"] = ""
os.environ["NOTICES_TO_PRIVATE_NETWORKS"] = "false"
os.environ["REDIS_URL"] = ""
os.environ["TRUSTED_PROXIES"] = "0"
os.environ["EMAIL_URL"] = "dummymail://"
os.environ["EMAIL_FROM"] = "Echopoint <keys@echopoint.example>"
os.environ["OPEN_SIGN_UP"] = "false"
os.environ["GITHUB_SECRET_SCANNING_KEYS_URL"] = ""

from echopoint.settings import *  # noqa: E402

# A fast hash: Django tests the slow ones.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES["staticfiles"]["BACKEND"] = (  # noqa: F405
    "django.contrib.staticfiles.storage.StaticFilesStorage"
)
# Only tests of these delays set them.
ACCOUNT_ANSWER_SECONDS = LEAK_REPORT_SECONDS = 0
# Tests flush counters and send mail explicitly.
SENDER_POLL_SECONDS = None
API_KEY_COUNT_SECONDS = None
# Serve static files without collectstatic.
WHITENOISE_AUTOREFRESH = True
