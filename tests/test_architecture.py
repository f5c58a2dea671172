"""Who may import whom: rooms meet only in the door."""

import ast
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "minerbridge"
ROOMS = ("miners", "fleet", "mqtt", "rig_monitor")
GROUND = {"model", "model_fleet", "errors"}
FLOOR = GROUND | {
    "runtime",
    "settings",
    "settings_sources",
    "settings_fleet",
    "settings_load",
    "logs",
}
FILES = sorted(PACKAGE.rglob("*.py"))

#: Libraries that only these files may know.
GATES = {
    "paho": {"mqtt/paho_client.py"},
    "httpx": {"miners/http_transport.py", "rig_monitor/client.py"},
    "httpcore": {"miners/http_transport.py", "miners/http_wire.py"},
    "Crypto": {"miners/whatsminer/cipher.py", "simulator/whatsminer_cipher.py"},
    "passlib": {"miners/whatsminer/cipher.py", "simulator/whatsminer_cipher.py"},
    "websockets": {"miners/mining_platform/events.py"},
    # The demo builds settings that no environment may change.
    "pydantic_settings": {"settings.py", "settings_sources.py", "demo/house.py"},
}


@cache
def imports_of(path):
    """Return the modules a file imports; `minerbridge.` is left off."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            found |= {node.module or ""}
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def inner(path):
    """Return the first part of each import from the package: a room, or a module of the door."""
    prefix = "minerbridge."
    names = {name.removeprefix(prefix) for name in imports_of(path) if name.startswith(prefix)}
    return {name.split(".")[0] for name in names} - {"__version__"}


def room_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_import_only_themselves_and_the_floor(room):
    for path in FILES:
        if room_of(path) == room:
            assert inner(path) <= FLOOR | {room}, path


def test_the_ground_imports_nothing():
    for name in GROUND:
        # errors names Confirmation for the type checker alone.
        assert inner(PACKAGE / f"{name}.py") <= GROUND


def test_the_floor_knows_no_room():
    for name in FLOOR:
        assert not inner(PACKAGE / f"{name}.py") & set(ROOMS)


def test_the_simulator_imports_nothing_of_the_bridge():
    for path in FILES:
        if room_of(path) == "simulator":
            assert inner(path) <= {"simulator"}, path


def test_nothing_but_the_command_line_imports_the_command_line():
    for path in FILES:
        if room_of(path) not in ("cli", "__main__"):
            assert not inner(path) & {"cli", "__main__"}, path


@pytest.mark.parametrize(("library", "allowed"), GATES.items())
def test_libraries_stay_behind_their_gates(library, allowed):
    users = {
        str(path.relative_to(PACKAGE))
        for path in FILES
        if any(name.split(".")[0] == library for name in imports_of(path))
    }

    assert users <= allowed
