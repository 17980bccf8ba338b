"""OpenAPI operations of the endpoints without a credential."""

from apikeys.leaks import MAX_TEXTS
from echopoint.api.schema import ERRORS
from echopoint.keys_api.leaks import ACCEPTED, LeakReportSerializer

REPORT_NOTE = (
    "No credential is needed. A live key whose complete text is among these is suspended or"
    " revoked, as its organization chose, which sees the report. The response is the same"
    " for any text, and nothing of it is stored. An address may send a limited"
    " number of reports per minute."
)
GITHUB_NOTE = (
    "The receiver of GitHub's secret scanning partner program: an array of matches, signed"
    " in Github-Public-Key-Signature. 404 unless the site sets"
    " GITHUB_SECRET_SCANNING_KEYS_URL."
)
TEXT = {"type": "string"}
REPORT = {
    "type": "object",
    "required": ["keys"],
    "additionalProperties": False,
    "properties": {
        "keys": {
            "type": "array",
            "items": TEXT,
            "minItems": 1,
            "maxItems": MAX_TEXTS,
        }
    },
}
ANSWER = {"type": "object", "required": ["message"], "properties": {"message": TEXT}}
MATCHES = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["token"],
        "properties": dict.fromkeys(("token", "type", "url", "source"), TEXT),
    },
}
FEEDBACK = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["token_hash", "token_type", "label"],
        "properties": {
            "token_hash": {"type": "string", "contentEncoding": "base64"},
            "token_type": TEXT,
            "label": {"enum": ["true_positive", "false_positive"]},
        },
    },
}


def add_leak_reports(result, generator, request, public):
    """Add both operations; a post-processing hook of drf-spectacular."""
    result["components"]["schemas"] |= {
        "LeakReportRequest": REPORT,
        "LeakReportResponse": ANSWER,
    }
    result["paths"]["/api-keys/leaked"] = {"post": report()}
    result["paths"]["/api-keys/leaked/github"] = {"post": github_report()}
    return result


def report():
    body = content({"$ref": "#/components/schemas/LeakReportRequest"})
    body["application/json"]["example"] = LeakReportSerializer.example
    accepted = content({"$ref": "#/components/schemas/LeakReportResponse"})
    accepted["application/json"]["example"] = ACCEPTED
    return operation(
        "reportLeakedAPIKeys", REPORT_NOTE, body, {"202": accepted}, 400, 415, 429
    )


def github_report():
    header = {"in": "header", "required": True, "schema": TEXT}
    names = ("Github-Public-Key-Identifier", "Github-Public-Key-Signature")
    made = operation(
        "reportLeakedAPIKeysFromGitHub",
        GITHUB_NOTE,
        content(MATCHES),
        {"200": content(FEEDBACK)},
        *(400, 403, 404),
    )
    return made | {"parameters": [{"name": name} | header for name in names]}


def operation(id, note, body, answers, *statuses):
    responses = {
        status: {"description": "Success.", "content": answer}
        for status, answer in answers.items()
    }
    error = content({"$ref": "#/components/schemas/ApiErrorResponse"})
    for status in sorted([*statuses, 413, 414, 431, 500, 503]):
        responses[str(status)] = {"description": ERRORS[status], "content": error}
    return {
        "operationId": id,
        "summary": "Report leaked API keys",
        "description": note,
        "tags": ["API keys"],
        "requestBody": {"required": True, "content": body},
        "security": [],
        "responses": responses,
    }


def content(schema):
    return {"application/json": {"schema": schema}}
