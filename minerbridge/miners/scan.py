"""Finds miners on networks, a bounded number of addresses at a time."""

from __future__ import annotations

import contextlib
import errno
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from ipaddress import IPv4Network

import structlog

from minerbridge.errors import MinerError
from minerbridge.miners.driver import Target
from minerbridge.miners.families import driver_for
from minerbridge.miners.iceriver import daemon, pbfarmer
from minerbridge.miners.identify import HTTP_PORT, RPC_PORT, identify
from minerbridge.model import MinerProfile

log = structlog.get_logger(__name__)

AT_ONCE = 64
CONNECT_WITHIN_S = 1.0
#: The RPC, web pages, API v3 of WhatsMiners, and what an IceRiver may have instead of a page.
PORTS = (RPC_PORT, HTTP_PORT, 4433, daemon.PORT, pbfarmer.PORT)

Logins = Callable[[str], tuple[str | None, str | None]]


@dataclass(frozen=True, slots=True)
class Discovered:
    """A miner found on the network. *miner_id* is made from family and MAC, or the address."""

    miner_id: str
    host: str
    family: str
    profile: MinerProfile


def found_id(family: str, mac_address: str | None, host: str) -> str:
    """Return the id of a found miner: the same device gets the same one wherever it is found."""
    if mac_address:
        return f"{family}_{mac_address.replace(':', '')[-6:]}"
    return f"{family}_{host.replace('.', '_').replace(':', '_')}"


def addresses_of(networks: Iterable[IPv4Network]) -> list[str]:
    """Return every host address of *networks* once."""
    hosts = (str(a) for n in networks for a in (n.hosts() if n.prefixlen < 31 else n))
    return list(dict.fromkeys(hosts))


def addresses(host: str) -> set[str]:
    """Return the IPv4 addresses of *host*, a name or an address; nothing where it has none."""
    try:
        found = socket.getaddrinfo(host, None, socket.AF_INET, socket.SOCK_STREAM)
    except OSError:
        return {host}
    return {str(entry[4][0]) for entry in found}


def answers(host: str, ports: Iterable[int] = PORTS) -> bool:
    """Whether any of *ports* accepts a connection at the address *host*; all are tried at once."""
    until_s = time.monotonic() + CONNECT_WITHIN_S
    with contextlib.ExitStack() as opened, selectors.DefaultSelector() as waiting:
        for port in ports:
            one = opened.enter_context(socket.socket())
            one.setblocking(False)
            problem = one.connect_ex((host, port))
            if problem == 0:
                return True
            if problem == errno.EINPROGRESS:
                waiting.register(one, selectors.EVENT_WRITE, one)
        while waiting.get_map():
            ready = waiting.select(max(0.0, until_s - time.monotonic()))
            if not ready:
                return False
            for key, _ in ready:
                if key.data.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
                    return True
                waiting.unregister(key.fileobj)
    return False


def meet(host: str, logins: Logins, ports: dict[str, int] | None = None) -> Discovered:
    """Identify the device at *host* and ask it who it is; raise `MinerError`."""
    stranger = Target("found", host, ports=ports or {})
    family = identify(stranger).family
    username, password = logins(family)
    driver = driver_for("auto", replace(stranger, username=username, password=password))
    with contextlib.closing(driver):
        profile = next(iter(driver.contact()))
    miner_id = found_id(profile.family, profile.mac_address, host)
    return Discovered(miner_id, host, profile.family, profile.replace(miner_id=miner_id))


def scan(
    hosts: Iterable[str], logins: Logins, stop: threading.Event | None = None
) -> Iterator[Discovered]:
    """Yield the miners among *hosts* as they are found. What is no miner is passed over."""

    def look(host: str) -> Discovered | None:
        if (stop is not None and stop.is_set()) or not answers(host):
            return None
        try:
            return meet(host, logins)
        except MinerError as error:
            log.debug("host_is_no_miner", host=host, reason=str(error))
            return None

    pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="scan")
    try:
        waiting: set[Future[Discovered | None]] = {pool.submit(look, host) for host in hosts}
        while waiting:
            done, waiting = wait(waiting, timeout=1.0, return_when=FIRST_COMPLETED)
            for future in done:
                found = future.result()
                if found is not None:
                    yield found
            if stop is not None and stop.is_set():
                return
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
