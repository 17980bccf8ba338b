"""The actor of changes that tests make."""

from apikeys.actors import Actor

SYSTEM = Actor.command("test")
