"""Assertions about refused API requests."""


def assert_refused(response, status, code):
    """Assert the status, the code and the headers; return the error of the body."""
    assert response.status_code == status, response.content
    (error,) = response.json()["errors"]
    assert error["code"] == code
    assert response["Cache-Control"] == "no-store"
    if status == 401:
        assert response["WWW-Authenticate"] == (
            f'ApiKey realm="echopoint", error="{code.lower()}"'
        )
    return error
