"""The CI job that the command runs in, for the header that names it to the API."""

import os
from collections.abc import Mapping
from urllib.parse import urlencode

HEADER = "X-CI-Context"
LONGEST = 120  # characters of a field; the API keeps no more
# By the variable that a CI system sets to "true": the variables of each field, the first
# one that is set. GitLab's group name is the same for all jobs of a parallel matrix.
SYSTEMS = {
    "GITHUB_ACTIONS": {
        "repository": ("GITHUB_REPOSITORY",),
        "workflow": ("GITHUB_WORKFLOW",),
        "job": ("GITHUB_JOB",),
    },
    "GITLAB_CI": {
        "repository": ("CI_PROJECT_PATH",),
        "workflow": ("CI_PIPELINE_NAME",),
        "job": ("CI_JOB_GROUP_NAME", "CI_JOB_NAME"),
    },
}


def headers(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the header that names repository, workflow and job; empty outside of CI.

    With it a pipeline is one place where a key is used, whatever machine it runs on.
    """
    for system, fields in SYSTEMS.items():
        if environment.get(system) == "true":
            context = {
                name: value
                for name in fields
                if (value := first(environment, fields[name]))
            }
            if "repository" in context:
                return {HEADER: urlencode(context, errors="replace")}
    return {}


def first(environment: Mapping[str, str], variables: tuple[str, ...]) -> str:
    """Return the first of these variables that is set, cut to what the API keeps."""
    values = (environment.get(variable, "") for variable in variables)
    return next(filter(None, values), "")[:LONGEST]
