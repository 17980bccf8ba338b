"""Fill tables of PostgreSQL with many rows, by SQL, so that it takes seconds.

Of each kind of row that a filter finds there are few, or none, or nearly all. The rows of
another organization are of the rare kinds, so that statistics, which PostgreSQL keeps for
the whole table, mislead it.
"""

from django.db import connection

from echopoint.organizations.models import Membership, User

RARE = 20_000  # one key in this many is of each rare kind
SERVICES = [
    *("api", "auth", "billing", "cart", "checkout", "docs"),
    *("ledger", "mail", "search", "shop", "web"),
]
STAGES = ["production", "staging", "test"]
KINDS = [
    *("retired", "retiring", "expired", "suspended", "soon", "idle"),
    *("unused", "runner", "scope", "command", "left", "zebra"),
]

KEYS = """
INSERT INTO apikeys_apikey (organization_id, public_id, name, name_key, namesake,
    description, scopes, preset, digest, pepper_version, family_id, created_at,
    created_by_id, owner_id, created_by_label, expires_at, retire_at, suspended_at, revoked_at,
    revoked_by_label, revoke_reason, first_used_at, last_used_at, scopes_used_since,
    last_used_user_agent, last_used_route)
SELECT %(organization)s, substr(md5(%(organization)s || n), 1, 12), name, name, '',
    CASE WHEN kind = 'zebra' THEN '' ELSE 'Deploys ' || name END,
    CASE kind WHEN 'runner' THEN '["runner:claim", "runner:complete"]'
        WHEN 'scope' THEN '["environment:delete"]'
        ELSE CASE WHEN n %% 5 = 0 THEN '["flows:read"]'
            ELSE '["flows:execute", "flows:read", "runner:complete"]' END END::jsonb,
    CASE kind WHEN 'runner' THEN 'runner' WHEN 'scope' THEN ''
        ELSE CASE WHEN n %% 5 = 0 THEN 'flow-inventory' ELSE 'ci' END END,
    repeat(md5(n::text), 2), 1, gen_random_uuid(), created,
    CASE WHEN kind IN ('command', 'left') THEN NULL ELSE creator END,
    CASE WHEN kind IN ('command', 'left') THEN NULL ELSE creator END,
    CASE kind WHEN 'command' THEN 'command issue_api_key'
        WHEN 'left' THEN 'gone@example.com' ELSE creator || '@example.com' END,
    CASE WHEN kind IN ('retired', 'retiring') THEN NULL
        WHEN kind = 'expired' THEN now - interval '1 day'
        WHEN kind = 'soon' THEN now + interval '3 days'
        ELSE created + (ARRAY[100, 190, 375])[n %% 3 + 1] * interval '1 day' END,
    CASE kind WHEN 'retired' THEN now - interval '1 day'
        WHEN 'retiring' THEN now + interval '2 days' END,
    CASE kind WHEN 'suspended' THEN now END,
    CASE WHEN n %% 100 = 0 THEN now END,
    '', '',
    CASE WHEN kind = 'unused' THEN NULL ELSE created END,
    CASE kind WHEN 'unused' THEN NULL WHEN 'idle' THEN now - interval '120 days'
        ELSE now - (n * 7919::bigint %% 604800) * interval '1 second' END,
    CASE kind WHEN 'unused' THEN NULL WHEN 'idle' THEN now - interval '120 days'
        ELSE now - (n * 7919::bigint %% 604800) * interval '1 second' END,
    '', ''
FROM (
    SELECT n, now(), kind,
        now() - interval '82 days' + n * interval '80 days' / %(count)s AS created,
        CASE WHEN kind = 'zebra' THEN 'zebra' ELSE
            (%(services)s::text[])[n / 21 %% 11 + 1] || ' ' || (%(stages)s::text[])[n / 7 %% 3 + 1]
            || CASE WHEN n %% 53 = 0 THEN ' penguin' WHEN n %% 173 = 0 THEN ' otter'
                WHEN n %% 2503 = 1 THEN ' lynx' ELSE '' END
        END || ' ' || n AS name,
        (%(people)s::text[])[CASE WHEN n %% %(rare)s = 7 THEN %(members)s
            WHEN n %% 4 > 0 THEN 1 ELSE n %% (%(members)s - 1) + 1 END] AS creator
    FROM (
        SELECT n, CASE WHEN %(all_rare)s THEN (%(kinds)s::text[])[n %% 12 + 1]
            WHEN n %% %(rare)s %% 100 = 1
            THEN (%(kinds)s::text[])[n %% %(rare)s / 100 + 1] END AS kind
        FROM generate_series(1, %(count)s) n
    ) numbered
) named
"""

# Of few keys lately, and of all others long ago.
WARNINGS = """
INSERT INTO apikeys_keywarning (organization_id, key_id, kind, at)
SELECT organization_id, id, kind,
    now() - CASE WHEN id %% 500 = 0 THEN interval '1 day' ELSE interval '30 days' END
FROM apikeys_apikey, unnest(ARRAY['refused', 'new-place']) kind
WHERE organization_id = %s
"""

# Of the newest event to the oldest: 400,000 seconds, whatever the number of events. Rare
# are ten events; "penguin" is in 2 % of the labels, "lynx" in 0.1 %, "fossil" in the
# oldest 2 % of the events alone.
EVENTS = """
INSERT INTO apikeys_auditevent (organization_id, version, sequence, at, action,
    actor_type, actor_id, actor_label, target_type, target_id, target_label,
    actor_key, target_key, details, ip, user_agent, request_id, prev_hash, hash)
SELECT %(organization)s, 2, n,
    timestamptz '2026-01-01' + n * (interval '400000 seconds' / %(count)s),
    CASE WHEN is_rare THEN 'api_key.suspended' WHEN n <= %(count)s / 22 THEN 'api_key.resumed'
        WHEN n %% 7 < 2 THEN 'api_key.first_used' ELSE 'api_key.created' END,
    'user', 'user_' || lpad(actor, 16, '0'), actor || '@acme.example',
    'api_key', 'key_' || lpad(target, 12, '0'), name,
    actor || '@acme.example', name, '{"via": "page"}', '192.0.2.1',
    'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0',
    md5(n::text), repeat(md5(n::text), 2), repeat(md5(n::text), 2)
FROM (
    SELECT n, is_rare,
        CASE WHEN is_rare THEN 'zebra' WHEN n <= %(count)s / 50 THEN 'fossil'
            WHEN n %% 1000 = 3 THEN 'lynx' WHEN n %% 50 = 9 THEN 'penguin' || n %% 4
            ELSE 'person' || n %% 199 END AS actor,
        CASE WHEN is_rare THEN 'zebra' WHEN n <= %(count)s / 50 THEN 'f' || n %% 1000
            ELSE (n * 7919::bigint %% %(targets)s)::text END AS target,
        CASE WHEN is_rare THEN 'zebra' WHEN n <= %(count)s / 50 THEN 'fossil ' || n %% 1000
            ELSE CASE WHEN n * 7919::bigint %% %(targets)s %% 1000 = 7 THEN 'lynx '
                WHEN n * 7919::bigint %% %(targets)s %% 50 = 9 THEN 'penguin ' ELSE 'service ' END
                || n * 7919::bigint %% %(targets)s END AS name
    FROM (
        SELECT n, %(all_rare)s OR n %% (%(count)s / 10) = 5 AS is_rare
        FROM generate_series(%(first)s, %(last)s) n
    ) numbered
) named
"""

# Of 500 executions, one failed and one was launched by hand; no execution was cancelled.
EXECUTIONS = """
INSERT INTO executions_execution (organization_id, id, flow_id, flow_name, flow_snapshot,
    referenced_flows, runner_inputs, secret_input_keys, runner_type, environment_key,
    trigger_type, trigger_metadata, idempotency_digest, idempotency_fingerprint,
    launched_by_label, completed_by_label, completion_digest, status, error_message,
    error_code, executed_by, executor_version, started_at, completed_at, created_at,
    updated_at, stored_bytes)
SELECT %(organization)s, gen_random_uuid(), (%(flows)s::uuid[])[n %% %(number)s + 1], 'flow',
    '{}', '{}', '{}', '[]', 'ephemeral', '', CASE WHEN n %% 500 = 7 THEN 'manual' ELSE 'git' END,
    '{}', '', '', 'ci', '', '', CASE WHEN n %% 500 = 9 THEN 'failed' ELSE 'completed' END,
    '', '', '', '', at, at, at, at, 1000
FROM (
    SELECT n, now() - n * interval '1 minute' AS at FROM generate_series(1, %(count)s) n
) numbered
"""


def people(organization, count, kind="member"):
    """Create members and return their users. All but the last may manage keys."""
    name = organization.name.lower()
    users = [User(email=f"{kind}{n}@{name}.example") for n in range(count)]
    User.objects.bulk_create(users)
    Membership.objects.bulk_create(
        Membership(
            user=user,
            organization=organization,
            role="member" if user is users[-1] else "admin",
        )
        for user in users
    )
    return users


def fill_keys(organization, count, members, *, all_rare=False):
    """Insert keys without secrets: their digests are of nothing."""
    values = {
        "organization": organization.pk,
        "count": count,
        "rare": RARE,
        "all_rare": all_rare,
        "services": SERVICES,
        "stages": STAGES,
        "kinds": KINDS,
        "people": [user.pk for user in members],
        "members": len(members),
    }
    with connection.cursor() as cursor:
        cursor.execute(KEYS, values)


def fill_warnings(organization):
    """Insert a warning of each kind for each key of the organization."""
    with connection.cursor() as cursor:
        cursor.execute(WARNINGS, [organization.pk])


def fill_events(organization, count, numbers=None, *, all_rare=False):
    """Insert the audit events with these numbers of `count`; their hashes are invalid."""
    numbers = numbers or range(1, count + 1)
    values = {
        "organization": organization.pk,
        "count": count,
        "first": numbers[0],
        "last": numbers[-1],
        "targets": max(count // 20, 1000),
        "all_rare": all_rare,
    }
    with connection.cursor() as cursor:
        cursor.execute(EVENTS, values)


def fill_executions(organization, count, flows):
    """Insert completed executions, which these flows have in turn."""
    values = {
        "organization": organization.pk,
        "count": count,
        "flows": [flow.pk for flow in flows],
        "number": len(flows),
    }
    with connection.cursor() as cursor:
        cursor.execute(EXECUTIONS, values)


def clean_up(table):
    """Do what a vacuum would, which no transaction can: until then GIN indexes are slow."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT gin_clean_pending_list(indexrelid) FROM pg_index"
            " JOIN pg_class ON pg_class.oid = indexrelid JOIN pg_am ON pg_am.oid = relam"
            " WHERE amname = 'gin' AND indrelid = %s::regclass",
            [table],
        )
        cursor.execute(f"ANALYZE {table}")
