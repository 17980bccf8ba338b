"""An exported audit, read back: what cannot be an event is said by its line."""

import json
import subprocess
import sys

import pytest

from apikeys.audit.exported_file import Malformed, check
from tests.apikeys.audit.event_data import chain, event_data
from tests.paths import ROOT
from tests.stored_chains import CHAINS


def as_lines(records):
    return [json.dumps(one).encode() + b"\n" for one in records]


def test_a_file_of_one_chain_is_checked():
    records = chain(1, 1, 2)

    walks = check(as_lines(records))

    assert list(walks) == ["org_x"]
    walk = walks["org_x"]
    assert (walk.broken, walk.events, walk.gaps) == (None, 3, [])
    assert walk.head == records[-1]["hash"]


@pytest.mark.parametrize("version", [1, 2])
def test_the_files_that_are_kept_are_intact(version):
    with (CHAINS / f"version_{version}.ndjson").open("rb") as lines:
        (walk,) = check(lines).values()

    assert walk.broken is None
    assert walk.gaps == []


def test_a_file_from_before_there_were_versions_has_no_version():
    lines = (CHAINS / "version_1.ndjson").read_bytes().splitlines()

    assert b"version" not in b"".join(lines)
    assert not [walk.broken for walk in check(lines).values() if walk.broken]


def test_each_organization_of_a_file_is_checked_by_itself():
    mine = chain(2, 2)
    other = event_data(organization_id="org_y")

    walks = check(as_lines([mine[0], other, mine[1] | {"ip": "x"}]))

    assert walks["org_x"].broken == (2, "was changed")
    assert walks["org_y"].broken is None


def test_only_the_first_broken_link_is_named():
    records = chain(2, 2, 2, 2)
    for one in records[1:3]:
        one["ip"] = "x"

    assert check(as_lines(records))["org_x"].broken == (2, "was changed")


@pytest.mark.parametrize("order", [[1, 0], [0, 0], [0, 2, 1]])
def test_events_come_in_order_and_once(order):
    records = chain(2, 2, 2)

    walk = check(as_lines([records[n] for n in order]))["org_x"]

    assert walk.broken.reason == "comes twice, or after a later one"


def test_a_mark_at_the_start_empty_lines_and_carriage_returns_are_no_events():
    first, second = as_lines(chain(2, 2))
    lines = [b"\xef\xbb\xbf" + first, b"\n", second.replace(b"\n", b"\r\n"), b"  \n"]

    assert check(lines)["org_x"].events == 2


def changed(**values):
    return json.dumps(chain(2, 2)[1] | values).encode()


def without(*names):
    made = chain(2, 2)[1]
    return json.dumps({k: v for k, v in made.items() if k not in names}).encode()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"organization_id,sequence\n", "is not JSON. Export the audit as NDJSON"),
        (b"{", "is not JSON"),
        (b"\xff\xfe{", "is not UTF-8 text"),
        (b"[" * 100_000, "is not JSON"),
        (b'{"sequence": ' + b"1" * 10_000 + b"}", "is not JSON"),
        (b"[]", "is not a JSON object"),
        (b"null", "is not a JSON object"),
        (b'{"a": 1, "a": 1}', "has a name twice"),
        (changed(details={}).replace(b"{}", b'{"a": 1, "a": 2}'), "has a name twice"),
        (b"{}", "lacks action, actor_id"),
        (without("hash", "ip"), "lacks hash, ip."),
        (changed(version="2"), '"version" that is not a number'),
        (changed(version=True), '"version" that is not a number'),
        (changed(version=None), '"version" that is not a number'),
        (changed(note="hunter2"), "has fields that no hash covers"),
        (changed(sequence="2"), '"sequence" that is not a positive number'),
        (changed(sequence=2.0), '"sequence" that is not a positive number'),
        (changed(sequence=True), '"sequence" that is not a positive number'),
        (changed(sequence=0), '"sequence" that is not a positive number'),
        (changed(organization_id=7), "that is not an organization's id"),
        (changed(organization_id="org_"), "that is not an organization's id"),
        (changed(organization_id="org_x\n"), "that is not an organization's id"),
        (changed(organization_id="org_\x1b[2J: intact"), "not an organization's id"),
        (changed(sequence=2**63), '"sequence" that is not a positive number'),
        (changed(action=["x"]), '"action" that is not text'),
        (changed(target_id=5), '"target_id" that is not text'),
        (changed(ip=None), '"ip" that is not text'),
        (changed(target_id="key_\ud800"), '"target_id" that is not text'),
        (changed(target_id="key_\0"), '"target_id" that is not text'),
        (changed(details=[]), '"details" that is not an object'),
        (changed(at="yesterday"), '"at" that is not a time with a zone'),
        (changed(at="2026-06-01T12:00:00"), '"at" that is not a time with a zone'),
        (changed(at="0001-01-01T00:00:00+14:00"), '"at" that is not a time'),
        (changed(at=7), '"at" that is not a time with a zone'),
        (changed(hash="x"), '"hash" that is not a SHA-256'),
        (changed(prev_hash=None), '"prev_hash" that is not a SHA-256'),
    ],
)
def test_a_line_that_is_no_event_is_named_and_not_repeated(line, said):
    lines = [*as_lines(chain(2)), b"\n", line]

    with pytest.raises(Malformed) as failure:
        check(lines)

    assert str(failure.value).startswith("Line 3 ")
    assert said in str(failure.value)
    assert "hunter2" not in str(failure.value)


@pytest.mark.parametrize("value", [float("nan"), 1e400, 0.5, 2**70, "\ud800", {"é": 1}])
def test_a_value_that_its_version_cannot_hold_was_changed(value):
    records = chain(2, 2)
    records[1]["details"] = {"via": value}

    assert check(as_lines(records))["org_x"].broken == (2, "was changed")


def test_details_that_are_deeper_than_any_are_no_failure_of_the_program():
    deep = b'{"a": ' + b"[" * 900 + b"]" * 900 + b"}"
    line = changed(details="deep").replace(b'"deep"', deep)

    walk = check([*as_lines(chain(2)), line])["org_x"]

    assert walk.broken == (2, "was changed")


@pytest.mark.parametrize("name", [*chain(2)[0]])
def test_a_value_of_any_other_kind_is_no_failure_of_the_program(name):
    for value in (None, True, 7, -1, 0.5, "", "x", [], ["x"], {}, {"x": 1}, "\ud800"):
        is_as_it_was = value == chain(2, 2)[1][name]
        assert is_as_it_was or is_refused(changed(**{name: value}))


def is_refused(line):
    """Whether the second line of a file is malformed, or breaks a chain."""
    try:
        walks = check([*as_lines(chain(2)), line])
    except Malformed as error:
        return str(error).startswith("Line 2 ")
    return any(walk.broken for walk in walks.values())


def test_an_event_of_an_unknown_version_is_not_called_malformed():
    """It may have fields that this program has not heard of."""
    unknown = {k: v for k, v in chain(2, 2)[1].items() if k != "ip"}
    unknown |= {"version": 3, "place": "Zürich"}

    walk = check(as_lines([*chain(2), unknown]))["org_x"]

    assert walk.broken == (2, "has a version that this program does not know")


def test_a_file_is_checked_without_django():
    code = (
        "import sys; from apikeys.audit.exported_file import check;"
        "check(open(sys.argv[1], 'rb'));"
        "assert not [m for m in sys.modules if m.split('.')[0] == 'django']"
    )
    file = CHAINS / "version_2.ndjson"

    subprocess.run([sys.executable, "-c", code, file], cwd=ROOT, env={}, check=True)
