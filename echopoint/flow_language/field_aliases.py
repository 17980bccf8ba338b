"""Fields of a definition with two names, and the values that mean "absent".

The public runner also accepts some fields in camelCase, and treats null as absent. The
name in the published schemas comes first.
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
