"""Forms of a secret that are masked, and forms that are not."""

import base64
import html
import json
import unicodedata
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echopoint.masking.decoded_text import DecodedText
from echopoint.masking.escapes import ANY_ESCAPE
from echopoint.masking.mask import Mask

SECRET = "zażółć-key"


@pytest.mark.parametrize(
    ("written", "letter"),
    [
        ("%41", "A"), ("%C5%BC", "ż"), ("%c5%bc", "ż"), ("%E6%97%A5", "日"),
        ("%e6%97%a5", "日"), ("%F0%9F%94%91", "🔑"), ("%f0%9f%94%91", "🔑"), ("%FC", "ü"),
        ("\\u0041", "A"), ("\\u007E", "~"), ("\\ud83d\\udd11", "🔑"), ("\\u{1f511}", "🔑"),
        ("\\x41", "A"), ("\\n", "\n"), ("\\/", "/"), ("\\\\", "\\"), ('\\"', '"'),
        ("&#65;", "A"), ("&#x1F511;", "🔑"), ("&#X41;", "A"), ("&eacute;", "é"),
        ("&amp;", "&"), ("&apos;", "'"), ("Ã¼", "ü"), ("â‚¬", "€"), ("ðŸ”‘", "🔑"),
    ],
)  # fmt: skip
def test_an_escape_is_read_in_one_go(written, letter):
    assert DecodedText(f"<{written}>").decode(ANY_ESCAPE).text == f"<{letter}>"


@pytest.mark.parametrize("text", ["&none;", "&#0;", "&#1114112;", "%4", "\\u12", "é"])
def test_text_that_is_not_an_escape_is_not_decoded(text):
    assert DecodedText(text).decode(ANY_ESCAPE) is None


def test_a_letter_beside_a_secret_does_not_join_it_to_an_escape():
    """`%41` is `A` in a URL, but this is JSON; then JSON or HTML in a URL."""
    twice = quote(html.escape("00<\\Ā"))

    assert Mask(['41"x']).text('%41\\"x') == "%***"
    assert Mask(["00<\\"]).text(twice) == "***%C4%80"


def test_three_ways_one_in_another_are_read():
    text = quote(html.escape(json.dumps('p@ss "word" <1>')))

    assert Mask(['p@ss "word" <1>']).text(text) == "%26quot%3B***%26quot%3B"


@pytest.mark.parametrize(
    ("secret", "text"),
    [
        ("p@ss-word", b"p@ss-word".hex()),
        ("p@ss-word", b"p@ss-word".hex().upper()),
        (" p@ss ", "p@ss"),
        ("p%40ss/word", "p@ss/word"),
        ("Shop-Host", "shop-host"),
        ("Shop-Host", base64.b64encode(b"at shop-host!").decode()),
        (SECRET, unicodedata.normalize("NFD", SECRET)),
        (unicodedata.normalize("NFD", SECRET), SECRET),
        (SECRET, "za????-key"),
        (SECRET, "za????????-key"),
        (SECRET, "za\ufffd\ufffd\ufffd\ufffd-key"),
        ("postgres://bob:p%40ss-word@db/x", "p@ss-word"),
        ("https://bob:p%40ss@x.example/", base64.b64encode(b"bob:p@ss").decode()),
        ("pässwörd", base64.b64encode("bob:pässwörd".encode("latin-1")).decode()),
        ('p"ss\\wo', base64.b64encode(json.dumps(['p"ss\\wo']).encode()).decode()),
        ("zażółć", base64.b64encode(json.dumps(["zażółć"]).encode()).decode()),
        ("p@ss /wo", base64.b64encode(b"x=" + quote("p@ss /wo").encode()).decode()),
        ("p<ss>&wo", base64.b64encode(html.escape("p<ss>&wo").encode()).decode()),
    ],
)
def test_a_secret_is_hidden_as_what_becomes_of_it(secret, text):
    assert Mask([secret]).text(f"<{text}>") == "<***>"


def test_a_secret_in_windows_1252_is_hidden_in_a_body():
    assert Mask(["€uro-key"]).body(b"\x80uro-key \xff") == b"*** \xff"


@pytest.mark.parametrize(
    ("secret", "text"),
    [("a%20b", "a b"), ("ab", "YW is YWI"), ("日本語", "???"), ("日本語ab", "???ab"),
     ("ABC", "abc"), ("abc", "616263")],
)  # fmt: skip
def test_what_is_left_of_a_short_secret_is_not_hidden_everywhere(secret, text):
    assert Mask([secret]).text(text) == text


def test_stars_of_a_secret_are_distinguished_from_a_mask():
    assert Mask(["ab*cd"]).text("<ab*cd>") == "<***>"
    assert "abcd" not in Mask(["abcd***efgh"]).text("<abcd***efgh>")
    assert Mask(["*hunter2*"]).text("***hunter2***") == "*********"
    assert Mask(["*"]).text("a*b***") == "a***b***"


FEW = '*ab41%&\\"#;'


@given(
    secrets=st.lists(st.text(FEW, min_size=1, max_size=6), max_size=4), data=st.data()
)
@settings(max_examples=1000, deadline=None, database=None)
@pytest.mark.slow
def test_to_mask_twice_is_to_mask_once(secrets, data):
    pieces = [*secrets, *FEW, "***", "%41", "&#4;", "\\\\", "YWJj"]
    text = "".join(data.draw(st.lists(st.sampled_from(pieces), max_size=12)))
    mask = Mask(secrets)

    masked = mask.text(text)

    assert mask.text(masked) == masked


def test_a_secret_that_a_mask_completes_is_masked_too():
    text = "abc%" + quote(html.escape(json.dumps('41"x')[1:-1]))

    assert Mask(["abc%", '41"x']).text(text) == "******"
