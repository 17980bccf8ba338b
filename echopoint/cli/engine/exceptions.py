"""What can be wrong: with a package, with a flow, with one node of it."""


class InvalidPackage(Exception):
    """The package is not of the form that a runner is given."""

    def __init__(self, message: str):
        super().__init__(message)
        self.message = message


class UnsupportedFlow(Exception):
    """The flow holds what this engine cannot run; nothing of it has run."""

    def __init__(self, message: str):
        super().__init__(message)
        self.message = message


class NothingFound(ValueError):
    """There is nothing to extract, or no way to."""


class Absent(NothingFound):
    """What could be there is not."""


class NodeFailed(Exception):
    """One node has failed: a code that programs know, and words for people."""

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code
        self.message = message
