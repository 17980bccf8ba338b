"""What is said in two places is said alike; each failure says what to add where.

The command line imports nothing of the server. What both must know is in packages that
either imports, or is written twice for a reason, and compared here.
"""

import gzip
import re
import zlib

import brotli
import pytest
import zstandard
from django.conf import settings
from django.utils import timezone

from apikeys.audit.timeline import REASONS
from apikeys.authentication import KEY_HEADER, ORGANIZATION_HEADER
from apikeys.db.index_probes import STATUS_INDEX_COLUMNS
from apikeys.exceptions import (
    AddressNotAllowed,
    OrganizationMismatch,
    OrganizationRequired,
    ScopeDenied,
    TooManyRequests,
)
from apikeys.forms.key_filters import STATUSES
from apikeys.forms.key_queries import USABLE
from apikeys.forms.policy import LABELS
from apikeys.models import ApiKey
from apikeys.models.querysets import has_status
from apikeys.models.usability import BLOCKED, STOPPED
from apikeys.policy import LIMITS
from apikeys.scopes import PRESETS
from apikeys.views.list import ATTENTION
from echopoint.api import expiry_headers, parsers, truncation
from echopoint.api.pagination import DEFAULT_LIMIT, MAX_LIMIT
from echopoint.cli import expiry
from echopoint.cli.api_client import ApiClient
from echopoint.cli.commands import executions
from echopoint.cli.commands import keys as key_commands
from echopoint.cli.engine import (
    decoding,
    dynamic_variables,
    http_request,
    node_execution,
    operators,
    recorder,
    templates,
    validation,
    values,
)
from echopoint.cli.engine.extractors import EXTRACTORS
from echopoint.cli.engine.normalization import normalize
from echopoint.cli.flow_runs import (
    final_outcome,
    github,
    launch,
    outcome,
    progress,
    run_options,
    selection,
)
from echopoint.cli.flow_runs import runner_output_masking as command_masking
from echopoint.cli.settings import Settings
from echopoint.core.refusals import Refused
from echopoint.executions import launch_serializers, serializers
from echopoint.executions import result_masking as site_masking
from echopoint.executions.exceptions import InvalidLaunch
from echopoint.executions.models import Execution, NodeResult, termination
from echopoint.flow_language import words
from echopoint.flow_language.dynamic import DYNAMIC_NAMES
from echopoint.flow_language.numerals import numeral
from echopoint.flow_language.results import status_of
from echopoint.flows.definition import schemas
from echopoint.flows.definition.spelling import canonical
from echopoint.flows.definition.validation import problems
from echopoint.keys_api.serializers import PermissionQuerySerializer
from echopoint.organizations import roles
from echopoint.organizations.admin import OrganizationAdmin
from echopoint.organizations.models import Organization
from echopoint.webhooks import decoding as webhook_decoding

SCHEMAS = schemas.SCHEMAS
DEFINITION = "echopoint/flow_language, echopoint/flows/definition/schemas.py"
ENGINE = "echopoint/cli/engine"
STOPPING = {s for s in ApiKey.Status if s not in USABLE}

# what: (what the server takes, what the engine runs, what it refuses by name, where)
FLOWS = {
    "operator": (words.OPERATORS, operators.OPERATORS, (), "operators.py"),
    "extractor": (words.EXTRACTORS, EXTRACTORS, (), "extractors.py"),
    "dynamic variable": (
        DYNAMIC_NAMES,
        dynamic_variables.GENERATORS,
        (),
        "dynamic_variables.py",
    ),
    "node type": (
        schemas.NODE_SCHEMAS,
        node_execution.ACTIONS,
        {
            "module",
            "branch",
            "loop",
            "poll",
            "sse",
        },  # as is every other that is unknown
        "node_execution.py and validation.py, or to what is refused by name here",
    ),
}


@pytest.mark.parametrize("what", FLOWS)
def test_what_a_flow_may_hold_the_engine_runs_or_refuses_by_name(what):
    accepted, runs, refused, where = FLOWS[what]
    accepted, runs, refused = set(accepted), set(runs), set(refused)

    lacking, odd = accepted - runs - refused, (runs | refused) - accepted

    assert not lacking, (
        f"The server takes the {what} {lacking}, and the engine does not know it. Add it"
        f" to {ENGINE}/{where}."
    )
    assert not odd, f"No flow can hold the {what} {odd}. Add it to {DEFINITION}."
    assert not runs & refused, f"The engine both runs and refuses {runs & refused}."


def test_each_node_type_that_the_engine_runs_is_checked_first():
    assert set(validation.CHECKS) == set(node_execution.ACTIONS), (
        f"Give each node type a check in {ENGINE}/validation.py and an action in node_execution.py."
    )


# The site judges texts that may still be changed; the engine has to count with them.
NUMERALS_OF_THE_SITE_ALONE = ["1e1234567", "-.5E-1234567", "1e+0000001"]


@pytest.mark.parametrize("text", NUMERALS_OF_THE_SITE_ALONE)
def test_the_site_takes_numbers_that_the_engine_does_not_compare(text):
    assert numeral(text)
    assert values.number_of(text) is None


@pytest.mark.parametrize("text", ["1e123456", " -.5E-123456\n", "+1.", "007"])
def test_other_numbers_are_numbers_on_both_sides(text):
    assert numeral(text)
    assert values.number_of(text) is not None


CAMEL = {
    "extractorType": "body",
    "extractorData": {"path": "$.x"},
    "operatorType": "equals",
    "operatorData": {"value": 1},
}
SPELLED = [
    {"display_name": None},
    {"display_name": ""},
    {"display_name": "A"},
    {"run_when": None},
    {"run_when": ""},
    {"run_when": "always"},
    {"outputs": None, "assertions": None},
    {"assertions": [CAMEL]},
    {"assertions": [{"extractorType": "body", "operator_type": "notEmpty"}]},
    {"assertions": [CAMEL | {"operator_type": "", "operator_data": None}]},
    {"assertions": [CAMEL | {"operator_type": "empty", "operator_data": {}}]},
]


def as_run(definition):
    """Return the one node of a definition as the engine reads it."""
    (node,) = normalize(definition)["nodes"]
    given = {name: value for name, value in node.items() if value is not None}
    given["data"] = dict(http_request.render(given["data"], BARE)._asdict())
    return {"run_when": "on_success"} | given


BARE = templates.Renderer(
    templates.TemplateVariables({}).find,
    dynamic_variables.GeneratedValues(dynamic_variables.ValueGenerator("")),
)


def spelled(fields):
    data = {"method": "GET", "url": "https://api.test/"} | fields.get("data", {})
    node = {"id": "a", "type": "request"} | fields | {"data": data}
    return {"name": "F", "version": "1", "nodes": [node]}


@pytest.mark.parametrize("fields", SPELLED)
def test_a_definition_is_run_as_it_would_be_stored(fields):
    sent = spelled(fields)

    assert as_run(canonical(sent)[0]) == as_run(sent), (
        "Read spellings alike in echopoint/flows/definition/spelling.py and"
        f" {ENGINE}/normalization.py, or list the difference here."
    )


def test_of_query_parameters_that_differ_the_site_keeps_ours_and_the_engine_both():
    sent = spelled({"data": {"query_params": {"a": 1}, "queryParams": {"b": 2}}})
    stored, differing = canonical(sent)

    assert len(differing) == 1
    assert as_run(stored)["data"]["url"] == "https://api.test/?a=1"
    assert as_run(sent)["data"]["url"] == "https://api.test/?b=2&a=1"


def test_an_empty_text_for_no_data_is_refused_by_the_site_and_run_by_the_engine():
    assertion = {"extractor_type": "body", "operator_type": "empty"}
    sent = spelled({"assertions": [assertion | {"operator_data": ""}]})

    assert [problem.field for problem in problems(canonical(sent)[0])] == [
        "nodes[0].assertions[0].operator_data"
    ]
    assert validation.require_supported(sent, {})


def test_the_command_line_knows_when_an_execution_is_over():
    over = {*Execution.Status} - {Execution.Status.PENDING, Execution.Status.RUNNING}

    assert over == launch.TERMINAL, "Update TERMINAL in cli/flow_runs/launch.py."
    assert set(serializers.TERMINAL) <= over


def test_each_status_of_a_node_is_one_that_the_api_stores():
    records = ({}, {"error_code": "X"}, {"skip_reason": "why"})

    assert {status_of(recorder) for recorder in records} == set(
        NodeResult.Status.values
    )


# Booleans, which no mask changes: the command need not name them.
KEPT_BY_THE_SITE_ALONE = {"passed", "success"}
# The API adds these to a result after the command has published it.
NAMED_BY_THE_SITE_ALONE = {"truncated", "truncated_fields", "from_events"}
NAMED_BY_THE_COMMAND_ALONE = {"result"}


def test_both_sides_mask_the_same_fields_but_for_these():
    site, command = site_masking.Masker, command_masking.RunnerOutputMask

    assert site.structure - command.structure == KEPT_BY_THE_SITE_ALONE
    assert command.structure <= site.structure
    assert site.code is command.code
    assert site.encoded_body is command.encoded_body
    assert site.fields - command.fields == NAMED_BY_THE_SITE_ALONE
    assert command.fields - site.fields == NAMED_BY_THE_COMMAND_ALONE


# The first is of jobs for self-hosted runners, which the command launches none of. With the
# second an execution is cancelled, as its status says.
CODES_OF_THE_SERVER_ALONE = {termination.LOST, termination.FLOW_DELETED}


def test_the_command_line_knows_the_codes_of_what_the_server_ended():
    codes = {
        termination.ABANDONED,
        termination.LOST,
        termination.NOT_CLAIMED,
        termination.CANCELLED,
    }
    codes |= {termination.FLOW_DELETED}

    assert codes - set(outcome.EXIT_CODES) == CODES_OF_THE_SERVER_ALONE
    assert final_outcome.ABANDONED == termination.ABANDONED
    assert ScopeDenied.code == selection.LACKING


def test_the_command_line_asks_for_no_more_than_the_server_takes():
    longest = "k" * run_options.LONGEST_KEY

    assert run_options.LONGEST_TIMEOUT == launch_serializers.MAX_TIMEOUT
    assert launch_serializers.idempotency_key({"Idempotency-Key": longest}) == longest
    with pytest.raises(InvalidLaunch):
        launch_serializers.idempotency_key({"Idempotency-Key": f"{longest}k"})
    (limit,) = [o for o in executions.list_executions.params if o.name == "limit"]
    assert (limit.type.max, limit.default) == (MAX_LIMIT, DEFAULT_LIMIT)
    assert selection.MOST <= MAX_LIMIT
    assert set(executions.STATUSES) == set(Execution.Status.values)
    assert recorder.MAX_DOCUMENT < settings.API_RESULT_MAX_SIZE
    assert values.MAX_DEPTH + truncation.ENVELOPE_DEPTH < truncation.MAX_DEPTH
    assert recorder.UNSTORABLE.pattern == parsers.UNSTORABLE.pattern


BODY = b"{" + b"a" * 900 + b"}"
ENCODED = [
    ("gzip", gzip.compress(BODY)),
    ("X-GZip", gzip.compress(BODY)),
    ("deflate", zlib.compress(BODY)),
    ("deflate", zlib.compress(BODY)[2:-4]),
    ("identity, gzip", gzip.compress(BODY[:9]) + gzip.compress(BODY[9:])),
    ("deflate, gzip", gzip.compress(zlib.compress(BODY))),
    ("br", brotli.compress(BODY)),
    ("zstd", zstandard.compress(BODY)),
]


@pytest.mark.parametrize(
    ("encoding", "sent"),
    ENCODED,
    ids=["gzip", "x-gzip", "zlib", "raw deflate", "members", "twice", "br", "zstd"],
)
def test_both_sides_inflate_a_body_alike(encoding, sent):
    stored = webhook_decoding.decode(sent, encoding, "", 1000)[:2]

    assert stored == (BODY.decode(), webhook_decoding.DecodingState.COMPLETE)
    assert decoding.decode(sent, encoding, 1000) == (BODY, [])


# A webhook keeps what anyone sends beside the body as it came: it undoes what is certain.
# The engine reads what the service under test answered, and says what it made of it.
INFLATED_BY_THE_ENGINE_ALONE = [
    ("gzip", gzip.compress(BODY) + b"trailing"),
    ("gzip, gzip, gzip", gzip.compress(gzip.compress(gzip.compress(BODY)))),
    ("gzip", gzip.compress(b"") * 100 + gzip.compress(BODY)),
]


@pytest.mark.parametrize(
    ("encoding", "sent"),
    INFLATED_BY_THE_ENGINE_ALONE,
    ids=["trailing bytes", "three times", "many members"],
)
def test_the_engine_inflates_bodies_that_a_webhook_leaves(encoding, sent):
    stored = webhook_decoding.decode(sent, encoding, "", 1000)

    assert stored.state == webhook_decoding.DecodingState.FAILED
    assert decoding.decode(sent, encoding, 1000)[0] == BODY


def test_of_a_body_too_large_a_webhook_keeps_the_start_and_the_engine_nothing():
    sent = gzip.compress(BODY)
    stored = webhook_decoding.decode(sent, "gzip", "", 100)[:2]

    assert stored == (BODY[:100].decode(), webhook_decoding.DecodingState.CUT)
    with pytest.raises(decoding.TooLarge):
        decoding.decode(sent, "gzip", 100)


def test_each_exit_code_has_a_status_and_words():
    codes = {0, *outcome.EXIT_CODES.values(), *outcome.STATUSES}

    assert codes == set(outcome.STATUSES) == set(progress.WORDS), (
        "Give each exit code a status in echopoint/cli/flow_runs/outcome.py, and words in"
        " progress.py beside it."
    )


# The command names the presets that GET /permissions lists. The others are for people who
# issue keys, and a key with their scopes is shown by its scopes.
PRESETS_OF_THE_SITE_ALONE = {"ci-flow-id", "flow-inventory", "captured-requests"}


def test_the_command_line_names_presets_as_the_server_does():
    for name, scopes in key_commands.PRESETS.items():
        assert scopes == set(PRESETS[name].scopes), (
            f"The preset {name} has other scopes in apikeys/scopes.py. Correct"
            " echopoint/cli/commands/keys.py."
        )
    assert set(PRESETS) - set(key_commands.PRESETS) == PRESETS_OF_THE_SITE_ALONE, (
        "Name the preset in PRESETS of echopoint/cli/commands/keys.py, or in"
        " PRESETS_OF_THE_SITE_ALONE, above."
    )
    types = set(PermissionQuerySerializer().fields["type"].choices)
    (option,) = [o for o in key_commands.permissions.params if o.name == "kind"]
    assert set(option.type.choices) == types == {"custom", *key_commands.PRESETS}, (
        "Name each preset of the command in the choices of --type in"
        " echopoint/cli/commands/keys.py, and in PermissionQuerySerializer."
    )


def test_the_command_line_sends_and_reads_the_servers_headers():
    sent = ApiClient(Settings(api_key="x", organization_id="org_x")).http.headers

    assert sent[KEY_HEADER] == "x"
    assert sent[ORGANIZATION_HEADER] == "org_x"
    assert expiry.HEADER == expiry_headers.AT, (
        "No answer has the header of cli/expiry.py."
    )
    assert expiry.SOON == expiry_headers.SOON, (
        "The header and the command warn at once."
    )


def test_the_server_keeps_what_the_command_line_tells_of_a_ci_job():
    told = {"source", *github.METADATA}

    assert told <= set(launch_serializers.GIT), (
        f"The server drops {told - set(launch_serializers.GIT)}: add it to GIT in"
        " echopoint/executions/launch_serializers.py."
    )
    assert set(launch_serializers.METADATA) == set(Execution.TriggerType.values)


def test_each_reason_for_which_a_key_is_refused_has_words():
    refusals = (OrganizationRequired, OrganizationMismatch, ScopeDenied, Refused)
    refusals += (AddressNotAllowed, TooManyRequests)
    codes = {f"API_KEY_{status.upper()}" for status in STOPPED}
    codes |= {refusal.code for refusal in refusals} | {BLOCKED}

    assert set(REASONS) == codes, "Say it in REASONS of apikeys/audit/timeline.py."


def test_each_status_either_works_or_says_why_not():
    """A status that is forgotten must not let requests in."""
    assert set(STOPPED) == STOPPING, (
        "Say in STOPPED of apikeys/models/usability.py why requests are refused, or name"
        " the status in USABLE of apikeys/forms/key_queries.py."
    )


def test_each_status_can_be_filtered_by():
    statuses = set(ApiKey.Status.values)

    assert statuses <= {value for value, _ in STATUSES}
    assert set(has_status(timezone.now())) == statuses, (
        "Add its condition in has_status of apikeys/models/querysets.py."
    )
    assert set(STATUS_INDEX_COLUMNS) == statuses - {"active"}, (
        "Name its index in STATUS_INDEX_COLUMNS of apikeys/db/index_probes.py."
    )


def test_each_status_has_a_shape_of_its_own():
    css = (settings.BASE_DIR / "echopoint/static/echopoint/app.css").read_text()

    for status in ApiKey.Status.values:
        assert f".status-{status}::before" in css, (
            f"Give the status {status} a shape in app.css: colour alone tells nothing."
        )


def test_what_needs_attention_is_counted_and_put_in_words(acme):
    counts = ApiKey.objects.needing_attention(acme)

    assert set(counts) == set(ATTENTION), (
        "Keep ATTENTION (apikeys/views/list.py) and needing_attention"
        " (apikeys/models/querysets.py) alike."
    )


FREEZE = {"frozen_at", "frozen_by_label", "freeze_reason"}


def test_each_limit_of_the_policy_is_changed_on_its_page_alone():
    """The console would change it without the audit."""
    own = {field.name for field in Organization._meta.concrete_fields}
    limits = own - {"id", "name", "description", "created_at"} - FREEZE

    assert limits == set(LIMITS), "Name it in LIMITS of apikeys/policy.py."
    assert set(LABELS) == limits, "Give it a label in apikeys/forms/policy.py."
    assert limits <= set(OrganizationAdmin.readonly_fields), (
        "Add it to readonly_fields of OrganizationAdmin."
    )


PERMISSION = r"""["']((?:api_key|policy):\w+)["']"""


def test_each_permission_that_is_asked_for_is_one_that_a_role_has():
    known = frozenset().union(*roles.PERMISSIONS.values())
    files = [*settings.BASE_DIR.glob("templates/**/*.html")]
    files += [*settings.BASE_DIR.glob("apikeys/**/*.py")]
    files += [*settings.BASE_DIR.glob("echopoint/**/*.py")]

    asked = {
        (name, file.relative_to(settings.BASE_DIR))
        for file in files
        for name in re.findall(PERMISSION, file.read_text())
    }

    assert len(asked) > 10
    for name, file in asked:
        assert name in known, f"{file} asks for {name}, which no role has."
