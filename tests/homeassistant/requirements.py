"""Print what the integrations of this test require; run by Home Assistant's own Python."""

import json
import sys
from pathlib import Path

import homeassistant  # type: ignore[import-not-found]
from homeassistant import bootstrap
from homeassistant.const import Platform  # type: ignore[import-not-found]

COMPONENTS = Path(homeassistant.__file__).parent / "components"
SETS = (
    "DEFAULT_INTEGRATIONS",
    "CORE_INTEGRATIONS",
    "LOGGING_INTEGRATIONS",
    "FRONTEND_INTEGRATIONS",
    "LOGGING_AND_HTTP_DEPS_INTEGRATIONS",
    "STAGE_1_INTEGRATIONS_EXCEPT_NETWORK",
)
# hassio: the mqtt config flow imports its client library.
ALWAYS = {"http", "logger", "system_log", "recorder", "network", "hassio"}
NEVER = {"cloud", "bluetooth", "zeroconf", "ssdp", "dhcp", "usb"}
# Source only for Python 3.14, needs a C++ compiler; REST, WebSocket and MQTT work without them.
NATIVE = ("pymicro-vad", "pyspeex-noise")


def closure(wanted: set[str]) -> set[str]:
    """The requirements of the integrations and of everything they depend on."""
    seen: set[str] = set()
    requirements: set[str] = set()
    while wanted:
        name = wanted.pop()
        manifest = COMPONENTS / name / "manifest.json"
        if name in seen or not manifest.exists():
            continue
        seen.add(name)
        content = json.loads(manifest.read_text())
        requirements |= set(content.get("requirements", []))
        wanted |= set(content.get("dependencies", []))
    return requirements


integrations = set(sys.argv[1:]) | {platform.value for platform in Platform} | ALWAYS
for group in SETS:
    integrations |= set(getattr(bootstrap, group, ()))
print(*sorted(r for r in closure(integrations - NEVER) if not r.startswith(NATIVE)), sep="\n")
