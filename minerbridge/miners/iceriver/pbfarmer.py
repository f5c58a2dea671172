"""pbfarmer's firmware (rdugan/iceriver-oc): HTTPS with a certificate of its own, and a token.

Requests without parameters are GETs, those that change something included.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from minerbridge.errors import (
    BadReply,
    MinerError,
    MinerLocked,
    MinerRefused,
    OutcomeUnknown,
)
from minerbridge.miners.driver import Target
from minerbridge.miners.http_transport import HttpRefused, HttpReply, HttpTransport
from minerbridge.miners.iceriver.values import between, words
from minerbridge.miners.rpc_decode import integer

PORT = 443
_READ_S = 30.0
_MOST_W = 20_000.0
_NOT_FOUND = (404, 405)
_PERMISSIONS = {
    "/api/machine/locate": "edit_all",
    "/api/machine/reset": "edit_all",
}
Document = dict[str, Any]


class PbfarmerWeb:
    """Requests to one miner. The token is the miner's `password`; it leaves over TLS alone."""

    def __init__(self, target: Target) -> None:
        self._host = target.host
        self._http = HttpTransport(
            target.host,
            target.ports.get("http", PORT),
            timeout_s=max(_READ_S, target.timeout_s),
            scheme="https",
        )
        if target.password:
            self._http.headers["Authorization"] = f"Bearer {target.password}"
        self._tells_power = True

    def met_anew(self) -> None:
        """Ask again what this firmware was found not to tell."""
        self._tells_power = True

    def panel(self) -> Generator[None, None, Document]:
        found = self._ask("/api/overview").get("data")
        if not isinstance(found, dict):
            raise BadReply("/api/overview has no data", str(found))
        yield
        return found

    def configuration(self) -> Document:
        """Return mode and clock, under the names that stock uses for the mode."""
        found = {"mode": self._part("/api/machine", "machine").get("mode")}
        try:
            clock = self._part("/api/clock", "clock")
        except (HttpRefused, BadReply):
            return found
        return {**found, "clock": clock}

    def network(self) -> Document:
        return self._part("/api/network", "network")

    def power_w(self) -> float | None:
        """Return the newest figure of the power series; only KS5 models measure it.

        The series has one entry a minute, which is a figure or one figure a board.
        """
        if not self._tells_power:
            return None
        try:
            series = self._ask("/api/timeseries?series=powerdraw").get("series")
        except MinerLocked:
            raise
        except (MinerRefused, BadReply):
            self._tells_power = False
            return None
        newest = series[-1] if isinstance(series, list) and series else None
        figures = newest if isinstance(newest, list) else [newest]
        known = [between(figure, 0, _MOST_W) for figure in figures]
        told = [figure for figure in known if figure is not None]
        return sum(told) if told and len(told) == len(known) else None

    def act(self, name: str) -> None:
        """Do one of `/api/machine/…`, but for the reset."""
        assert name != "reset", "only reset_to_factory sends the factory reset"
        self._do(f"/api/machine/{name}")

    def reset_to_factory(self) -> None:
        """Set everything to factory defaults. Nothing else sends this request."""
        self._do("/api/machine/reset")

    def set_clock_offset(self, offset_mhz: int) -> None:
        path = "/api/clock/update"
        form = [("offset", str(offset_mhz))]
        self._told(path, lambda: self._http.post_form(path, form))

    def interrupt(self) -> None:
        self._http.interrupt()

    def close(self) -> None:
        self._http.close()

    def _do(self, path: str) -> None:
        try:
            self._told(path, lambda: self._http.get(path, write=True))
        except HttpRefused as error:
            if error.status not in _NOT_FOUND:
                raise
            # Builds that take changes by POST alone.
            self._told(path, lambda: self._http.post_form(path, ()))

    def _part(self, path: str, name: str) -> Document:
        found = self._ask(path).get(name)
        if not isinstance(found, dict):
            raise BadReply(f"{path} has no {name}", str(found))
        return found

    def _ask(self, path: str) -> Document:
        needed = "view_miner"
        reply = self._unlocked(needed, lambda: self._http.get(path)).json()
        _raise_error(path, reply)
        return reply

    def _told(self, path: str, request: Callable[[], HttpReply]) -> None:
        reply = self._unlocked(_PERMISSIONS.get(path, "edit_miner"), request)
        try:
            answer = reply.json()
            _raise_error(path, answer)
        except BadReply as error:
            raise OutcomeUnknown(f"{path}: sent, but its answer is not understood") from error

    def _unlocked(self, needed: str, request: Callable[[], HttpReply]) -> HttpReply:
        try:
            reply = request()
        except MinerLocked as error:
            raise MinerLocked(
                f"{self._host} does not accept the API token for this: make one with the"
                f" permission {needed} on its account page, and set it as the miner's password"
            ) from error
        if 300 <= reply.status < 400:
            raise BadReply("the web server sends elsewhere", reply.text)
        return reply


def is_pbfarmer(host: str, port: int, timeout_s: float) -> bool:
    """Whether pbfarmer's firmware answers there; its health check asks for no token."""
    http = HttpTransport(host, port, timeout_s=timeout_s, scheme="https")
    try:
        reply = http.get("/api/machine/ping").json()
    except MinerError:
        return False
    finally:
        http.close()
    return integer(reply.get("error")) is not None and "message" in reply


def _raise_error(path: str, reply: Document) -> None:
    code = integer(reply.get("error"))
    if code is None:
        raise BadReply(f"{path}: the reply has no error number", str(reply))
    if code:
        raise MinerRefused(f"{path}: {words(reply.get('message')) or 'refused'} (error {code})")
