"""A command goes by two names, the bridge's and the manual's: what holds for one holds for both."""

import pytest

from minerbridge.errors import NotAllowed
from minerbridge.miners.permission import Policy
from minerbridge.mqtt.publisher import Presentation
from tests.whatsminer_rig import Rig

#: the bridge's name, and the manual's of what it stands for
TWINS = [
    ("start", "power_on"),
    ("stop", "power_off"),
    ("restart", "restart_btminer"),
    ("reset", "factory_reset"),
    ("led", "set_led"),
    ("power_limit", "adjust_power_limit"),
    ("power_limit_default", "adjust_power_limit"),
    ("power_percent", "set_power_pct"),
    ("power_percent", "set_power_pct_v2"),
    ("power_mode", "set_low_power"),
    ("power_mode", "set_normal_power"),
    ("power_mode", "set_high_power"),
    ("pool_profile", "update_pools"),
]
#: names that are neither one command nor part of one another
STRANGERS = [
    ("set_power_pct", "set_power_pct_v2"),
    ("set_low_power", "set_high_power"),
    ("start", "stop"),
    ("restart", "reboot"),
    ("power_limit", "power_limit_default"),
]


@pytest.fixture(scope="module")
def profile():
    rig = Rig()
    (found,) = rig.driver().contact()
    rig.close()
    return found


def is_denied(profile, name, denied):
    try:
        Policy(deny={denied}).permit(profile.commands[name], "m1")
    except NotAllowed as error:
        return f"{name} is denied" in str(error)
    return False


@pytest.mark.parametrize(("own", "manual"), TWINS)
def test_to_deny_one_is_to_deny_the_other(profile, own, manual):
    assert is_denied(profile, own, own)
    assert is_denied(profile, own, manual)
    assert is_denied(profile, manual, own)


@pytest.mark.parametrize(("own", "manual"), TWINS)
def test_what_is_denied_under_the_other_name_has_no_control(profile, own, manual):
    for denied in (own, manual):
        shown = Presentation(denied={"m1": frozenset({denied})}).shown(profile)
        assert not {own, manual} & set(shown.commands)
        assert "get_token" in shown.commands


@pytest.mark.parametrize(("name", "denied"), STRANGERS)
def test_what_is_something_else_is_left_alone(profile, name, denied):
    assert not is_denied(profile, name, denied)


def test_fast_mining_has_two_names_in_the_manual_itself(profile):
    assert is_denied(profile, "set_fast_hash", "set_fast_mining")
    assert is_denied(profile, "set_fast_mining", "set_fast_hash")


@pytest.mark.parametrize("allowed", ["reset", "factory_reset"])
@pytest.mark.parametrize("name", ["reset", "factory_reset"])
def test_to_allow_one_is_to_allow_the_other(profile, name, allowed):
    spec = profile.commands[name]
    with pytest.raises(NotAllowed, match=r"commands\.allow"):
        Policy().permit(spec, "m1")
    Policy(allow={allowed}).permit(spec, "m1")


@pytest.mark.parametrize("name", ["update_pools", "update_pwd"])
def test_no_name_lets_a_secret_over_mqtt(profile, name):
    everything = frozenset(profile.commands)
    with pytest.raises(NotAllowed, match="never taken over MQTT"):
        Policy(allow=everything).permit(profile.commands[name], "m1")
