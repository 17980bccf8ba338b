"""Read API responses in tests."""


def error_of(response, status):
    """Return the first error of a response that must have this status."""
    assert response.status_code == status, response.content
    return response.json()["errors"][0]
