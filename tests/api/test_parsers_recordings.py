"""Bodies that contain recordings."""

import io
import json
from types import SimpleNamespace

import pytest

from echopoint.api.parsers import IncompleteBody, parse_recording

BODY = json.dumps({"result": {"execution_results": {"a": {"x": "y" * 2000}}}}).encode()


def arriving(body, length):
    """Return a request whose body is said to have this length."""
    return SimpleNamespace(
        META={"CONTENT_LENGTH": str(length)}, read=io.BytesIO(body).read
    )


@pytest.mark.parametrize("room", [1000, 1_000_000])
@pytest.mark.parametrize("missing", [1, 50, len(BODY)])
def test_a_body_that_broke_off_is_told_from_one_that_is_no_json(
    settings, room, missing
):
    settings.API_RESULT_MAX_SIZE = room
    sent = BODY[: len(BODY) - missing]

    with pytest.raises(IncompleteBody):
        parse_recording(arriving(sent, len(BODY)))
    with pytest.raises(Exception, match="not valid JSON") as refused:
        parse_recording(arriving(sent, len(sent)))
    assert not isinstance(refused.value, IncompleteBody)


def test_a_whole_body_is_read(settings):
    assert parse_recording(arriving(BODY, len(BODY))) == json.loads(BODY)
