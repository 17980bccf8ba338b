"""A test client of the REST API."""

from django.test import Client

from tests.signing_in import sign_in


class ApiClient:
    """Calls the API with a key, or as a signed-in member."""

    def __init__(self, organization, secret=None, user=None):
        self.client = Client(raise_request_exception=False)
        self.headers = {"X-Organization-Id": organization.pk}
        if secret:
            self.headers["X-Api-Key"] = secret
        if user:
            sign_in(self.client, user)

    def __call__(self, method, path, body=None, **headers):
        """Send JSON. Headers that are None are removed."""
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {k: v for k, v in (self.headers | headers).items() if v is not None}
        options = {"headers": sent}
        if body is not None:
            options |= {"data": body, "content_type": "application/json"}
        return self.client.generic(method, path, **self.encoded(options))

    def encoded(self, options):
        if "data" in options and not isinstance(options["data"], (str, bytes)):
            options["data"] = self.client._encode_json(
                options["data"], "application/json"
            )
        return options

    def get(self, path, **headers):
        return self("GET", path, **headers)

    def post(self, path, body=None, **headers):
        return self("POST", path, {} if body is None else body, **headers)

    def put(self, path, body=None, **headers):
        return self("PUT", path, {} if body is None else body, **headers)

    def delete(self, path, **headers):
        return self("DELETE", path, **headers)
