"""XPath on answers in XML."""

import pytest

from echopoint.cli.engine.exceptions import Absent, NothingFound
from echopoint.cli.engine.extractors import NodeResponse, Source, extract

SHOP = b"""<?xml version="1.0" encoding="iso-8859-1"?>
<shop xmlns:x="urn:x" name="caf\xe9">
  <item id="1">tea</item><item id="2">rum &amp; co</item>
  <x:total currency="EUR">12.50</x:total>
  <nested><a>1</a> and <b/></nested>
  <!-- note -->
</shop>"""


def find(path, body=SHOP):
    return extract("xmlPath", {"path": path}, NodeResponse(200, [], body))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/shop/item[1]", "tea"),
        ("/shop/item", ["tea", "rum & co"]),
        ("//item/@id", ["1", "2"]),
        ("/shop/@name", "café"),
        ("//x:total", "12.50"),
        ("number(//x:total)", 12.5),
        ("count(//item)", 2.0),
        ("//item[2]/text()", "rum & co"),
        ("string(//item[1])", "tea"),
        ("boolean(//item[@id=3])", False),
        ("/shop/nested", "<nested><a>1</a> and <b/></nested>"),
        ("//b", ""),
        ("//comment()", " note "),
    ],
)
def test_a_path_finds_what_is_there(path, value):
    found = find(path)

    # The XML of an element includes the namespaces in scope.
    if isinstance(found, str):
        found = found.replace(' xmlns:x="urn:x"', "")
    assert found == value


def test_the_default_namespace_has_a_prefix():
    body = b'<feed xmlns="http://www.w3.org/2005/Atom"><title>News</title></feed>'

    assert find("/ns:feed/ns:title", body) == "News"


@pytest.mark.parametrize("path", ["/shop/none", "//item[9]", "//@none"])
def test_what_is_not_there_is_absent(path):
    with pytest.raises(Absent, match="nothing is at the path"):
        find(path)


@pytest.mark.parametrize("path", ["", "/shop[", "//y:a", "unknown()", "\0", "1 div 'a"])
def test_an_invalid_path_is_reported(path):
    with pytest.raises(NothingFound, match="cannot be followed"):
        find(path)


@pytest.mark.parametrize("body", [b"", b"{}", b"<a>", b"\xff\xfe", b"<a/><b/>"])
def test_a_body_that_is_not_xml_is_reported(body):
    with pytest.raises(NothingFound, match="not XML"):
        find("/a", body)


def test_entities_are_not_expanded_and_no_file_is_read():
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 30))
    bomb = f'<!DOCTYPE a [<!ENTITY l0 "ha">{laughs}]><a>&l29;</a>'
    reader = '<!DOCTYPE a [<!ENTITY f SYSTEM "file:///etc/passwd">]><a>&f;</a>'

    with pytest.raises(NothingFound, match="entity"):
        find("string(/a)", bomb.encode())
    assert find("string(/a)", reader.encode()) == ""


def test_a_text_of_a_node_is_read_as_xml():
    assert extract("xmlPath", {"path": "/a"}, Source("<a>1</a>")) == "1"


def test_no_regular_expression_is_run_that_can_take_for_ever():
    body = f'<x xmlns:re="http://exslt.org/regular-expressions">{"a" * 40}!</x>'

    with pytest.raises(NothingFound, match="cannot be followed"):
        find("/x[re:test(., '^(a+)+$')]", body.encode())


@pytest.mark.parametrize("path", ["number(/shop/none)", "1 div 0", "-1 div 0"])
def test_what_is_no_number_is_not_found(path):
    with pytest.raises(NothingFound, match="no number"):
        find(path)


def test_matches_that_lie_in_each_other_do_not_fill_the_memory():
    body = "<a>" * 200 + "x" * 100_000 + "</a>" * 200

    with pytest.raises(NothingFound, match="too much"):
        find("//*", body.encode())
