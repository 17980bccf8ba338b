"""Events as JSON values, and chains of them."""

from datetime import UTC, datetime

from apikeys.audit import hash_chain
from apikeys.audit.hash_chain import GENESIS, LATEST, event_hash


def event_data(sequence=1, prev_hash=GENESIS, version=LATEST, **values):
    """Return an event as JSON values, with the right hash."""
    at = datetime(2026, 6, 1, 12, 0, sequence, tzinfo=UTC)
    data = {
        "organization_id": "org_x",
        "sequence": sequence,
        "at": hash_chain.format_time(at, version),
        "action": "api_key.revoked",
        "actor_type": "user",
        "actor_id": "user_1",
        "actor_label": "zoë@acme.example",
        "target_type": "api_key",
        "target_id": "key_1",
        "target_label": "Déploiement 🚀",
        "details": {"via": "page", "reason": ""},
        "ip": "",
        "user_agent": "curl",
        "request_id": "",
        "prev_hash": prev_hash,
        "version": version,
    } | values
    return data | {"hash": event_hash(data)}


def chain(*versions):
    """Return events that follow each other."""
    events, head = [], GENESIS
    for sequence, version in enumerate(versions, 1):
        events.append(event_data(sequence, head, version))
        head = events[-1]["hash"]
    return events
