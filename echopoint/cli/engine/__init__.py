"""Runs a flow on this machine: what a runner does, without one."""

from echopoint.cli.engine.exceptions import InvalidPackage, UnsupportedFlow
from echopoint.cli.engine.run import run_flow
from echopoint.cli.engine.validation import require_supported

__all__ = ["InvalidPackage", "UnsupportedFlow", "require_supported", "run_flow"]
