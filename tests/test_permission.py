"""What an operator lets through to a miner."""

import pytest

from minerbridge.errors import NotAllowed
from minerbridge.miners.permission import Policy
from minerbridge.model import CommandSpec, Parameter
from tests.miners import COMMANDS, profile

NORMAL = CommandSpec("reboot")
GUARDED = CommandSpec("reset", access="guarded")
SECRET = CommandSpec("addpool", access="secret")


@pytest.mark.parametrize(
    ("policy", "spec"),
    [
        (Policy(), NORMAL),
        (Policy(allow={"reset"}), GUARDED),
        (Policy(deny={"restart"}), NORMAL),
    ],
)
def test_what_is_permitted(policy, spec):
    policy.permit(spec, "m")


@pytest.mark.parametrize(
    ("policy", "spec", "words"),
    [
        (Policy(read_only=True), NORMAL, "m is read-only by the settings"),
        (Policy(read_only=True, allow={"reset"}), GUARDED, "m is read-only by the settings"),
        (Policy(deny={"reboot"}), NORMAL, r"reboot is denied for m \(commands.deny\)"),
        (Policy(allow={"reset"}, deny={"reset"}), GUARDED, "reset is denied"),
        (Policy(), GUARDED, "add it to commands.allow of m"),
        (Policy(allow={"reboot"}), GUARDED, "add it to commands.allow of m"),
        (Policy(), SECRET, "never taken over MQTT"),
        (Policy(allow={"addpool"}), SECRET, "never taken over MQTT"),
    ],
)
def test_what_is_not_permitted_names_the_setting(policy, spec, words):
    with pytest.raises(NotAllowed, match=words):
        policy.permit(spec, "m")


def limits(policy, command="power_limit"):
    spec = policy.narrowed(profile()).commands.get(command)
    return spec and (spec.parameters[0].minimum, spec.parameters[0].maximum)


@pytest.mark.parametrize(
    ("policy", "range_w"),
    [
        (Policy(), (1000, 3600)),
        (Policy(min_power_w=1500), (1500, 3600)),
        (Policy(max_power_w=3000), (1000, 3000)),
        (Policy(min_power_w=0, max_power_w=9000), (1000, 3600)),
        (Policy(min_power_w=2000, max_power_w=2000), (2000, 2000)),
        (Policy(max_power_w=500), None),
        (Policy(min_power_w=4000), None),
    ],
)
def test_the_operators_limits_only_narrow_what_the_device_takes(policy, range_w):
    assert limits(policy) == range_w


def test_percent_is_narrowed_too():
    assert limits(Policy(), "power_percent") == (50, 100)
    assert limits(Policy(min_percent=70, max_percent=90), "power_percent") == (70, 90)


def test_a_range_the_device_does_not_tell_is_the_operators():
    free = CommandSpec("power_limit", (Parameter("power_limit_w", "number"),))
    bare = profile(commands={"power_limit": free})
    (parameter,) = Policy(max_power_w=3000).narrowed(bare).commands["power_limit"].parameters
    assert (parameter.minimum, parameter.maximum) == (None, 3000)


def test_narrowing_leaves_the_rest_alone():
    narrow = Policy(min_power_w=2000).narrowed(profile())
    assert narrow.replace(commands=COMMANDS) == profile()
    assert narrow.commands["stop"] == COMMANDS["stop"]
    assert Policy().narrowed(narrow) == narrow
