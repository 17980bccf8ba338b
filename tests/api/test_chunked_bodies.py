"""Chunked bodies, which have no Content-Length."""

import io
import json

import pytest
from django.conf import settings

from echopoint.api.chunked_bodies import ChunkedBodyMiddleware

LIMITS = {
    "/flows": settings.DATA_UPLOAD_MAX_MEMORY_SIZE,
    "/runner/jobs/next": settings.DATA_UPLOAD_MAX_MEMORY_SIZE,
    "/runner/jobs/1/complete": settings.API_RESULT_READ_SIZE,
    "/runner/jobs/1/events": settings.API_RESULT_READ_SIZE,
    "/runner/ephemeral/executions/1/complete": settings.API_RESULT_READ_SIZE,
}


class Broken(io.RawIOBase):
    """A stream whose chunks are no chunks."""

    def read(self, size=-1):
        raise ValueError("invalid chunk size")


@pytest.fixture
def send():
    """Return a sender of chunks: (status, what the application was handed)."""

    def application(environ, start_response):
        start_response("200 OK", [])
        return [environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"] or 0))]

    def send(stream, terminated=True, encoding="chunked", path="/flows"):
        environ = {
            "CONTENT_LENGTH": "",
            "HTTP_TRANSFER_ENCODING": encoding,
            "PATH_INFO": path,
            "wsgi.input": stream,
            "wsgi.input_terminated": terminated,
        }
        statuses = []
        answer = ChunkedBodyMiddleware(application)(
            environ, lambda status, headers: statuses.append(status)
        )
        return statuses, b"".join(answer)

    return send


def test_chunks_are_read_whole(send):
    assert send(io.BytesIO(b"one two")) == (["200 OK"], b"one two")


@pytest.mark.parametrize("path", LIMITS)
def test_chunks_are_read_one_byte_beyond_the_limit_and_no_further(send, path):
    stream = io.BytesIO(b"a" * (LIMITS[path] + 9999))

    _, body = send(stream, path=path)

    assert len(body) == stream.tell() == LIMITS[path] + 1


def test_chunks_of_a_server_that_ends_no_stream_are_not_waited_for(send):
    assert send(io.BytesIO(b"endless"), terminated=False) == (["200 OK"], b"")


def test_a_body_with_a_length_is_left_alone(send):
    stream = io.BytesIO(b"unread")

    send(stream, encoding="")

    assert stream.tell() == 0


def test_broken_chunks_are_refused(send):
    statuses, body = send(Broken())

    assert statuses == ["400 Bad Request"]
    assert json.loads(body)["errors"][0]["code"] == "BAD_REQUEST"
