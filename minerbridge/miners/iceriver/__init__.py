"""IceRiver miners: stock firmware over its web server or its daemon, and pbfarmer's firmware."""

from minerbridge.miners.iceriver.driver import IceRiverDriver

__all__ = ["IceRiverDriver"]
