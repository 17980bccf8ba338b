"""The header that names the CI job."""

import pytest

from echopoint.cli.ci_context import headers

GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_REPOSITORY": "acme/shop",
    "GITHUB_WORKFLOW": "Smoke & more",
    "GITHUB_JOB": "smoke",
}
GITLAB = {
    "GITLAB_CI": "true",
    "CI_PROJECT_PATH": "acme/group/shop",
    "CI_JOB_NAME": "smoke 1/3",
    "CI_JOB_GROUP_NAME": "smoke",
}


@pytest.mark.parametrize(
    ("environment", "context"),
    [
        (GITHUB, "repository=acme%2Fshop&workflow=Smoke+%26+more&job=smoke"),
        (GITLAB, "repository=acme%2Fgroup%2Fshop&job=smoke"),
        (
            {n: v for n, v in GITLAB.items() if n != "CI_JOB_GROUP_NAME"},
            "repository=acme%2Fgroup%2Fshop&job=smoke+1%2F3",
        ),
        ({}, None),
        (GITHUB | {"GITHUB_ACTIONS": "false"}, None),
        (GITHUB | {"GITHUB_REPOSITORY": ""}, None),
        (
            GITHUB | {"GITHUB_JOB": "a\r\nX-Api-Key: b"},
            "repository=acme%2Fshop&workflow=Smoke+%26+more&job=a%0D%0AX-Api-Key%3A+b",
        ),
        (
            GITHUB | {"GITHUB_WORKFLOW": "\udcff", "GITHUB_JOB": ""},
            "repository=acme%2Fshop&workflow=%3F",
        ),
    ],
)
def test_a_job_is_named_by_what_the_ci_system_says(environment, context):
    assert headers(environment).get("X-CI-Context") == context
