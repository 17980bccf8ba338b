"""Measure what a key costs, compare it with peers, and say which goals are met.

`make bench` writes the tables and the chart into the README; `make bench-quick` prints
them only, from few rounds. The exit code is 1 if a row misses its goal.
"""

import os
import platform
import re
import subprocess
import sys
from datetime import UTC, datetime

from tests.bench.chart import bars
from tests.bench.results import load, table
from tests.paths import ROOT

POSTGRESQL = "postgres://postgres@127.0.0.1:5432/postgres"
MARKS = re.compile(r"(?<=<!-- bench -->\n).*?(?=<!-- /bench -->)", re.S)
CHART = ROOT / ".github" / "bench.svg"
IMAGE = (
    "![Bar chart of the time that authentication adds to a request](.github/bench.svg)"
)
# {section: (rounds, rounds of a quick run)}
SECTIONS = {
    ("in_process", "postgresql"): (3000, 400),
    ("in_process", "sqlite"): (3000, 400),
    ("outcomes", "postgresql"): (2000, 300),
    ("over_http", "postgresql"): (12, 2),
    ("at_size", "postgresql"): (10_000_000, 100_000),
    ("key_lists", "postgresql"): (1_000_000, 20_000),
    ("audit", "postgresql"): (1_000_000, 100_000),
    ("audit_lists", "postgresql"): (10_000_000, 100_000),
}


def postgresql_url():
    url = os.environ.get("DATABASE_URL", "")
    return url if url.startswith("postgres") else POSTGRESQL


def run(section, vendor, rounds):
    """Return the rows of a section, measured in a process of its own."""
    url = {"postgresql": postgresql_url(), "sqlite": "sqlite://:memory:"}[vendor]
    sys.stderr.write(f"{section}, {vendor} …\n")
    settings = {"DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "tests.bench.settings"}
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.section", section, str(rounds)],
        cwd=ROOT,
        env=os.environ | settings,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return load(done.stdout)


def report(rows):
    """Return the tables, under the machine that they were measured on."""
    today = f"{datetime.now(UTC):%d %B %Y}"
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}"
    return f"Measured on {today}: {machine}.\n\n{table(rows)}\n"


def chart(rows):
    """Return the chart of what each contender adds to a view on PostgreSQL."""
    added = {
        row.name.removesuffix(" adds, median"): row.value
        for row in rows
        if row.name.endswith("adds, median") and row.group.endswith("PostgreSQL")
    }
    title = "Time that authentication adds to a request, PostgreSQL, median"
    return bars(title, added, "Echopoint", "µs")


def publish(rows):
    """Write the tables into the README, and the chart beside it."""
    readme = ROOT / "README.md"
    text = readme.read_text()
    if not MARKS.search(text):
        raise RuntimeError("The README has no place for the tables.")
    readme.write_text(MARKS.sub(lambda match: f"\n{IMAGE}\n\n{report(rows)}\n", text))
    CHART.write_text(chart(rows))


def main(arguments):
    is_quick = "--quick" in arguments
    rows = []
    for (section, vendor), rounds in SECTIONS.items():
        rows += run(section, vendor, rounds[is_quick])
    sys.stdout.write(report(rows))
    if not is_quick:
        publish(rows)
    return int(any(row.verdict == "misses" for row in rows))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
