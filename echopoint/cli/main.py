"""The `echopoint` command."""

import click


@click.group()
def main():
    """Run flows and read what they and webhooks recorded, with an API key."""
