"""Every topic the bridge speaks on."""

from __future__ import annotations

from dataclasses import dataclass

MAX_RESPONSE_TOPIC = 1024


@dataclass(frozen=True, slots=True)
class Topics:
    """Topic names under one base and one discovery prefix.

    With a *site*, the base and the ids of the bridge's own devices carry it, so that several
    bridges share a broker.
    """

    base: str = "minerbridge"
    prefix: str = "homeassistant"
    birth: str = "homeassistant/status"
    site: str | None = None

    @property
    def root(self) -> str:
        return f"{self.base}/{self.site}" if self.site else self.base

    def own_id(self, name: str) -> str:
        """Return the id of a device of the bridge itself: `bridge` or `fleet`."""
        return f"{self.site}_{name}" if self.site else name

    def bridge(self, name: str) -> str:
        return f"{self.root}/bridge/{name}"

    def request(self, name: str) -> str:
        return f"{self.root}/bridge/request/{name}"

    def response(self, name: str) -> str:
        return f"{self.root}/bridge/response/{name}"

    def ems(self, name: str) -> str:
        return f"{self.root}/ems/{name}"

    def fleet(self, name: str) -> str:
        return f"{self.root}/fleet/{name}"

    def availability(self, miner_id: str) -> str:
        return f"{self.root}/miner/{miner_id}/availability"

    def reading(self, miner_id: str) -> str:
        return f"{self.root}/miner/{miner_id}/reading"

    def result(self, miner_id: str) -> str:
        return f"{self.root}/miner/{miner_id}/result"

    def state(self, platform: str, device_id: str, key: str) -> str:
        return f"{self.prefix}/{platform}/{device_id}/{key}/state"

    def set(self, platform: str, device_id: str, key: str) -> str:
        return f"{self.prefix}/{platform}/{device_id}/{key}/set"

    def set_filter(self, device_id: str) -> str:
        return f"{self.prefix}/+/{device_id}/+/set"

    def discovery(self, device_id: str) -> str:
        return f"{self.prefix}/device/{device_id}/config"

    def is_ours(self, topic: str) -> bool:
        """Whether we listen or publish there: an answer sent to it would be taken for a command."""
        return topic.startswith((f"{self.root}/", f"{self.prefix}/")) or topic == self.birth

    def may_answer_to(self, topic: str | None) -> bool:
        """Whether a requester's response topic can be published to, and is not ours."""
        if not topic or len(topic) > MAX_RESPONSE_TOPIC or self.is_ours(topic):
            return False
        return not topic.startswith("$") and not set(topic) & set("+#\0")
