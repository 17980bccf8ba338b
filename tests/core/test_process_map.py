"""A `map` in other processes: order, bounds, and what happens if one dies."""

import os
import subprocess
import sys
import time
from concurrent.futures.process import BrokenProcessPool

import pytest
from django.db import connection, transaction

from echopoint.core.process_map import AHEAD, is_shareable, process_map
from tests.paths import ROOT

pytestmark = pytest.mark.slow


def test_results_come_in_order_from_other_processes():
    with process_map(2) as map_in_processes:
        processes = list(map_in_processes(process_id, range(6)))
        squares = list(map_in_processes(square, range(6)))

    assert squares == [0, 1, 4, 9, 16, 25]
    assert os.getpid() not in processes
    assert 1 <= len(set(processes)) <= 2


def process_id(item):
    return os.getpid()


def square(number):
    time.sleep(0.1 if number == 0 else 0)  # the first result is the last
    return number**2


def test_few_items_are_taken_in_advance():
    taken = []

    def items():
        for item in range(1000):
            taken.append(item)
            yield item

    with process_map(1) as map_in_processes:
        results = map_in_processes(square, items())
        next(results)
        results.close()

    assert len(taken) == AHEAD + 1


def test_a_process_that_dies_is_an_error():
    with process_map(1) as map_in_processes, pytest.raises(BrokenProcessPool):
        list(map_in_processes(os._exit, [0, 0]))


def test_an_exception_of_a_call_is_raised():
    with process_map(1) as map_in_processes, pytest.raises(ZeroDivisionError):
        list(map_in_processes(divmod_by, [1, 0]))


def divmod_by(number):
    return divmod(1, number)


def test_processes_do_not_outlive_a_killed_parent():
    code = (
        "import os, signal\n"
        "from echopoint.core.process_map import process_map\n"
        "from tests.core.test_process_map import process_id\n"
        "with process_map(1) as map_in_processes:\n"
        "    print(next(map_in_processes(process_id, range(3))), flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )

    # The child has the same standard output, so this returns when both have exited.
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert done.returncode == -9
    assert done.stdout.strip().isdigit()


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_the_processes_use_the_database_of_the_caller():
    with process_map(1) as map_in_processes:
        names = list(map_in_processes(database_name, ["default"]))

    assert names == [connection.settings_dict["NAME"]]


def database_name(alias):
    with connection.cursor() as cursor:
        return cursor.execute("SELECT current_database()").fetchone()[0]


@pytest.mark.django_db(transaction=True)
def test_what_other_processes_cannot_read_is_not_shareable():
    is_on_disk = connection.vendor == "postgresql"

    assert is_shareable(connection) is is_on_disk
    with transaction.atomic():
        assert not is_shareable(connection)
