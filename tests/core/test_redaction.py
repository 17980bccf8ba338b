"""Keys are redacted in logs and detected in names."""

import logging
import sys
import time
from io import StringIO

import pytest
from django.conf import settings as project

from apikeys import tokens
from echopoint.core.redaction import (
    SecretsRedacted,
    cleaned,
    holds_a_key,
    holds_a_secret,
    keys_in,
    redact,
    without_rows,
)
from tests.core.keys import KEY, RANDOM, SHOWN


@pytest.fixture
def log():
    """Return a logger with the handler configuration of the project."""
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(SecretsRedacted())
    logger = logging.Logger("test")
    logger.addHandler(handler)
    logger.written = stream.getvalue
    return logger


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (KEY, SHOWN),
        (f"X-Api-Key: {KEY}\r\n", f"X-Api-Key: {SHOWN}\r\n"),
        (f"{KEY},{KEY}", f"{SHOWN},{SHOWN}"),
        (f'{{"key": "{KEY}"}}', f'{{"key": "{SHOWN}"}}'),
        (f"?key={KEY}&a=b", f"?key={SHOWN}&a=b"),
        (KEY[:-30], SHOWN),
        (KEY[:23], SHOWN),
        (KEY + "tail", SHOWN),
        (KEY.upper(), f"{KEY[:22].upper()}…"),
        (SHOWN, SHOWN),
        ("epk_live_", "epk_live_"),
        ("key_AbCdEfGhIjKl", "key_AbCdEfGhIjKl"),
        ("", ""),
    ],
)
def test_a_key_ends_at_its_public_id(text, clean):
    assert redact(text) == clean


def test_the_prefix_is_that_of_the_settings(settings):
    settings.API_KEY_PREFIX = "epk_test"

    text = tokens.generate().text

    assert redact(text) == f"{text[:22]}…"


@pytest.mark.parametrize(
    "arguments",
    [
        (f"got {KEY}",),
        ("got %s", KEY),
        ("got %r", {"key": KEY}),
        ("got %(key)s", {"key": KEY}),
        (ValueError(KEY),),
        ("got %s", ValueError(KEY)),
    ],
)
def test_a_key_is_redacted_in_message_and_arguments(log, arguments):
    log.warning(*arguments)

    assert SHOWN in log.written()
    assert KEY[22:] not in log.written()


def test_a_traceback_shows_no_key(log):
    try:
        raise ValueError(f"bad key {KEY}") from KeyError(KEY)
    except ValueError:
        log.exception("It failed.")

    assert "Traceback" in log.written()
    assert f"bad key {SHOWN}" in log.written()
    assert KEY[22:] not in log.written()


def test_a_traceback_formatted_before_shows_no_key(log):
    record = log.makeRecord("test", logging.ERROR, "", 0, "It failed.", (), None)
    try:
        raise ValueError(KEY)
    except ValueError:
        record.exc_info = sys.exc_info()
    record.exc_text = f"ValueError: {KEY}"

    log.handle(record)

    assert f"ValueError: {SHOWN}" in log.written()
    assert KEY[22:] not in log.written()


def test_a_message_without_a_key_is_unchanged(log):
    log.warning("%d of %s", 3, "five")

    assert log.written() == "3 of five\n"


def test_a_wrong_format_string_fails_no_request(log, monkeypatch):
    monkeypatch.setattr(logging, "raiseExceptions", False)

    log.warning("%d of %d", 3)


def test_every_handler_of_the_project_has_the_filter():
    filters = project.LOGGING["filters"]
    names = {n for n, f in filters.items() if f["()"].endswith(".SecretsRedacted")}

    assert project.LOGGING["handlers"]
    for handler in project.LOGGING["handlers"].values():
        assert names & set(handler["filters"])
    loggers = project.LOGGING["loggers"].values()
    assert not [logger for logger in loggers if logger.get("handlers")]


ID, SECRET = KEY[9:21], KEY[22:]
WORDS = ("old", "new2", "backup2026", "Production", "DEPRECATED", "decommissioned")
RANDOM_43 = RANDOM[:43]
WIDE = str.maketrans({chr(n): chr(n + 0xFEE0) for n in range(0x21, 0x7F)})


@pytest.mark.parametrize(
    "text",
    [
        KEY,
        f"the key is {KEY}, for CI",
        KEY[:30],
        KEY[:-20],
        f"epk_live_{ID}_{RANDOM[:8]}",
        f"epk_live_{ID}_{'abcdefgh' * 2}",
        f"{SHOWN[:-1]}old and {KEY}",
        SECRET,
        SECRET[:43],
        RANDOM[-34:],
        f"{ID}_{SECRET}",
        f"live_{ID}_{RANDOM[:18]}",
        KEY.replace("live", "test"),
        f"acme_{ID}_{RANDOM}",
        f"acme_{ID}_{RANDOM[:20]}",
        f"acme_{RANDOM[-12:]}_{RANDOM[:43]}",
        f"https://echopoint.example/flows?key={SECRET}",
        f"https://echopoint.example/{KEY}",
        f"https://{SECRET}@echopoint.example/",
        KEY.translate(WIDE),
        KEY[:30].translate(WIDE),
        "\u200b".join(KEY),
        "\u200b".join(KEY[:30]),
        f"{KEY[:30]}\u00ad{KEY[30:]}",
        "\u2060".join(SECRET),
        f"Aa1_{KEY}_x",
        KEY.upper(),
        KEY.lower(),
        KEY.upper()[:40],
        f"see {KEY.title()}",
        f"https://echopoint.example/{SECRET}",
        f"https://echopoint.example/a/{SECRET}/b?c=d",
        f"https://echopoint.example/a/{RANDOM_43}#b",
        f"https://echopoint.example/a/{ID}_{SECRET}",
        f"{SECRET[:20]}\n{SECRET[20:]}",
        f"the secret is\r\n  {SECRET[:20]}\r\n  {SECRET[20:]}\r\nfor CI",
        f"{SECRET[:20]}\u2028{SECRET[20:]}",
        f"{SECRET[:20]}\u200b{SECRET[20:]}",
        f"CI\u200b{SECRET[:20]}\u200b{SECRET[20:]}\u200bCI",
        f"{SECRET[:20]}\x07{SECRET[20:]}",
        f"https://echopoint.example/{SECRET[:20]}\u200b{SECRET[20:]}",
        "\n".join(SECRET),
        "\n".join(KEY),
        f"{KEY[:15]}\n{KEY[15:]}\nsee above",
        f"epk_live_\n{ID}_{SECRET}",
        f"key:\n{ID}_\n{SECRET}",
        f"{RANDOM_43[:9]}\n{RANDOM_43[9:]}",
    ],
)
def test_a_complete_or_partial_key_is_detected_in_any_disguise(text):
    assert holds_a_secret(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        SHOWN,
        KEY[:22],
        KEY[:21],
        f"key_{ID}",
        f"replaces {SHOWN}, see key_{ID}",
        f"{SHOWN} (production)",
        f"epk_live_{ID}_...",
        f"epk_live_{ID}-old",
        *(f"epk_live_{ID}_{word}" for word in WORDS),
        f"replaces epk_live_{ID}_old\nCheckout2 in staging",
        f"EPK_LIVE_{ID}_OLD",
        KEY[:29],
        "GitHub Actions, web",
        "Checkout\nPayments2\nOrders\nInvoices\nStock\nCustomers",
        f"{ID}\n{ID}\n{ID}\n{ID}",
        f"epk_live_{ID}\nReplacement\nfor\nanother\nkey",
        "2fd4e1c67a2d28fced849ee1bb76e7391b93eb12",
        "2FD4E1C67A2D28FCED849EE1BB76E7391B93EB12",
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "8f2e7d1c-5b6a-4c3d-9e0f-1a2b3c4d5e6f",
        "8f2e7d1c5b6a4c3d9e0f1a2b3c4d5e6f",
        "refs/heads/dependabot/npm_and_yarn/web/eslint-plugin-react-hooks-5.2.0",
        "checkout-api-7d9f8b6c5-x2x4z.production.svc.cluster.local",
        "arn:aws:iam::123456789012:role/GitHubActionsDeploymentRoleForProduction",
        "https://docs.google.com/document/d/1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74OgvE2upms/edit",
        "TestOAuth2AuthorizationCodeFlowEndToEnd",
        "GetUserByIdV2Returns404IfNotFoundOrGone",
        "TestInternationalizationOfTheCheckout2",
        "GetX509CertOrCSRByIdV2IfUserOfAPIV4IsAdmin",
        "theHTTPSAPIV2OfACMEAndIBMOrABBV3IsUpOnAWS2",
        "THISISACONSTANTOfTheCheckout2ForAll",
        "0xA9FB57DBA1EEA9BC3E660A909D838D718C397AA3B561A6F7901E0E82974856A7",
        "0xa9fb57dba1eea9bc3e660a909d838d718c397aa3b561a6f7901e0e82974856A7",
        "feature_checkoutPage_GetUrlByIdV2OrV3",
        "xy-edge__checkoutPage1success-paymentNode2input",
        "thisisaverylongnamewithoutanyspacesinitatallbutitisone",
        "THIS_IS_A_CONSTANT_ABCDEFGHIJ12_ABCDEFGHIJ1234567890",
        "deploy_ProductionV2_CheckoutServiceCanary2",
        "org_4fGh1kLmN0pQ7rSt wh_4fGh1kLmN0pQ7rSt",
        "01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "0" * 64,
        "x" * 5000,
        "Ключ 鍵 🔑",
    ],
)
def test_ordinary_names_are_not_taken_for_secrets(text):
    assert not holds_a_secret(text)


# Names that programs generate, with random parts.
RANDOM_EDGE = f"xy-edge__{RANDOM[:21]}{RANDOM[21:35]}-{RANDOM[5:40]}"
MADE_UP = [
    RANDOM,
    RANDOM_43,
    RANDOM_EDGE,
    f"refs/heads/bot/{RANDOM}",
    f"acme_{ID}_{RANDOM}",
    f"runner_{ID}_{RANDOM[:32]}",
    f"live_{ID}_{SECRET[:-1]}x",
    SHOWN,
]


@pytest.mark.parametrize("text", MADE_UP)
def test_a_possible_secret_is_not_a_definite_key(text):
    assert not holds_a_key(text)


@pytest.mark.parametrize(
    "text",
    [
        KEY,
        KEY[:30],
        KEY.upper(),
        f"refs/heads/{KEY}",
        f"xy-edge__{KEY}-a",
        f"{ID}_{SECRET}",
        f"live_{ID}_{SECRET}",
        f"refs/heads/{ID}_{SECRET}-fix",
        "\u200b".join(f"{ID}_{SECRET}"),
        f"acme_test_{ID}_{SECRET[:43]}{tokens.checksum(f'acme_test_{ID}_{SECRET[:43]}')}",
    ],
)
def test_a_definite_key_is_detected_by_form_or_checksum(text):
    assert holds_a_key(text)


def test_few_secrets_are_missed_without_their_prefix():
    secrets = [tokens.generate().text.rpartition("_")[2] for _ in range(2000)]

    unnoticed = sum(not holds_a_secret(secret) for secret in secrets)

    assert unnoticed < 20  # one in a thousand is expected


@pytest.mark.slow
def test_a_long_text_is_searched_fast():
    for part in (
        "a",
        "a_",
        "a\n",
        "a \n",
        "Aa1\u200b",
        " ",
        "https://",
        f"a_{ID}_",
        "Aa1",
        "é",
        "_____",
    ):
        began = time.process_time()

        holds_a_secret(part * (1_000_000 // len(part)))

        assert time.process_time() - began < 5


def test_secrets_are_removed_from_a_json_value_at_any_depth():
    value = {
        "reason": f"leaked: {KEY}",
        KEY: [KEY, {"tail": SECRET, "kept": "é", "count": 1, "none": None}],
        "wide": KEY.translate(WIDE),
        "scopes": ("flows:read",),
    }

    assert cleaned(value) == {
        "reason": f"leaked: {SHOWN}",
        SHOWN.replace("…", "..."): [
            SHOWN,
            {"tail": "…", "kept": "é", "count": 1, "none": None},
        ],
        "wide": SHOWN,
        "scopes": ["flows:read"],
    }


def test_a_secret_in_pieces_is_removed_completely():
    assert cleaned(f"a {SECRET[:20]}\n{SECRET[20:]} b") == "…"


def test_a_cleaned_text_does_not_get_longer():
    text = "\ufdfa" + KEY[:23]

    assert len(cleaned(text)) <= len(text)


def test_keys_are_found_in_a_json_value_by_their_paths():
    value = {
        "a": [{"b": f"Bearer {KEY}"}, "Bearer {{login.token}}", {KEY: KEY}, 1, None],
        "c": KEY,
        "d": {"id": f"key_{ID}", "shown": SHOWN},
    }

    assert [*keys_in(value)] == ["a[0].b", "a[2]", "c"]
    assert [*keys_in(KEY)] == [""]
    assert [*keys_in({"a": ["{{api_key}}"], "b": SHOWN})] == []


def test_values_of_a_rejected_row_are_removed_whatever_lines_they_have():
    text = (
        "Traceback (most recent call last):\n  File x\nIntegrityError: no\n"
        "DETAIL:  Failing row contains (1, first\n\nsecond\n).\n"
        "\nThe above exception was the direct cause of the following exception:\n"
        "IntegrityError: no\nDETAIL:  Failing row contains (third\n\nfourth).\n"
    )

    shown = without_rows(text)

    assert not [
        word for word in ("first", "second", "third", "fourth") if word in shown
    ]
    assert shown.count("IntegrityError: no") == 2
    assert "The above exception was the direct cause" in shown
