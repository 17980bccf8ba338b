"""Flow engine: runs a flow in this process, without a runner."""

from echopoint.cli.engine.exceptions import InvalidPackage, UnsupportedFlow
from echopoint.cli.engine.flow_execution import run_flow

__all__ = ["InvalidPackage", "UnsupportedFlow", "run_flow"]
