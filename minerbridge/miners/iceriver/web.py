"""Stock firmware's web server: a page and a `post` number say what is asked or told."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from typing import Any

from minerbridge.errors import BadReply, MinerLocked, OutcomeUnknown, UnknownDevice, Unsupported
from minerbridge.miners.driver import Target
from minerbridge.miners.http_transport import HttpTransport
from minerbridge.miners.iceriver.codes import NOT_LOGGED_IN, failure
from minerbridge.miners.rpc_decode import integer

PORT = 80
_FACTORY_USER, _FACTORY_LOGIN = "admin", "12345678"
#: The panel is six questions to the mining program, each of which may take its time.
_READ_S = 30.0
_WRITE_S = 60.0
_PANEL, _RESET, _REBOOT, _READ, _LOCATE = "userpanel", 2, 3, 4, 5
Fields = Iterable[tuple[str, str]]
Document = dict[str, Any]


class StockWeb:
    """Requests to one miner. It is logged in to only when it asks for it, as few builds do."""

    def __init__(self, target: Target) -> None:
        self._host = target.host
        self._user = target.username or _FACTORY_USER
        self._password = _FACTORY_LOGIN if target.password is None else target.password
        self._http = HttpTransport(
            target.host, target.ports.get("http", PORT), timeout_s=max(_READ_S, target.timeout_s)
        )

    def panel(self) -> Generator[None, None, Document]:
        document = _content(self._ask(_PANEL, _READ))
        yield
        return document

    def configuration(self) -> Document:
        return _content(self._ask("machineconfig", 1))

    def network(self) -> Document:
        return _content(self._ask("ipconfig", 1))

    def logs(self) -> str:
        return str(_content(self._ask("logconfig", 1)).get("text", ""))

    def locate(self, *, enabled: bool) -> None:
        self._tell(_PANEL, _LOCATE, [("locate", "1" if enabled else "0")])

    def reboot(self) -> None:
        self._tell(_PANEL, _REBOOT)

    def set_hardware(self, fields: Fields) -> bool:
        """Set fans and mode; return False where the firmware is too old to know this request."""
        reply = self._asked("machineconfig", 3, fields, write=True)
        if "error" not in reply and reply.get("data") == "machineConfig":
            return False
        _check(reply, write=True)
        return True

    def set_pools(self, fields: Fields) -> None:
        self._tell("machineconfig", 2, fields)

    def set_network(self, fields: Fields) -> None:
        self._tell("ipconfig", 2, fields)

    def set_password(self, new: str) -> None:
        """Set the password, and log in with it: that shows whether it holds."""
        names = ("nowpwd", "newpwd", "compwd")
        given = zip(names, (self._password, new, new), strict=True)
        self._tell("systemconfig", 2, given)
        self._password = new
        self._log_in()

    def reset_to_factory(self) -> None:
        """Set everything to factory defaults. Nothing else sends this request."""
        _check(self._exchange(_PANEL, _RESET, (), write=True), write=True)

    def interrupt(self) -> None:
        self._http.interrupt()

    def close(self) -> None:
        self._http.close()

    def _ask(self, page: str, post: int) -> Document:
        reply = self._asked(page, post)
        _check(reply, write=False)
        return reply

    def _tell(self, page: str, post: int, fields: Fields = ()) -> None:
        reply = self._asked(page, post, fields, write=True)
        if "error" not in reply and isinstance(reply.get("data"), str):
            raise Unsupported(f"this firmware does not know {page} post={post}")
        _check(reply, write=True)

    def _asked(self, page: str, post: int, fields: Fields = (), *, write: bool = False) -> Document:
        assert (page, post) != (_PANEL, _RESET), "only reset_to_factory sends the factory reset"
        given = list(fields)
        reply = self._exchange(page, post, given, write=write)
        if integer(reply.get("error")) == NOT_LOGGED_IN:
            self._log_in()
            reply = self._exchange(page, post, given, write=write)
        return reply

    def _log_in(self) -> None:
        path, form = "/user/loginpost", [("post", "6"), ("user", self._user)]
        self._http.headers.pop("Cookie", None)
        reply = self._http.post_form(path, [*form, ("pwd", self._password)], write=False)
        _check(reply.json(), write=False)
        cookie = reply.headers.get("set-cookie", "").partition(";")[0]
        # Stock has the page itself set this one.
        self._http.headers["Cookie"] = cookie or "ctime=1"

    def _exchange(self, page: str, post: int, fields: Fields, *, write: bool) -> Document:
        form = [("post", str(post)), *fields]
        limit_s = _WRITE_S if write else None
        try:
            reply = self._http.post_form(f"/user/{page}", form, write=write, timeout_s=limit_s)
        except MinerLocked as error:
            # An IceRiver logs in by a form of its own: this is another device.
            asks = f" ({self._http.realm})" if self._http.realm else ""
            raise UnknownDevice(
                f"{self._host} is no IceRiver: its web server asks for another login{asks}"
            ) from error
        if 300 <= reply.status < 400:
            where = reply.headers.get("location", "elsewhere")
            raise BadReply(f"the web server sends to {where}", reply.text)
        try:
            return reply.json()
        except BadReply as error:
            if write:
                raise OutcomeUnknown(f"sent, but the answer is not understood: {error}") from error
            raise


def _check(reply: Mapping[str, Any], *, write: bool) -> None:
    error = failure(reply, write=write)
    if isinstance(error, BadReply) and write:
        raise OutcomeUnknown(f"sent, but the answer is not understood: {error}")
    if error is not None:
        raise error


def _content(reply: Mapping[str, Any]) -> Document:
    found = reply.get("data")
    if not isinstance(found, dict):
        raise BadReply("the reply has no data", str(reply))
    return found
