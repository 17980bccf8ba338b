"""Runs a flow on this machine: what a runner does, without one."""

from echopoint.cli.engine.package import require_supported
from echopoint.cli.engine.problems import InvalidPackage, UnsupportedFlow
from echopoint.cli.engine.run import run_flow

__all__ = ["InvalidPackage", "UnsupportedFlow", "require_supported", "run_flow"]
