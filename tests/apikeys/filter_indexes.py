"""A rare value of each filter of the list of keys, and the index that serves it."""

FILTERS = {
    "status=retiring": "api_key_retired",
    "status=retired": "api_key_retired",
    "status=expired": "api_key_expires",
    "status=suspended": "api_key_suspended",
    "status=revoked": "api_key_revoked",
    "scope=runner": "api_key_preset",
    "scope=environment:delete": "api_key_scopes",
    "creator=command": "(api_key_by_command|api_key_creator)",
    "expiring=7": "api_key_live_ends",
    "networks=listed": "api_key_restricted",
    "use=90": "api_key_live_idle",
    "use=never": "api_key_live_used",
    "policy=unlisted:environment:delete": "api_key_scopes",
    "policy=ending:7": "api_key_live_ends",
    "q=zebra": "api_key_name_text",
    "q=nowhere": "api_key_name_text",
    "q=ze": "api_key_name_text",
}
