"""The header that names the CI job to the API."""

import os
from collections.abc import Mapping
from urllib.parse import urlencode

HEADER = "X-CI-Context"
LONGEST = 120  # characters per field, as the API stores them
# Key: the variable that the CI system sets to "true". Value: the variables of each field,
# of which the first non-empty one is used. GitLab's group name is the same for all jobs of
# a parallel matrix.
SYSTEMS: dict[str, dict[str, tuple[str, ...]]] = {
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
    """Return the header with repository, workflow and job, or no header outside of CI.

    With it the API counts a pipeline as one place of use, on whatever machine it runs.
    """
    for system, fields in SYSTEMS.items():
        if environment.get(system) == "true":
            context = {
                name: value
                for name in fields
                if (value := first_value(environment, fields[name]))
            }
            if "repository" in context:
                return {HEADER: urlencode(context, errors="replace")}
    return {}


def first_value(environment: Mapping[str, str], variables: tuple[str, ...]) -> str:
    """Return the first non-empty variable, cut to the length that the API stores."""
    values = (environment.get(variable, "") for variable in variables)
    return next(filter(None, values), "")[:LONGEST]
