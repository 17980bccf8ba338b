"""The public receiver's part of the OpenAPI document; no viewset stands behind it."""

from echopoint.flow_language.words import HTTP_METHODS

ERRORS = {
    "400": "The body ended too early.",
    "404": "There is no webhook at this address.",
    "409": "The organization keeps as many bytes as it may, and this webhook has too few of"
    " them to make room.",
    "413": "The body is too large.",
    "429": "Too many requests in this minute. Try again after Retry-After.",
    "500": "A fault on our side.",
    "503": "The database is away, busy, full or read-only. Try again after Retry-After.",
}
ANYONE = (
    "Anyone may send one; no credential is needed. Paths below the id are captured too,"
    " as `/webhook/{id}/orders/7`. Pages of any origin may send, and read the answer."
)
MORE = {
    "HEAD": ["The answer has no body."],
    "OPTIONS": [
        "A CORS preflight, with Origin and Access-Control-Request-Method, is answered and"
        " not captured: the browser sends it, not the page."
    ],
}


def add_receiver(result, generator, request, public):
    """Publish an operation for each method that is captured; a post-processing hook."""
    result["paths"]["/webhook/{id}"] = {
        method.lower(): operation(method) for method in HTTP_METHODS
    }
    result["components"]["schemas"]["WebhookResponse"] = {
        "type": "object",
        "required": ["message", "request_id", "received_at"],
        "properties": {
            "message": {"type": "string"},
            "request_id": {"type": "string"},
            "received_at": {"type": "string", "format": "date-time"},
        },
    }
    return result


def operation(method):
    """Return the operation that captures requests of this method."""
    responses = {"200": answer("The request is captured.", "WebhookResponse")}
    for status, description in ERRORS.items():
        responses[status] = answer(description, "ApiErrorResponse")
    if method == "HEAD":
        responses = {n: {"description": r["description"]} for n, r in responses.items()}
    if method == "OPTIONS":
        responses["204"] = {"description": "A CORS preflight is allowed."}
    return {
        "operationId": f"receiveWebhook{method.capitalize()}",
        "summary": f"Capture a {method.upper()} request",
        "description": " ".join([ANYONE, *MORE.get(method, ())]),
        "tags": ["Webhooks"],
        "parameters": [
            {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
        ],
        "requestBody": {"content": {"*/*": {"schema": {}}}},
        "security": [],
        "responses": responses,
    }


def answer(description, component):
    """Return an answer in JSON."""
    schema = {"$ref": f"#/components/schemas/{component}"}
    return {
        "description": description,
        "content": {"application/json": {"schema": schema}},
    }
