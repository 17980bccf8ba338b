"""Fields of a definition that go by two names, and what is read as absent.

The public runner reads null as absent, and knows some fields in camelCase too. Ours, the
one of the published schemas, comes first.
"""

QUERY = ("query_params", "queryParams")
HEADER = ("header_name", "headerName")
ASSERTION = (
    ("extractor_type", "extractorType"),
    ("extractor_data", "extractorData"),
    ("operator_type", "operatorType"),
    ("operator_data", "operatorData"),
)
ABSENT = (None, "")
