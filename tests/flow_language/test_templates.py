"""References of templates, and references to dynamic variables."""

import pytest

from echopoint.flow_language.dynamic import is_dynamic, name_and_arguments
from echopoint.flow_language.templates import references_in


@pytest.mark.parametrize(
    ("text", "references"),
    [
        ("no template", []),
        ("{{ login.token }}", ["login.token"]),
        ("{{a}}/{{b.c.0}}", ["a", "b.c.0"]),
        ("{{{typed}}}", ["typed"]),
        ("{{}} {x} {{a}b}}", []),
        ("{{a\nb}}", ["a\nb"]),
        ("{{ }}", [""]),
    ],
)
def test_a_text_refers_to_what_stands_in_two_braces(text, references):
    assert list(references_in(text)) == references


@pytest.mark.parametrize("reference", ["$uuid", "$int:1:100", "$a1", "$x:\n", "$no:"])
def test_a_reference_with_a_name_behind_the_sign_is_dynamic(reference):
    assert is_dynamic(reference)


@pytest.mark.parametrize("reference", ["", "$", "uuid", "$.path", "$1", "$a-b", " $a"])
def test_any_other_reference_is_not(reference):
    assert not is_dynamic(reference)


def test_arguments_come_after_colons():
    assert name_and_arguments("$uuid") == ("uuid", [])
    assert name_and_arguments("$int:1:100") == ("int", ["1", "100"])
    assert name_and_arguments("$words:") == ("words", [""])
