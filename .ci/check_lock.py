"""Check that the locks contain every dependency in its range, and no index address."""

import re
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
extras = project["optional-dependencies"]
client = project["dependencies"]
expected = {
    ".github/actions/run-flows/requirements.lock": client + extras["build"],
    "requirements.lock": client + extras["server"],
    "requirements-dev.lock": client + extras["server"] + extras["dev"],
}
failures = []
for name, requirements in expected.items():
    text = Path(name).read_text()
    if re.search(r"https?:|file:|--(extra-)?index-url|--find-links", text):
        failures.append(f"{name} contains an address")
    pins = dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", text, re.MULTILINE))
    for requirement in map(Requirement, requirements):
        version = pins.get(canonicalize_name(requirement.name))
        if version is None or version not in requirement.specifier:
            failures.append(f"{name} lacks {requirement} (has {version})")

sys.exit("\n".join(failures) or 0)
