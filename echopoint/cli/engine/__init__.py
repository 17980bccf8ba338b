"""Runs a flow on this machine: what a runner does, without one."""

from echopoint.cli.engine.exceptions import InvalidPackage, UnsupportedFlow
from echopoint.cli.engine.run import run_flow

__all__ = ["InvalidPackage", "UnsupportedFlow", "run_flow"]
