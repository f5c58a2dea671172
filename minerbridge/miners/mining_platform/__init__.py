"""A host that runs software miners (xmrig, tt-miner) under the Mining Platform."""

from minerbridge.miners.mining_platform.driver import MiningPlatformDriver

__all__ = ["MiningPlatformDriver"]
