"""Bodies that come in chunks, and so without a length."""

import io
import json

import pytest
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.test import RequestFactory

from echopoint.api.chunks import Dechunked
from echopoint.webhooks.models import CapturedRequest, Webhook

LIMIT = settings.DATA_UPLOAD_MAX_MEMORY_SIZE


class Broken(io.RawIOBase):
    """A stream whose chunks are no chunks."""

    def read(self, size=-1):
        raise ValueError("invalid chunk size")


@pytest.fixture
def send(acme):
    """Return a sender of chunks to a webhook: (status, answer)."""
    webhook = Webhook.objects.create(organization=acme, name="chunks")
    application = Dechunked(get_wsgi_application())

    def send(stream, terminated=True):
        environ = RequestFactory().post(f"/webhook/{webhook.pk}").environ | {
            "CONTENT_LENGTH": "",
            "CONTENT_TYPE": "text/plain",
            "HTTP_TRANSFER_ENCODING": "chunked",
            "wsgi.input": stream,
            "wsgi.input_terminated": terminated,
        }
        statuses = []
        answer = application(environ, lambda status, headers: statuses.append(status))
        return int(statuses[0][:3]), json.loads(b"".join(answer))

    return send


def test_chunks_are_read_whole(send):
    status, _ = send(io.BytesIO(b"one two"))

    assert status == 200
    assert CapturedRequest.objects.get().body == "one two"


@pytest.mark.parametrize(("size", "expected"), [(LIMIT, 200), (LIMIT + 9999, 413)])
def test_chunks_are_bounded(send, size, expected):
    stream = io.BytesIO(b"a" * size)

    status, _ = send(stream)

    assert status == expected
    assert stream.tell() <= LIMIT + 1
    assert CapturedRequest.objects.count() == (expected == 200)


def test_chunks_of_a_server_that_ends_no_stream_are_not_waited_for(send):
    status, _ = send(Broken(), terminated=False)

    assert status == 200
    assert CapturedRequest.objects.get().body == ""


def test_broken_chunks_are_refused(send):
    status, answer = send(Broken())

    assert status == 400
    assert answer["errors"][0]["code"] == "BAD_REQUEST"
    assert not CapturedRequest.objects.exists()
