"""Devices that answer like the real ones, for demo, tests and benchmarks; imports no room."""

from minerbridge.simulator.command import main
from minerbridge.simulator.server import Fleet

__all__ = ["Fleet", "main"]
