"""Home Assistant's rules for discovered entities, by which a component is taken or refused."""

import re

UNITS = {
    "power": {"W", "kW"},
    "energy": {"kWh", "Wh"},
    "temperature": {"°C"},
    "frequency": {"MHz", "Hz"},
    "voltage": {"V", "mV"},
}
UNITLESS = {"enum", "timestamp", "problem", "connectivity", "restart"}
CLASSES: dict[str, set[str]] = {
    "sensor": {*UNITS, "enum", "timestamp"},
    "binary_sensor": {"problem", "connectivity"},
    "number": set(UNITS),
    "switch": {"switch", "outlet"},
    "select": set(),
    "button": {"identify", "restart", "update"},
}
STATE_CLASSES: dict[str | None, set[str | None]] = {
    "energy": {"total", "total_increasing"},
    "power": {None, "measurement"},
}
NEEDED = {
    "sensor": {"state_topic"},
    "binary_sensor": {"state_topic"},
    "switch": {"state_topic", "command_topic"},
    "number": {"state_topic", "command_topic", "min", "max", "step"},
    "select": {"state_topic", "command_topic", "options"},
    "button": {"command_topic"},
}
IDENTIFIER = re.compile(r"[a-zA-Z0-9_-]+")


def broken_rules(component):
    """Return what Home Assistant would refuse or warn about, in words."""
    platform = component["platform"]
    if platform not in NEEDED:
        return [f"no platform {platform}"]
    found = [f"{key} is missing" for key in NEEDED[platform] - component.keys()]
    if "command_topic" in component.keys() - NEEDED[platform]:
        found.append(f"command_topic on a {platform}")
    found += _traits(platform, component)
    found += _names(platform, component)
    return found


def _traits(platform, component):
    device_class = component.get("device_class")
    unit, state_class = component.get("unit_of_measurement"), component.get("state_class")
    if device_class is not None and device_class not in CLASSES[platform]:
        yield f"{platform} of class {device_class}"
    if device_class in UNITS and unit not in UNITS[device_class]:
        yield f"{device_class} in {unit}"
    if device_class in UNITLESS and (unit or state_class):
        yield f"{device_class} with unit or state class"
    if state_class is not None and platform != "sensor":
        yield f"state class on a {platform}"
    if state_class not in STATE_CLASSES.get(
        device_class, {None, "measurement", "total_increasing"}
    ):
        yield f"{device_class} with {state_class}"
    if (device_class == "enum" or platform == "select") != ("options" in component):
        yield "options without enum or enum without options"
    if platform in ("sensor", "binary_sensor") and component.get("entity_category") == "config":
        yield f"config category on a {platform}"
    if component.get("entity_category", "config") not in ("config", "diagnostic"):
        yield "unknown category"
    if platform == "number" and component["min"] > component["max"]:
        yield "min above max"


def _names(platform, component):
    icon = component.get("icon", "mdi:x")
    if not re.fullmatch(r"mdi:[a-z0-9-]+", icon):
        yield f"icon {icon!r}"
    if not component.get("name"):
        yield "no name"
    if not IDENTIFIER.fullmatch(component["unique_id"]):
        yield "letters of the unique id"
    if not component["default_entity_id"].startswith(f"{platform}."):
        yield "domain of the entity id"
    for key in ("state_topic", "command_topic"):
        if set(component.get(key, "")) & set("+# "):
            yield f"letters of {key}"
