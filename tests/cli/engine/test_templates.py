import pytest

from echopoint.cli.engine.dynamic_variables import GeneratedValues, ValueGenerator
from echopoint.cli.engine.templates import (
    MAX_RENDERED,
    Renderer,
    TemplateVariables,
    TooLong,
    references,
)


@pytest.fixture
def scope():
    scope = TemplateVariables(
        {
            "name": "Ada",
            "host.url": "http://h",
            "n": 200,
            "none": None,
            "login": "input",
        }
    )
    scope.add("login", {"token": "t0k", "user": {"roles": ["admin"], "a": {"b": 1.50}}})
    scope.add("step", {"key.with.dots": {"x": "deep"}, "list": [[10], {"k": True}]})
    return scope


@pytest.fixture
def render(scope):
    return Renderer(scope.find, GeneratedValues(ValueGenerator("e"))).render


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("Hello {{name}}!", "Hello Ada!"),
        ("{{ name }}", "Ada"),
        ("{{\tname\n}}", "Ada"),
        ("{{host.url}}/x", "http://h/x"),
        ("{{n}}", "200"),
        ("[{{none}}]", "[]"),
        ("{{login}}", "input"),
        ("{{login.token}}", "t0k"),
        ("{{login.user.roles.0}}", "admin"),
        ("{{login.user.a}}", '{"b":1.5}'),
        ("{{step.key.with.dots.x}}", "deep"),
        ("{{step.list.0.0}}-{{step.list.1.k}}", "10-true"),
        ("{{{n}}}", 200),
        ("{{{ login.user.roles }}}", ["admin"]),
        ("{{{none}}}", None),
        ("a {{{n}}}", "a {200}"),
        ('{"a":{"b":{{n}}}}', '{"a":{"b":200}}'),
        ({"{{n}}": ["{{n}}", {"deep": "{{{n}}}"}]}, {"{{n}}": ["200", {"deep": 200}]}),
        (7, 7),
        (None, None),
    ],
)
def test_it_renders(render, template, value):
    assert render(template) == value


@pytest.mark.parametrize(
    "template",
    [
        "{{nobody}}",
        "{{{nobody}}}",
        "{{login.nothing}}",
        "{{login.user.roles.1}}",
        "{{login.user.roles.-1}}",
        "{{login.user.roles.x}}",
        "{{login.token.0}}",
        "{{name.first}}",
        "{{}}",
        "{{ }}",
        "{ {name} }",
        "{{name}",
        "{{login.user.roles.٠}}",
        "{{" + "a." * 50_000 + "}}",
    ],
)
def test_what_names_nothing_stays_as_it_is_written(render, template):
    assert render(template) == template


def test_an_input_is_not_read_in_place_of_an_output_of_a_node_that_ran():
    scope = TemplateVariables({"login.token": "of the input"})
    before = Renderer(scope.find, GeneratedValues(ValueGenerator("e"))).render(
        "{{login.token}}"
    )
    scope.add("login", {})

    after = Renderer(scope.find, GeneratedValues(ValueGenerator("e"))).render(
        "{{login.token}}"
    )

    assert (before, after) == ("of the input", "{{login.token}}")


def test_a_rendered_value_is_no_template():
    scope = TemplateVariables(
        {"evil": "{{secret}}", "secret": "s", "open": "{{", "close": "}}"}
    )
    render = Renderer(scope.find, GeneratedValues(ValueGenerator("e"))).render

    assert render("{{evil}}") == "{{secret}}"
    assert render("{{{evil}}}") == "{{secret}}"
    assert render("{{open}}secret{{close}}") == "{{secret}}"


def test_a_template_bomb_is_refused():
    render = Renderer(
        TemplateVariables({"long": "x" * 65_536}).find,
        GeneratedValues(ValueGenerator("e")),
    ).render

    assert len(render("{{long}}" * 100)) == 6_553_600
    with pytest.raises(TooLong, match="more than 10 MiB"):
        render(["{{long}}"] * 200)
    with pytest.raises(TooLong, match="more than 10 MiB"):
        Renderer(
            TemplateVariables({"long": ["x" * 65_536]}).find,
            GeneratedValues(ValueGenerator("e")),
        ).render(["{{{long}}}"] * 200)
    assert MAX_RENDERED == 10 * 1024 * 1024


def test_the_references_are_found_wherever_a_value_is_rendered():
    value = {"{{not}}": ["{{ a }}", {"x": "{{b.c}}{{{d}}}"}], "n": 1}

    assert list(references(value)) == ["a", "b.c", "d"]
