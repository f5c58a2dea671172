"""Software miners and saved profiles of a simulated Mining Platform."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

_QUIET_S, _RAMP_S = 2.0, 8.0
_SHARE_S = 20.0
POINT_S, LOW_POINT_S = 10, 60
POINTS, LOW_POINTS, LOG_LINES = 30, 60, 60
POOL = "stratum+tcp://pool.example.com:3333"
WALLET = "48SimulatedWalletAddressOfNobody"


@dataclass(slots=True)
class SavedProfile:
    """One row of `/profiles`."""

    id: str
    name: str
    kind: str
    config: dict[str, Any] = field(default_factory=dict)
    description: str = ""

    def document(self, *, envelope: bool) -> dict[str, Any]:
        row = {"id": self.id, "name": self.name, "minerType": self.kind, "config": self.config}
        if envelope:
            at = "2025-12-31T10:00:00Z"
            row |= {"description": self.description, "createdAt": at, "updatedAt": at}
        return row


@dataclass(slots=True)
class RunningMiner:
    """One process. *now_s* is the simulated time; *noise* lets two reads differ."""

    name: str
    kind: str
    config: dict[str, Any]
    full_hs: float
    began_s: float
    now_s: Callable[[], float]
    noise: Callable[[int], float]
    salt: int = 0
    is_deaf: bool = False  # its own API does not answer, as at its start

    @property
    def uptime_s(self) -> int:
        return int(self.now_s() - self.began_s)

    @property
    def algorithm(self) -> str:
        return str(self.config.get("algo") or "rx/0")

    def hashrate_hs(self, ago_s: float = 0.0) -> float:
        age_s = self.now_s() - self.began_s - ago_s
        share = min(1.0, max(0.0, (age_s - _QUIET_S) / _RAMP_S))
        return self.full_hs * share * (1.0 + 0.02 * self.noise(self.salt + int(ago_s)))

    @property
    def shares(self) -> int:
        return int(max(0.0, self.uptime_s - _QUIET_S - _RAMP_S) / _SHARE_S)

    @property
    def rejected(self) -> int:
        return self.shares // 200

    def row(self, *, envelope: bool) -> dict[str, Any]:
        if envelope:
            began = datetime.now(UTC) - timedelta(seconds=self.uptime_s)
            return {
                "name": self.name,
                "type": self.kind,
                "status": "running",
                "pid": 12345 + self.salt,
                "startedAt": began.isoformat(timespec="seconds").replace("+00:00", "Z"),
                "config": self.config,
            }
        folder = f"/home/miner/.local/share/lethean-desktop/miners/{self.kind}"
        return {
            "name": self.name,
            "miner_type": self.kind,
            "version": "6.24.0",
            "url": "https://github.com/xmrig/xmrig",
            "path": folder,
            "miner_binary": f"{folder}/{self.kind}",
            "running": True,
            "configPath": "/home/miner/.config/lethean-desktop/xmrig.json",
            "api": {"enabled": True, "listenHost": "127.0.0.1", "listenPort": 12345 + self.salt},
            "hashrateHistory": self.points(POINTS, POINT_S),
            "lowResHashrateHistory": self.points(LOW_POINTS, LOW_POINT_S),
        }

    def stats(self, *, envelope: bool) -> dict[str, Any]:
        if envelope:
            found: dict[str, Any] = {
                "hashrate": round(self.hashrate_hs(), 1),
                "hashrateAvg": round(self.hashrate_hs(30.0), 1),
                "shares": {"accepted": self.shares, "rejected": self.rejected, "invalid": 0},
                "uptime": self.uptime_s,
                "connection": {
                    "pool": POOL.partition("://")[2],
                    "uptime": self.uptime_s,
                    "ping": 45 + round(3 * self.noise(self.salt)),
                    "failures": 0,
                },
                "cpu": {"usage": 95.5, "temperature": round(65.2 + 2 * self.noise(1), 1)},
            }
            if self.config.get("cuda"):
                found["gpu"] = [self._gpu()]
            return found
        return {
            "hashrate": round(self.hashrate_hs()),
            "shares": self.shares,
            "rejected": self.rejected,
            "uptime": self.uptime_s,
            "lastShare": 0,
            "algorithm": self.algorithm,
            "avgDifficulty": 0,
            "diffCurrent": 100001,
        }

    def _gpu(self) -> dict[str, Any]:
        return {
            "id": 0,
            "name": "NVIDIA GeForce RTX 3080",
            "hashrate": round(self.hashrate_hs(), 1),
            "temperature": round(68.5 + 2 * self.noise(2), 1),
            "fanSpeed": 75,
            "powerUsage": 220,
        }

    def event(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "hashrate": round(self.hashrate_hs()),
            "shares": self.shares,
            "rejected": self.rejected,
            "uptime": self.uptime_s,
        }

    def points(self, number: int, step_s: int) -> list[dict[str, Any]]:
        """Return the newest *number* points, oldest first, in Go's nanoseconds."""
        now = datetime.now(UTC)
        kept = min(number, self.uptime_s // step_s)
        return [
            {
                "timestamp": (now - timedelta(seconds=ago * step_s)).strftime(
                    "%Y-%m-%dT%H:%M:%S.%f000Z"
                ),
                "hashrate": round(self.hashrate_hs(float(ago * step_s))),
            }
            for ago in range(kept - 1, -1, -1)
        ]

    def logs(self) -> list[str]:
        lines = [
            f"[12:{n:02d}:00] speed 10s/60s/15m {self.hashrate_hs():.1f} n/a n/a H/s"
            for n in range(LOG_LINES - 1)
        ]
        lines.insert(0, f"[12:00:00] use pool {POOL} {self.config.get('wallet', '')}")
        return [base64.b64encode(line.encode()).decode() for line in lines]
