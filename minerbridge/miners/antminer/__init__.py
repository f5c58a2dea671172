"""Antminers with Bitmain's own firmware: both web generations, and the RPC they share."""

from minerbridge.miners.antminer.driver import AntminerDriver

__all__ = ["AntminerDriver"]
