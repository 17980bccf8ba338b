"""Check what is to be run, before anything of it runs."""


def require_supported(definition: dict, referenced_flows: dict) -> None:
    """Raise UnsupportedFlow, or InvalidPackage, for what cannot be run here."""
