"""A host under the Mining Platform (Snider/Mining): software miners behind one HTTP API.

It follows the public code of 2026-02; with *envelope* it answers as the documentation says.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import unquote

from minerbridge.simulator import mining_platform_forms as forms
from minerbridge.simulator.device import Device, HttpRequest, Reply
from minerbridge.simulator.digest import Digest
from minerbridge.simulator.mining_platform_api import Api
from minerbridge.simulator.mining_platform_forms import Refused
from minerbridge.simulator.mining_platform_miners import (
    POOL,
    WALLET,
    RunningMiner,
    SavedProfile,
)
from minerbridge.simulator.mining_platform_socket import PlatformConnection
from minerbridge.simulator.physics import Point, Rating

NAMESPACE = "/api/v1/mining"
PER_SECOND, AT_ONCE = 10.0, 20.0
STATS_EVERY_S = 10.0
#: (name, miner, algorithm, H/s, mines on a GPU)
PROFILES = (
    ("XMR - SupportXMR", "xmrig", "rx", 4520.0, False),
    ("RVN - GPU", "xmrig", "kawpow", 24_500.0, True),
)


class MiningPlatform(Device):
    """Set *login* to "digest" or "basic" for the user miner and the password secret."""

    kind = "mining_platform"
    family = "mining_platform"
    id_prefix = "rig"
    default_ports: ClassVar[Mapping[str, int]] = {"http": 9090}
    protocols: ClassVar[Mapping[str, str]] = {"http": "mining_platform"}
    rating = Rating(Point(29_000.0, 310.0), 45.0, share_difficulty=1.0)

    def __init__(
        self,
        number: int = 1,
        *,
        envelope: bool = False,
        login: str | None = None,
        namespace: str = NAMESPACE,
        running: int = 2,
        **common: Any,
    ) -> None:
        super().__init__(number, **common)
        self.envelope, self.login, self.namespace = envelope, login, namespace
        self.digest = Digest("Mining API", "miner", "secret")
        self.profiles: dict[str, SavedProfile] = {}
        self.miners: dict[str, RunningMiner] = {}
        self.installed = {"xmrig"}
        self.sockets: set[PlatformConnection] = set()
        self.has_socket = True
        self.limits_rate = True
        self._free, self._counted_s = AT_ONCE, self._clock()
        self._count = 0
        self.api = Api(self)
        for name, kind, algorithm, _, is_gpu in PROFILES:
            config = {"pool": POOL, "wallet": WALLET, "algo": algorithm, "password": "x",
                      "cuda": is_gpu, "threads": 4}  # fmt: skip
            self.save_profile(SavedProfile("", name, kind, config))
        for profile in list(self.profiles.values())[:running]:
            self.launch(profile, uptime_s=8215.0)

    # -- what the API does -------------------------------------------------------------------

    def save_profile(self, profile: SavedProfile) -> SavedProfile:
        if not profile.id:
            self._count += 1
            profile.id = f"550e8400-e29b-41d4-a716-{self.number:04d}{self._count:08d}"
        self.profiles[profile.id] = profile
        return profile

    def name_of(self, profile: SavedProfile) -> str:
        algorithm = profile.config.get("algo")
        if algorithm:
            return f"{profile.kind}-{algorithm}".lower()
        return f"{profile.kind}-{self.plant.random.randrange(1000)}"

    def launch(self, profile: SavedProfile, uptime_s: float = 0.0) -> RunningMiner:
        name = self.name_of(profile)
        full = next((hs for _, _, algo, hs, _ in PROFILES if algo == profile.config.get("algo")),
                    4000.0)  # fmt: skip
        miner = RunningMiner(
            name, profile.kind, profile.config, full * self.plant.quality,
            self.plant.now_s - uptime_s, lambda: self.plant.now_s, self.plant.noise,
            len(self.miners),
        )  # fmt: skip
        self.miners[name] = miner
        self.emit("miner.starting", {"name": name, "profileId": profile.id})
        self.emit("miner.started", {"name": name, "profileId": profile.id})
        return miner

    def end(self, name: str, reason: str = "") -> None:
        """End a miner: by request, or as when it crashes."""
        self.miners.pop(name, None)
        self.emit("miner.stopped", {"name": name, "reason": reason})

    def rename(self, old: str, new: str) -> None:
        """List a miner under another name, as after an update of the platform."""
        miner = self.miners.pop(old)
        miner.name = new
        self.miners[new] = miner

    @property
    def power_w(self) -> float:
        point = self.rating.point
        share = sum(m.hashrate_hs() for m in self.miners.values()) / point.hashrate_hs
        return self.rating.sleep_power_w + (point.power_w - self.rating.sleep_power_w) * share

    @property
    def state(self) -> str:
        state = super().state
        if state not in ("mining", "starting", "idle"):
            return state
        hashes = any(miner.hashrate_hs() > 0 for miner in self.miners.values())
        return "mining" if hashes else "starting" if self.miners else "idle"

    # -- HTTP --------------------------------------------------------------------------------

    def http(self, request: HttpRequest) -> Reply:
        try:
            return self._checked(request)
        except Refused as error:
            return forms.refusal(error, envelope=self.envelope)

    def _checked(self, request: HttpRequest) -> Reply:
        self._limit()
        path = self._relative(request)
        if path is None:
            return forms.NOT_ROUTED
        if path not in ("/health", "/ready"):
            self._let_in(request)
        headers = request.headers
        is_json = headers.get("content-type", "").startswith("application/json")
        if request.method != "GET":
            if not (is_json or "x-requested-with" in headers or "authorization" in headers):
                raise Refused(403, "CSRF_PROTECTION", "Request blocked by CSRF protection")
            if request.body and not is_json:
                raise Refused(415, "INVALID_INPUT", "Content-Type must be application/json")
        return self.api.answer(request.method, path, request)

    def _relative(self, request: HttpRequest) -> str | None:
        """Return the path below the namespace: the public code's router sees it unescaped."""
        path = request.path if self.envelope else unquote(request.path)
        base = self.namespace.rstrip("/")
        return path.removeprefix(base) if path.startswith(base + "/") else None

    def _limit(self) -> None:
        now_s = self._clock()
        self._free = min(AT_ONCE, self._free + (now_s - self._counted_s) * PER_SECOND)
        self._counted_s = now_s
        if self.limits_rate and self._free < 1:
            self.requests["limited"] += 1
            raise Refused(429, "RATE_LIMITED", "Too many requests", "Retry-After: 1")
        self._free -= 1

    def _let_in(self, request: HttpRequest) -> None:
        if self.login is None:
            return
        target = request.path + (f"?{request.query}" if request.query else "")
        given = request.headers.get("authorization", "")
        pair = base64.b64encode(f"{self.digest.user}:{self.digest.password}".encode()).decode()
        # The public code takes both, whatever it asks for; a proxy before it knows only Basic.
        is_known = given == f"Basic {pair}" or (
            self.login == "digest" and self.digest.allows(request.method, target, given)
        )
        if not is_known or self.faults.wrong_password:
            basic = 'WWW-Authenticate: Basic realm="Mining"'
            challenge = self.digest.challenge if self.login == "digest" else basic
            raise Refused(401, "AUTH_REQUIRED", "Authentication required", challenge)

    # -- events ------------------------------------------------------------------------------

    def opens_socket(self, request: HttpRequest) -> bool:
        wanted = self.namespace.rstrip("/") + ("/ws" if self.envelope else "/ws/events")
        if request.path != wanted or not self.has_socket:
            return False
        try:
            self._let_in(request)
        except Refused:
            return False
        return True

    def socket_opened(self, socket: PlatformConnection) -> None:
        self.sockets.add(socket)
        if self.miners:
            rows = [{**one.event(), "status": "running"} for one in self.miners.values()]
            socket.tell(self._event("state.sync", {"miners": rows}))
        self._tell_stats(socket)

    def drop_sockets(self) -> None:
        """Cut every event connection without a goodbye."""
        for socket in list(self.sockets):
            if self.host is not None:
                self.host.call_at(self._clock(), socket.abort)

    def emit(self, kind: str, content: dict[str, Any]) -> None:
        if self.host is not None:
            self.host.call_at(self._clock(), lambda: self._tell_all(kind, content))

    def timestamp(self) -> str:
        return datetime.now(UTC).isoformat().replace("+00:00", "Z")

    def _event(self, kind: str, content: dict[str, Any]) -> dict[str, Any]:
        return {"type": kind, "timestamp": self.timestamp(), "data": content}

    def _tell_all(self, kind: str, content: dict[str, Any]) -> None:
        for socket in list(self.sockets):
            socket.tell(self._event(kind, content))

    def _tell_stats(self, socket: PlatformConnection) -> None:
        if socket not in self.sockets or self.host is None:
            return
        for miner in self.miners.values():
            more = {"algorithm": miner.algorithm, "diffCurrent": 100001}
            socket.tell(self._event("miner.stats", {**miner.event(), **more}))
        self.host.call_at(self._clock() + STATS_EVERY_S, lambda: self._tell_stats(socket))
