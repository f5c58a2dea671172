"""The routes of a simulated Mining Platform."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from minerbridge.simulator import mining_platform_forms as forms
from minerbridge.simulator.device import HttpRequest, Reply
from minerbridge.simulator.mining_platform_forms import Refused
from minerbridge.simulator.mining_platform_miners import (
    LOW_POINT_S,
    LOW_POINTS,
    POINT_S,
    POINTS,
    RunningMiner,
    SavedProfile,
)

if TYPE_CHECKING:
    from minerbridge.simulator.mining_platform import MiningPlatform

KINDS = {"xmrig": "XMRig is a CPU and GPU miner", "tt-miner": "TT-Miner is a GPU miner"}
_FOLDER = "/home/miner/.local/share/lethean-desktop/miners"


class Api:
    """Answers below the namespace. A handler takes the request and the path's variables."""

    def __init__(self, platform: MiningPlatform) -> None:
        self._platform = platform
        self._routes: dict[tuple[str, ...], Callable[..., Reply]] = {
            ("GET", "health"): lambda _r: self._told({"status": "healthy"}),
            ("GET", "ready"): self._ready,
            ("GET", "info"): self._info,
            ("POST", "doctor"): self._info,
            ("GET", "miners"): self._miners,
            ("GET", "miners", "available"): self._available,
            ("POST", "miners", "?", "install"): self._install,
            ("DELETE", "miners", "?", "uninstall"): self._uninstall,
            ("DELETE", "miners", "?"): self._stop,
            ("GET", "miners", "?", "stats"): self._stats,
            ("GET", "miners", "?", "hashrate-history"): self._history,
            ("GET", "history", "miners", "?", "hashrate"): self._stored_history,
            ("GET", "miners", "?", "logs"): lambda _r, name: self._told(self._miner(name).logs()),
            ("GET", "profiles"): self._profiles,
            ("POST", "profiles"): self._save,
            ("GET", "profiles", "?"): self._one_profile,
            ("PUT", "profiles", "?"): self._change,
            ("DELETE", "profiles", "?"): self._forget,
            ("POST", "profiles", "?", "start"): self._start,
        }

    def answer(self, method: str, path: str, request: HttpRequest) -> Reply:
        parts = (method, *(unquote(part) for part in path.strip("/").split("/")))
        # Words before variables, as in `miners/available` and `miners/{name}`.
        for route in sorted(self._routes, key=lambda route: route.count("?")):
            if len(route) == len(parts) and all(
                own in ("?", given) for own, given in zip(route, parts, strict=True)
            ):
                pairs = zip(route, parts, strict=True)
                given = [part for own, part in pairs if own == "?"]
                return self._routes[route](request, *given)
        return forms.NOT_ROUTED

    # -- reads -------------------------------------------------------------------------------

    def _ready(self, _request: HttpRequest) -> Reply:
        parts = dict.fromkeys(("manager", "profiles", "events", "p2p"), "ready")
        return self._told({"status": "ready", "components": parts})

    def _info(self, _request: HttpRequest) -> Reply:
        platform = self._platform
        if platform.envelope:
            rows = [
                {"type": kind, "version": "6.21.0", "installed": True, "path": f"{_FOLDER}/{kind}"}
                for kind in sorted(platform.installed)
            ]
            return self._told(
                {"os": "linux", "arch": "amd64", "goVersion": "go1.24.0", "totalMemory": 16777216,
                 "installedMiners": rows}
            )  # fmt: skip
        rows = [
            {"is_installed": True, "version": "6.24.0", "path": f"{_FOLDER}/{kind}",
             "miner_binary": f"{_FOLDER}/{kind}/{kind}", "config_path": ""}
            for kind in sorted(platform.installed)
        ]  # fmt: skip
        return self._told(
            {"timestamp": platform.timestamp(), "os": "linux", "architecture": "amd64",
             "go_version": "go1.24.0", "available_cpu_cores": 8, "total_system_ram_gb": 15.5,
             "installed_miners_info": rows}
        )  # fmt: skip

    def _miners(self, request: HttpRequest) -> Reply:
        platform = self._platform
        rows = [one.row(envelope=platform.envelope) for one in platform.miners.values()]
        if platform.envelope:
            figures = {one.name: one for one in platform.miners.values()}
            for row in rows if "sort=" in request.query else ():
                miner = figures[row["name"]]
                row |= {"hashrate": miner.hashrate_hs(), "uptime": miner.uptime_s}
        return self._told(forms.page(rows, request.query, envelope=platform.envelope))

    def _available(self, _request: HttpRequest) -> Reply:
        return self._told([{"name": kind, "description": said} for kind, said in KINDS.items()])

    def _stats(self, _request: HttpRequest, name: str) -> Reply:
        miner = self._miner(name)
        if miner.is_deaf:
            raise Refused(500, "INTERNAL_ERROR", "failed to fetch stats: connection refused")
        return self._told(miner.stats(envelope=self._platform.envelope))

    def _history(self, request: HttpRequest, name: str) -> Reply:
        miner = self._miner(name)
        if not self._platform.envelope:
            return self._told(miner.points(POINTS, POINT_S))
        is_fine = "resolution=1m" not in request.query
        step_s, resolution = (POINT_S, "10s") if is_fine else (LOW_POINT_S, "1m")
        points = miner.points(POINTS if is_fine else LOW_POINTS, step_s)
        return self._told({"points": points, "resolution": resolution, "duration": "5m"})

    def _stored_history(self, _request: HttpRequest, name: str) -> Reply:
        return self._told(self._miner(name).points(LOW_POINTS, LOW_POINT_S))

    def _profiles(self, request: HttpRequest) -> Reply:
        platform = self._platform
        rows = [one.document(envelope=platform.envelope) for one in platform.profiles.values()]
        return self._told(forms.page(rows, request.query, envelope=platform.envelope))

    def _one_profile(self, _request: HttpRequest, profile_id: str) -> Reply:
        found = self._profile(profile_id)
        return self._told(found.document(envelope=self._platform.envelope))

    # -- writes ------------------------------------------------------------------------------

    def _start(self, _request: HttpRequest, profile_id: str) -> Reply:
        platform, profile = self._platform, self._profile(profile_id)
        if not profile.config.get("pool"):
            raise Refused(400, "INVALID_CONFIG", "pool is required")
        name = platform.name_of(profile)
        if name in platform.miners:
            raise Refused(500, "START_FAILED", f"a miner named {name} is already running")
        platform.write(f"start {profile.name}", lambda: platform.launch(profile))
        miner = platform.miners.get(name) or next(reversed(platform.miners.values()), None)
        if platform.envelope or miner is None:
            told: dict[str, Any] = {
                "minerName": name,
                "profile": profile.name,
                "status": "starting",
            }
        else:
            told = miner.row(envelope=False)
        return self._told(told, is_write=True)

    def _stop(self, _request: HttpRequest, name: str) -> Reply:
        """End the first miner whose name begins so: the public code looks no closer."""
        platform, wanted = self._platform, name.lower()
        found = next((one for one in platform.miners if one.startswith(wanted)), None)
        if found is None:
            raise Refused(500, "STOP_FAILED", f"miner not found: {name}")
        platform.write(f"stop {found}", lambda: platform.end(found, "stopped by user"))
        return self._told({"status": "stopped"}, is_write=True)

    def _save(self, request: HttpRequest) -> Reply:
        platform, given = self._platform, _object(request.body)
        if not isinstance(given.get("name"), str) or not given.get("minerType"):
            raise Refused(400, "INVALID_INPUT", "name and minerType are required")
        if any(one.name == given["name"] for one in platform.profiles.values()):
            raise Refused(409, "PROFILE_EXISTS", "a profile of this name exists")
        config, said = given.get("config") or {}, str(given.get("description") or "")
        profile = SavedProfile("", given["name"], str(given["minerType"]), config, said)
        platform.write(f"profile {profile.name}", lambda: platform.save_profile(profile))
        told = profile.document(envelope=platform.envelope)
        return self._told(told, status=201, is_write=True)

    def _change(self, request: HttpRequest, profile_id: str) -> Reply:
        platform, profile, given = self._platform, self._profile(profile_id), _object(request.body)
        changed = SavedProfile(
            profile_id, str(given.get("name") or profile.name),
            str(given.get("minerType") or profile.kind), given.get("config") or {},
            str(given.get("description") or profile.description),
        )  # fmt: skip
        platform.write(f"profile {changed.name}", lambda: platform.save_profile(changed))
        return self._told(changed.document(envelope=platform.envelope), is_write=True)

    def _forget(self, _request: HttpRequest, profile_id: str) -> Reply:
        platform = self._platform
        platform.write("delete profile", lambda: platform.profiles.pop(profile_id, None))
        return self._told({"status": "profile deleted"}, is_write=True)

    def _install(self, _request: HttpRequest, kind: str) -> Reply:
        if kind not in KINDS:
            raise Refused(400, "UNSUPPORTED_MINER", f"unsupported miner type: {kind}")
        self._platform.write(f"install {kind}", lambda: self._platform.installed.add(kind))
        told = {"status": "installed", "version": "6.24.0", "path": f"{_FOLDER}/{kind}"}
        return self._told(told, is_write=True)

    def _uninstall(self, _request: HttpRequest, kind: str) -> Reply:
        self._platform.write(f"uninstall {kind}", lambda: self._platform.installed.discard(kind))
        return self._told({"status": f"{kind} uninstalled"}, is_write=True)

    # -- inside ------------------------------------------------------------------------------

    def _told(self, content: Any, *, status: int = 200, is_write: bool = False) -> Reply:
        envelope = self._platform.envelope
        return forms.written(content, envelope=envelope, status=status, is_write=is_write)

    def _miner(self, name: str) -> RunningMiner:
        miner = self._platform.miners.get(name)
        if miner is None:
            raise Refused(404, "MINER_NOT_FOUND", f"miner not found: {name}")
        return miner

    def _profile(self, profile_id: str) -> SavedProfile:
        profile = self._platform.profiles.get(profile_id)
        if profile is None:
            raise Refused(404, "PROFILE_NOT_FOUND", "profile not found")
        return profile


def _object(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise Refused(400, "INVALID_INPUT", "the body is no JSON object")
    return document
