import base64
import html
import json
import time
from urllib.parse import quote, quote_plus

import pytest

from echopoint.masking.mask import Mask

SECRETS = [
    "CANARY-5f3a9c",
    "p@ss w/ord+&=\"quoted\" \\back\\ <tag> 'x'",
    "zażółć-日本-🔑-key",
    'line one of it\nline "two" of it\ttab',
    "%7Bpercent%7D%20encoded",
    "CamelCaseSecretValue",
    "/+/+/+sl4shes+/+/",
]
WAYS = {
    "plain": str,
    "quote": quote,
    "quote all": lambda text: quote(text, safe=""),
    "quote plus": quote_plus,
    "quote small": lambda text: quote(text, safe="").lower(),
    "quoted twice": lambda text: quote(quote(text)),
    "json": json.dumps,
    "json of unicode": lambda text: json.dumps(text, ensure_ascii=False),
    "json twice": lambda text: json.dumps(json.dumps(text)),
    "json of json, thrice": lambda text: json.dumps(
        json.dumps({"a": json.dumps(text)})
    ),
    "json in a url": lambda text: quote(json.dumps({"a": text})),
    "slashes": lambda text: json.dumps(text).replace("/", "\\/"),
    "html": html.escape,
    "html twice": lambda text: html.escape(html.escape(text)),
    "html numbers": lambda text: "".join(
        letter if letter.isalnum() and letter.isascii() else f"&#x{ord(letter):x};"
        for letter in text
    ),
    "small": str.lower,
    "repr": repr,
    "latin-1": lambda text: text.encode().decode("latin-1"),
}


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("way", WAYS)
def test_a_secret_is_hidden_however_it_is_written(secret, way):
    written = WAYS[way](secret)

    hidden = Mask([secret]).text(f"<a>{written}</a> and once more {written}.")

    assert "***" in hidden
    longest = max(secret.split(), key=len)
    for part in (secret, written, longest):
        assert part not in hidden
    assert hidden.startswith("<a>")
    assert hidden.endswith(".")


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("before", ["", "u", "us", "user:", "a longer name:"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_a_token_of_base64_with_a_secret_in_it_is_hidden_as_a_whole(
    secret, before, encode
):
    token = encode(f"{before}{secret} and more".encode()).decode()

    hidden = Mask([secret]).text(f"Authorization: Basic {token}, X-Next: 1")

    assert hidden == "Authorization: Basic ***, X-Next: 1"


def test_base64_is_found_percent_encoded_and_in_json():
    token = base64.b64encode(b"u:\xff\xfe??>>secret~~").decode()
    secret = "??>>secret~~"
    assert "/" in token or "+" in token

    hidden = Mask([secret]).text(f"x={quote(token, safe='')}&y={json.dumps(token)}")

    assert "secret" not in hidden
    assert token not in hidden
    assert hidden.count("***") == 2


def test_only_the_lines_of_base64_that_hold_the_secret_are_hidden():
    # A line encodes 57 bytes, so the secret starts in the first and ends in the second.
    lines = base64.encodebytes(b"-" * 50 + b"CANARY-5f3a9c" + b"-" * 100).decode()
    *_, last = lines.split()

    hidden = Mask(["CANARY-5f3a9c"]).text(f"Subject\n{lines}End")

    assert hidden == f"Subject\n***\n{last}\nEnd"


def test_only_the_base64_with_the_escaped_secret_is_hidden():
    other = base64.b64encode(bytes(30)).decode()
    token = base64.b64encode(b"%61bcdefgh").decode()

    hidden = Mask(["abcdefgh"]).text(f"{other} {token} {other}")

    assert hidden == f"{other} *** {other}"


def test_the_longest_secret_is_hidden_first():
    assert Mask(["abc", "abcdef"]).text("abcdef abc") == "*** ***"


def test_other_text_is_unchanged():
    text = "a canary sings; YWJj; {'x': 1} 100%"

    assert Mask(["CANARY-5f3a9c", "", "  "]).text(text).replace("***", "  ") == text
    assert Mask([]).text(text) == text


def test_a_value_is_hidden_in_texts_names_and_numbers():
    mask = Mask(["s3cret", "1234567", 42, {"nested": ["inner-secret"]}, None, True])

    hidden = mask.value(
        {
            "s3cret": ["a s3cret b", 1234567, 1234567.0, 12345678, 42],
            "x": {"y": "inner-secret", "on": True, "none": None},
        }
    )

    assert hidden == {
        "***": ["a *** b", "***", "***", 12345678, "***"],
        "x": {"y": "***", "on": True, "none": None},
    }


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("secret", ["plain-secret", "pässwörd-ß"])
def test_bytes_are_hidden_in_any_of_these_encodings(secret, encoding):
    body = Mask([secret]).body(f"x {secret} y".encode(encoding))

    assert body == "x *** y".encode(encoding)


def test_bytes_that_are_no_text_stay():
    body = bytes(range(256)) * 3

    assert Mask(["CANARY-5f3a9c"]).body(body) == body


def test_a_long_part_of_a_secret_is_masked_too():
    mask = Mask(["-----BEGIN KEY-----\nMIIEvQIBADANBg\nshort\n", "first-part&second"])

    assert mask.text("MIIEvQIBADANBg and short") == "*** and short"
    assert mask.text("/x?y=first-part&second=") == "/x?y=***="
    assert mask.text('{"y": "first-part"}') == '{"y": "***"}'


def test_what_is_learned_later_is_hidden_from_then_on():
    mask = Mask([])
    before = mask.text("token abc")
    mask.learn("abc")

    assert (before, mask.text("token abc")) == ("token abc", "token ***")
    assert mask.hides("xabcx")
    assert not mask.hides("ab c")


def test_the_repr_of_a_mask_contains_no_secret():
    assert "s3cret" not in repr(Mask(["s3cret"])) + str(Mask(["s3cret"]))


@pytest.mark.parametrize(
    ("secret", "text"),
    [
        ('"""""""x', "\\" * 300_000),
        ("\\\\\\\\\\\\x", "\\" * 300_000),
        ("ééééééééééééx", "\ufffd" * 300_000),
        ("&&&&&&&&x", "&amp;" * 60_000),
        ("        x", "+" * 300_000),
        ("abc", "YWJj" * 100_000),
        ("%%%%%%%%x", "%25" * 100_000),
        ('\\"' * 12 + "x", '\\\\\\\\"' * 60_000),
        ("abc", "YWJj%2B" * 60_000),
        ("abc", "YWJj" + "%2B" * 100_000),
        ("*x", "*" + "x" * 300_000),
        ("k" * 2000 + "z", "k" * 300_000),
        ("abcdefghz", "abcdefgh" * 40_000),
        ("%%%%%%%%x", base64.b64encode(b"%25" * 70_000).decode()),
        ("abcdefgh", base64.b64encode(b"%61bcdefgh" * 20_000).decode()),
        ("abcdefgh", "JTYx\n" * 60_000),
    ],
)
@pytest.mark.slow
def test_masking_is_linear_in_the_text(secret, text):
    began = time.monotonic()

    Mask([secret]).text(text + "x")

    assert time.monotonic() - began < 20
