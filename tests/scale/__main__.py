"""Start servers, check each claim about them, and print what was measured.

The claims about a replica have a PostgreSQL, a standby and a Redis of their own. Those about
two servers use the PostgreSQL server of DATABASE_URL, which gets a database for the run, and
the Redis of REDIS_URL; an empty one shows what does not hold without it.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

import django

from tests.scale.replicated import replicated_servers
from tests.scale.servers import two_servers


def main():
    begun = time.monotonic()
    results = [*results_of_pair(), *results_of_replica()]
    claims, failed = len(results), results.count(False)
    say(f"{claims} claims, {failed} failed, {time.monotonic() - begun:.0f} s")
    sys.exit(failed > 0)


def results_of_pair():
    with tempfile.TemporaryDirectory() as folder, two_servers(Path(folder)) as servers:
        os.environ.update(servers[0].environment)
        django.setup()
        from tests.scale.claims import CLAIMS

        return results(CLAIMS, servers, servers[0])


def results_of_replica():
    folder = tempfile.TemporaryDirectory()
    with folder as name, replicated_servers(Path(name)) as site:
        from tests.scale.replica_claims import CLAIMS

        return results(CLAIMS, site, site.servers[0])


def results(claims, subject, server):
    """Return whether each claim holds; a failed run prints the log of the servers."""
    found = [holds(claim, subject) for claim in claims]
    if not all(found):
        say(server.logged()[-10_000:])
    return found


def holds(claim, subject):
    try:
        measured, is_so = claim(subject)
    except Exception as error:  # noqa: BLE001, the claim failed
        measured, is_so = f"{type(error).__name__}: {error}", False
    say(f"{'ok' if is_so else 'failed':<8}{claim.__doc__}: {measured}.")
    return is_so


def say(line):
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
