"""WhatsMiners with MicroBT's own firmware: the API of port 4028 and the newer one of 4433."""

from minerbridge.miners.whatsminer.driver import WhatsminerDriver

__all__ = ["WhatsminerDriver"]
