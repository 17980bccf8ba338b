"""Signatures are those of Standard Webhooks."""

import base64

from echopoint.notices.standard_webhooks import generate_secret, headers, signature

# From the tests of the reference libraries.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID, TIMESTAMP = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330
BODY = b'{"test": 2432232314}'
SIGNED = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_signature_is_that_of_the_reference_libraries():
    assert signature(SECRET, ID, TIMESTAMP, BODY) == SIGNED


def test_what_is_signed_is_the_id_the_time_and_the_body():
    others = {
        signature(SECRET, "msg_x", TIMESTAMP, BODY),
        signature(SECRET, ID, TIMESTAMP + 1, BODY),
        signature(SECRET, ID, TIMESTAMP, BODY + b" "),
        signature(generate_secret(), ID, TIMESTAMP, BODY),
    }

    assert len(others) == 4
    assert SIGNED not in others


def test_two_secrets_give_two_signatures():
    other = generate_secret()

    found = headers([other, SECRET], ID, TIMESTAMP, BODY)

    first, second = found["webhook-signature"].split(" ")
    assert (first, second) == (signature(other, ID, TIMESTAMP, BODY), SIGNED)
    assert (found["webhook-id"], found["webhook-timestamp"]) == (ID, str(TIMESTAMP))


def test_a_secret_is_of_32_random_bytes():
    secret, other = generate_secret(), generate_secret()

    assert len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) == 32
    assert secret != other
