"""A mistyped URL or sender in the settings stops the start, and is never quoted."""

import pytest

from echopoint.core import service_urls
from tests.core.startup_errors import PASSWORD, error_of


@pytest.mark.parametrize(
    "url",
    [
        "mail.example",
        "mail.example:587",
        f"me:{PASSWORD}@mail.example:587",
        "smtp://",
        "smtp:mail.example",
        f"smtp+tsl://me:{PASSWORD}@mail.example",
        f"smtp://me:{PASSWORD}@mail.example:58x",
        f"smtp://mail.example?{PASSWORD}=1",
        "smtp://mail.example?email_use_tls=treu",
        "smtp://mail.example?timeout=5",
        "smtp+tls://mail.example?email_use_ssl=true",
    ],
)
def test_a_mistyped_mail_server_url_is_refused(url):
    assert "EMAIL_URL" in error_of(service_urls.mail_settings, url)


@pytest.mark.parametrize(
    ("url", "tls"),
    [
        ("smtp+tls://mail.example:587", True),
        ("smtp://mail.example?email_use_tls=true", True),
        ("smtp://mail.example?email_use_tls=false", False),
    ],
)
def test_the_url_selects_tls(url, tls):
    assert service_urls.mail_settings(url)["EMAIL_USE_TLS"] is tls


@pytest.mark.parametrize(
    "value", ["keys@example.com", "Echopoint <keys@example.com>", '"E" <k@e.example>']
)
def test_a_sender_has_an_address(value):
    service_urls.require_sender(value)


@pytest.mark.parametrize(
    "value", ["Echopoint", "keys@", "Echopoint keys@example.com", "Echopoint <keys>"]
)
def test_a_sender_without_an_address_is_refused(value):
    assert "EMAIL_FROM" in error_of(service_urls.require_sender, value)


@pytest.mark.parametrize(
    "url",
    [
        "localhost:6379",
        f"http://me:{PASSWORD}@localhost",
        f"redis://:{PASSWORD}@localhost:63x",
        "redis://localhost/zero",
        "redis://localhost/0?socket_keepalive=treu",
        "rediss://localhost/0?ssl_check_hostname=flase",
    ],
)
def test_a_mistyped_redis_url_is_refused(url):
    assert "REDIS_URL" in error_of(service_urls.require_redis, url)


@pytest.mark.parametrize(
    "url",
    ["redis://localhost:6379/0", "rediss://:pw@r.example", "unix:///run/redis.socket"],
)
def test_a_valid_redis_url_is_accepted(url):
    service_urls.require_redis(url)


URL_NAME = "GITHUB_SECRET_SCANNING_KEYS_URL"


@pytest.mark.parametrize(
    "url",
    [
        "https://api.github.com/meta/public_keys/secret_scanning",
        "https://github.example:8443/keys",
        "http://127.0.0.1:9000/keys",
        "http://localhost/keys",
        "",
    ],
)
def test_an_https_url_is_accepted_and_http_only_to_this_machine(monkeypatch, url):
    monkeypatch.setenv(URL_NAME, url)

    assert service_urls.https_url(URL_NAME) == url


@pytest.mark.parametrize(
    "url",
    [
        "api.github.com/keys",
        "http://api.github.com/keys",
        "ftp://127.0.0.1/keys",
        "https://",
        "https://keys.example:x/",
        f"https://me:{PASSWORD}@keys.example/",
        "https://[::1/keys",
    ],
)
def test_any_other_url_is_refused(monkeypatch, url):
    monkeypatch.setenv(URL_NAME, url)

    assert URL_NAME in error_of(service_urls.https_url, URL_NAME)


@pytest.mark.parametrize(
    ("url", "hosts", "is_https", "base"),
    [
        ("https://keys.example/", ["other"], True, "https://keys.example"),
        ("https://keys.example/below", [], True, "https://keys.example/below"),
        (
            "",
            ["*", ".example", "keys.example", "b.example"],
            True,
            "https://keys.example",
        ),
        ("", ["localhost"], False, "http://localhost:8000"),
        ("", ["*", ".example"], True, ""),
    ],
)
def test_the_address_of_the_site_is_set_or_that_of_the_first_host(
    url, hosts, is_https, base
):
    found = service_urls.site_url(url, hosts, is_https=is_https, port=8000)

    assert found == base
