"""`minerbridge check`: validates the settings and says what would run."""

from __future__ import annotations

import argparse
import sys

from minerbridge.broker import tls_context
from minerbridge.cli.run import arguments as arguments  # the same options as `run`
from minerbridge.cli.run import settings_path
from minerbridge.miners.families import DRIVERS
from minerbridge.settings import Settings
from minerbridge.settings_load import load
from minerbridge.state import state_directory

LOOPBACK = ("localhost", "127.0.0.1", "::1")


def run(options: argparse.Namespace) -> int:
    path = settings_path(options.config)
    settings = load(path)
    tls_context(settings)
    print(f"settings  {path or 'none: defaults and environment'}")
    mqtt, discovery = settings.mqtt, settings.discovery
    login = f" as {mqtt.username}" if mqtt.username else ""
    security = "TLS" if mqtt.tls else "no TLS"
    print(f"broker    {mqtt.host}:{mqtt.port}{login}, {security}, protocol {mqtt.protocol}")
    announced = f"announced under {mqtt.discovery_prefix}" if mqtt.discovery else "not announced"
    print(f"topics    {mqtt.base_topic}/…, {announced}")
    print(f"state     {state_directory(settings.files.state)}")
    often = f"every {discovery.interval_s:g} s" if discovery.enabled else "off; scans allowed"
    networks = ", ".join(str(network) for network in discovery.networks) or "no network"
    print(f"discovery {often} in {networks}")
    print(f"fleet     {_fleet(settings)}")
    monitor = settings.rig_monitor
    if monitor.url:
        print(f"monitor   {monitor.url}: {len(monitor.miners)} miners")
    print(f"miners    {len(settings.miners)}")
    for miner in settings.miners:
        interval_s = miner.poll_interval_s or settings.poll_interval_s
        notes = [f"every {interval_s:g} s"]
        if settings.read_only or miner.read_only:
            notes.append("read-only")
        if miner.commands.allow:
            notes.append("allows " + ", ".join(sorted(miner.commands.allow)))
        print(f"  {miner.id:<20} {miner.host:<16} {miner.family:<12} {', '.join(notes)}")
    for warning in warnings(settings):
        print(f"warning: {warning}", file=sys.stderr)
    return 0


def _fleet(settings: Settings) -> str:
    """Return in a line how orders of an EMS are followed."""
    fleet, ems = settings.fleet, settings.ems
    if not fleet.enabled:
        return "off: orders of an EMS are refused"
    members = sum(one.dispatch and not one.read_only for one in settings.miners)
    words = [f"{members} miners take part", fleet.power_control_mode]
    words.append(fleet.power_distribution_strategy)
    if fleet.meter is not None:
        words.append(f"meter {fleet.meter.topic} ({fleet.meter.scope})")
    failsafe = fleet.failsafe_power_kw
    silent = "broker" if ems.heartbeat_timeout_s is None else "broker or heartbeat"
    words.append("no failsafe" if failsafe is None else f"{failsafe:g} kW when {silent} is lost")
    return ", ".join(words)


def warnings(settings: Settings) -> list[str]:
    """Return what is allowed but should be known."""
    found = []
    if not settings.miners and not settings.discovery.enabled:
        found.append("no miners, and discovery is off: nothing would be polled")
    found += [
        f"{miner.id}: family {miner.family} is not part of this version"
        for miner in settings.miners
        if miner.family not in ("auto", *DRIVERS)
    ]
    mqtt = settings.mqtt
    if mqtt.password is not None and mqtt.tls is None and mqtt.host not in LOOPBACK:
        found.append("mqtt: the password travels unencrypted: set mqtt.tls")
    if mqtt.tls is not None and mqtt.tls.insecure:
        found.append("mqtt.tls.insecure: the broker's certificate is not checked")
    hosts: dict[str, str] = {}
    for miner in settings.miners:
        key = f"{miner.host} {miner.ports.rpc} {miner.ports.http}"
        if key in hosts:
            found.append(f"{miner.id} and {hosts[key]} are at the same address {miner.host}")
        hosts[key] = miner.id
    members = {one.id for one in settings.miners}
    found += [
        f"rig_monitor.miners: there is no miner {name}"
        for name in settings.rig_monitor.miners
        if name not in members and not any(name.startswith(f"{one}_") for one in members)
    ]
    found += [
        f"{one.id}: what it draws is not known before it was measured: set rated_power_w, or the"
        " fleet cannot place it"
        for one in settings.miners
        if settings.fleet.enabled
        and one.dispatch
        and one.family in ("antminer", "cgminer", "iceriver")
        and one.rated_power_w is None
        and one.power_topic is None
    ]
    if settings.fleet.enabled and settings.fleet.failsafe_power_kw is None:
        found.append(
            "fleet.failsafe_power_kw is null: when the EMS or the broker is lost, the fleet holds"
            " what it does until told otherwise"
        )
    return found
