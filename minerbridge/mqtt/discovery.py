"""The table turned into Home Assistant's discovery message. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import Any

from minerbridge import __version__
from minerbridge.model import MinerProfile
from minerbridge.mqtt.entities import (
    MINER_ENTITIES,
    board_rows,
    estimated_power,
    fan_row,
    hashrate_rows,
)
from minerbridge.mqtt.entity import Entity
from minerbridge.mqtt.fleet_entities import FleetRow
from minerbridge.mqtt.topics import Topics
from minerbridge.mqtt.units import scale_of
from minerbridge.mqtt.wire import to_json

_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
#: With topic and packet a message stays below 65,536 bytes, which brokers and clients take.
MAX_PAYLOAD_BYTES = 64_000
_SHORT = {
    "platform": "p",
    "unique_id": "uniq_id",
    "default_entity_id": "def_ent_id",
    "state_topic": "stat_t",
    "command_topic": "cmd_t",
    "device_class": "dev_cla",
    "state_class": "stat_cla",
    "unit_of_measurement": "unit_of_meas",
    "entity_category": "ent_cat",
    "enabled_by_default": "en",
    "suggested_display_precision": "sug_dsp_prc",
    "icon": "ic",
}
ORIGIN = {"name": "minerbridge", "sw_version": __version__}
MAIN_ATTRIBUTES = (
    "{{ {'pool': (value_json.pools | selectattr('is_active') | map(attribute='url') | first"
    " | default(none)), 'uptime': value_json.uptime_s,"
    " 'efficiency': value_json.efficiency_j_per_th} | tojson }}"
)


def rows_of(profile: MinerProfile, unit: str) -> tuple[Entity, ...]:
    """Return the rows a miner has: what it ever reported and what it can be told."""
    scale = scale_of(unit)
    rows: list[Entity] = [*hashrate_rows(unit, scale), *MINER_ENTITIES]
    if "power_w" not in profile.reports:
        rows.append(estimated_power())
    rows += [fan_row(number) for number in range(1, profile.fan_count + 1)]
    for number, slot in enumerate(profile.board_slots, 1):
        rows += board_rows(number, slot, unit, scale)
    return tuple(row for row in rows if row.is_supported(profile))


def _identity(device_id: str, platform: str, key: str) -> dict[str, Any]:
    return {
        "platform": platform,
        "unique_id": f"minerbridge_{device_id}_{platform}_{key}",
        # object_id for Home Assistant before 2025.10, default_entity_id since: together silent.
        "default_entity_id": f"{platform}.{device_id}_{key}",
        "object_id": f"{device_id}_{key}",
    }


def component(row: Entity, device_id: str, topics: Topics, profile: MinerProfile) -> dict[str, Any]:
    """Return one entity of a discovery message."""
    entity = {**_identity(device_id, row.platform, row.key), "name": row.name, **row.traits}
    if row.platform != "button":
        entity["state_topic"] = topics.state(row.platform, device_id, row.key)
    if row.control is not None:
        entity["command_topic"] = topics.set(row.platform, device_id, row.key)
        entity["qos"] = 1
        entity.update(row.control.ranges(profile))
    if row.key == "hashrate":
        entity["json_attributes_topic"] = topics.reading(device_id)
        entity["json_attributes_template"] = MAIN_ATTRIBUTES
    return entity


def miner_payload(
    profile: MinerProfile,
    rows: Iterable[Entity],
    gone: Mapping[str, str],
    topics: Topics,
    *,
    name: str | None,
    mac_is_unique: bool,
) -> bytes:
    """Return the one retained message that announces a miner with all its entities.

    *gone*: components (and their platforms) announced before and no longer there; leaving them
    out would not remove them.
    """
    device_id = profile.miner_id
    device: dict[str, Any] = {
        "identifiers": [f"minerbridge_{device_id}"],
        "name": name or " ".join(filter(None, (profile.model, device_id))),
        "via_device": f"minerbridge_{topics.own_id('bridge')}",
    }
    known = {
        "manufacturer": profile.manufacturer,
        "model": profile.model,
        "sw_version": profile.firmware,
        "serial_number": profile.serial_number,
    }
    device |= {key: value for key, value in known.items() if value}
    page = web_page(profile.ip_address)
    if page is not None:
        device["configuration_url"] = page
    if profile.mac_address and mac_is_unique:
        device["connections"] = [["mac", profile.mac_address]]
    payload = {
        "device": device,
        "origin": ORIGIN,
        "availability": [
            {"topic": topics.bridge("state")},
            {"topic": topics.availability(device_id)},
        ],
        "availability_mode": "all",
        "components": {row.component: component(row, device_id, topics, profile) for row in rows}
        | {name: {"platform": platform} for name, platform in gone.items()},
    }
    body = to_json(payload)
    return body if len(body) <= MAX_PAYLOAD_BYTES else to_json(_compact(payload))


def _compact(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Write the components in Home Assistant's abbreviations, without what only old ones need."""
    components = {
        name: {_SHORT.get(key, key): value for key, value in one.items() if key != "object_id"}
        for name, one in payload["components"].items()
    }
    return {**payload, "components": components}


def web_page(address: str | None) -> str | None:
    """Return the address of a miner's page; None where Home Assistant would refuse it."""
    if not address:
        return None
    try:
        ip = ip_address(address)
    except ValueError:
        return f"http://{address}/" if _HOST_NAME.fullmatch(address) else None
    if ip.is_unspecified:
        return None
    return f"http://[{ip}]/" if ip.version == 6 else f"http://{ip}/"


#: (platform, key): traits. `online` reads the will, so it needs no availability.
BRIDGE_COMPONENTS: dict[tuple[str, str], dict[str, Any]] = {
    ("binary_sensor", "online"): {
        "name": "Online",
        "device_class": "connectivity",
        "entity_category": "diagnostic",
        "payload_on": "online",
        "payload_off": "offline",
    },
    ("sensor", "version"): {
        "name": "Version",
        "entity_category": "diagnostic",
        "icon": "mdi:tag",
    },
    ("sensor", "miners_offline"): {
        "name": "Miners offline",
        "state_class": "measurement",
        "icon": "mdi:lan-disconnect",
    },
}


def bridge_payload(topics: Topics) -> bytes:
    """Return the message that announces the bridge itself, the parent of all miners."""
    device_id = topics.own_id("bridge")
    components: dict[str, dict[str, Any]] = {}
    for (platform, key), traits in BRIDGE_COMPONENTS.items():
        entity = {**_identity(device_id, platform, key), **traits}
        if key == "online":
            entity["state_topic"] = topics.bridge("state")
        else:
            entity["state_topic"] = topics.state(platform, device_id, key)
            entity["availability"] = [{"topic": topics.bridge("state")}]
        components[f"{platform}_{key}"] = entity
    payload = {
        "device": {
            "identifiers": [f"minerbridge_{device_id}"],
            "name": "minerbridge" + (f" {topics.site}" if topics.site else ""),
            "manufacturer": "minerbridge",
            "model": "Miner bridge",
            "sw_version": __version__,
        },
        "origin": ORIGIN,
        "components": components,
    }
    return to_json(payload)


def fleet_payload(topics: Topics, rows: Iterable[FleetRow], max_kw: int) -> bytes:
    """Return the message that announces the fleet; *max_kw* ends the range of its powers."""
    device_id = topics.own_id("fleet")
    components: dict[str, dict[str, Any]] = {}
    for row in rows:
        entity = {**_identity(device_id, row.platform, row.key), "name": row.name, **row.traits}
        if row.text is not None:
            entity["state_topic"] = topics.state(row.platform, device_id, row.key)
        if row.decode is not None:
            entity |= {"command_topic": topics.set(row.platform, device_id, row.key), "qos": 1}
        if row.is_power:
            entity |= {"min": 0, "max": max_kw, "step": 0.01, "mode": "box"}
        components[row.component] = entity
    payload = {
        "device": {
            "identifiers": [f"minerbridge_{device_id}"],
            "name": "Fleet" + (f" {topics.site}" if topics.site else ""),
            "manufacturer": "minerbridge",
            "model": "Miner fleet",
            "sw_version": __version__,
            "via_device": f"minerbridge_{topics.own_id('bridge')}",
        },
        "origin": ORIGIN,
        "availability": [{"topic": topics.bridge("state")}],
        "components": components,
    }
    return to_json(payload)
