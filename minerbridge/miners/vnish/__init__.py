"""Antminer S9 and its like with Vnish 3: Bitmain's old web pages with sleep and frequencies."""

from minerbridge.miners.vnish.driver import VnishDriver

__all__ = ["VnishDriver"]
