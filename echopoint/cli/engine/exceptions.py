"""Errors of a package, of a flow and of a node."""


class InvalidPackage(Exception):
    """The package does not have the format of an execution package."""

    def __init__(self, message: str):
        super().__init__(message)
        self.message = message


class UnsupportedFlow(Exception):
    """The flow uses a feature that this engine does not support. No node has run."""

    def __init__(self, message: str):
        super().__init__(message)
        self.message = message


class NothingFound(ValueError):
    """The extractor found no value or could not be applied."""


class Absent(NothingFound):
    """The extractor was applied, and the value does not exist."""


class NodeFailed(Exception):
    """A node failed: `code` is for programs, `message` for people."""

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code
        self.message = message
