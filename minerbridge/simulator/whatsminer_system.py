"""The settings of a control board that mining does not depend on."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class System:
    """What is read back nowhere on v2 is kept for the tests to see."""

    hostname: str = "WhatsMiner"
    hostname_next: str = "WhatsMiner"  # until the network restarts
    led: str = "auto"
    zone: tuple[str, str] = ("CST-8", "Asia/Shanghai")
    log_server: tuple[str, str, str] = ("", "", "")
    fixed_network: dict[str, str] = field(default_factory=dict)  # none: DHCP
    web_pools: bool = True
    temp_offset_c: int = 0
    poweroff_cool: bool = False
    fan_zero_speed: bool = False
    heat_mode: str = "normal"
    customer: dict[str, str] = field(default_factory=dict)
    custom_data: str = ""
    ntp_servers: str = "0.cn.pool.ntp.org"
    randomized_s: tuple[int, int] = (0, 0)
    coin: str = "BTC"

    def boot(self) -> None:
        self.hostname = self.hostname_next
        self.led = "auto"

    def network(self, address: str) -> dict[str, str]:
        fixed = self.fixed_network
        return {
            "ip": address,
            "proto": "static" if fixed else "dhcp",
            "netmask": fixed.get("mask", "255.255.255.0"),
            "gateway": fixed.get("gate", "192.168.1.1"),
            "dns": fixed.get("dns", "192.168.1.1"),
        }

    def set_network(self, wanted: dict[str, str]) -> None:
        """Keep it; the simulated address itself stays, or nobody could ask for it."""
        self.fixed_network = {name: wanted[name] for name in wanted if name != "host"}
        self.hostname_next = wanted.get("host") or self.hostname_next
