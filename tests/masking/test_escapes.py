"""Property tests: no secret can be decoded from masked text, in any format."""

import base64

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from echopoint.masking.mask import Mask
from tests.masking.writers import (
    AROUND,
    EVERY_LETTER,
    LONG_SECRETS,
    SECRETS,
    TABLE,
    WAYS,
    from_base64,
)

pytestmark = pytest.mark.slow

few = settings(max_examples=50, deadline=None, database=None)


def hidden(secret, text):
    """Mask the text; masking it again must change nothing."""
    mask = Mask([secret])
    masked = mask.text(text)
    assert mask.text(masked) == masked
    return masked


@pytest.mark.parametrize("way", WAYS)
@given(secret=st.one_of(SECRETS, LONG_SECRETS), before=AROUND, after=AROUND)
@few
def test_a_secret_cannot_be_read_back(way, secret, before, after):
    write, read = WAYS[way]
    text = write(before + secret + after)
    assert secret in read(text)

    masked = hidden(secret, text)

    assert secret not in masked
    assert secret not in read(masked)


@pytest.mark.parametrize("way", WAYS)
@given(secret=SECRETS, outer=st.sampled_from(sorted(WAYS)), before=AROUND, after=AROUND)
@few
def test_a_secret_that_is_written_twice_cannot_be_read_back(
    way, secret, outer, before, after
):
    write, read = WAYS[way]
    write_outer, read_outer = WAYS[outer]
    text = write_outer(write(before + secret + after))
    # Not everything written in `windows-1252` can be decoded again.
    assume(secret in read(read_outer(text)))

    masked = hidden(secret, text)

    assert secret not in read(read_outer(masked))


@pytest.mark.parametrize("table", TABLE)
@given(secret=SECRETS, before=st.binary(max_size=9), after=st.binary(max_size=9))
@few
def test_a_secret_in_base64_cannot_be_read_back(table, secret, before, after):
    text = TABLE[table](before + secret.encode() + after).decode()
    assert secret in from_base64(text)

    assert hidden(secret, f"\0{text}\0") == "\0***\0"


@pytest.mark.parametrize("way", EVERY_LETTER)
@given(
    secret=SECRETS, escaped=st.integers(1, 40), table=st.sampled_from(sorted(TABLE)),
    before=st.binary(max_size=9), after=st.binary(max_size=9),
)  # fmt: skip
@few
def test_a_secret_whose_letters_are_escaped_in_base64_is_hidden(
    way, secret, escaped, table, before, after
):
    # The unescaped rest must be ASCII without escape characters.
    assume(secret[escaped:].isascii() and not set("%\\&") & set(secret[escaped:]))
    written = EVERY_LETTER[way](secret[:escaped]) + secret[escaped:]
    text = TABLE[table](before + written.encode() + after).decode()

    assert hidden(secret, f"\0{text}\0") == "\0***\0"


@pytest.mark.parametrize("way", ["as it is", "json", "url"])
@given(secret=SECRETS, before=st.binary(max_size=80), after=st.binary(max_size=80))
@few
def test_a_secret_in_lines_of_base64_cannot_be_read_back(way, secret, before, after):
    write, read = WAYS[way]
    text = base64.encodebytes(before + secret.encode() + after).decode()

    masked = read(hidden(secret, write(text)))

    assert secret not in from_base64(masked.replace("\n", ""))


@given(
    user=st.text(max_size=9), secret=SECRETS, way=st.sampled_from(sorted(WAYS)),
    table=st.sampled_from(sorted(TABLE)),
)  # fmt: skip
@settings(max_examples=300, deadline=None, database=None)
def test_a_basic_credential_cannot_be_read_back_however_it_is_written(
    user, secret, way, table
):
    token = TABLE[table](f"{user}:{secret}".encode(errors="replace")).decode()
    write, read = WAYS[way]

    masked = hidden(secret, write(f"Basic {token}"))

    assert secret not in from_base64(read(masked))
    assert token not in read(masked)
