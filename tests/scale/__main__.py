"""Start two servers, check each claim, and print what was measured.

The PostgreSQL server is that of DATABASE_URL, which gets a database for the run. Redis is
that of REDIS_URL; an empty one shows what does not hold without it.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

import django

from tests.scale.servers import two_servers


def main():
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, two_servers(Path(folder)) as servers:
        os.environ.update(servers[0].environment)
        django.setup()
        from tests.scale.claims import CLAIMS

        failed = sum(not holds(claim, servers) for claim in CLAIMS)
        if failed:
            say(servers[0].logged()[-10_000:])
    say(f"{len(CLAIMS)} claims, {failed} failed, {time.monotonic() - begun:.0f} s")
    sys.exit(failed > 0)


def holds(claim, servers):
    try:
        measured, is_so = claim(servers)
    except Exception as error:  # noqa: BLE001, the claim failed
        measured, is_so = f"{type(error).__name__}: {error}", False
    say(f"{'ok' if is_so else 'failed':<8}{claim.__doc__}: {measured}.")
    return is_so


def say(line):
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
