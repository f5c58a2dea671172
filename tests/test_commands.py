"""Parameters of commands: what is taken, in which type, and what is said of the rest."""

from typing import Any

import pytest

from minerbridge.errors import InvalidValue
from minerbridge.miners.commands import check, check_parameters, describe
from minerbridge.model import CommandSpec, Parameter

PERCENT = Parameter("percent", "integer", 0, 100, unit="%")
WATTS = Parameter("power_w", "number", 1000, 3600, unit="W")
FREE = Parameter("offset", "number")
SWITCH = Parameter("enabled", "boolean")
MODE = Parameter("mode", "choice", choices=("normal", "sleep", "1"))
NAME = Parameter("name", "text", maximum=5)


@pytest.mark.parametrize(
    ("parameter", "given", "taken"),
    [
        (PERCENT, 50, 50),
        (PERCENT, "50", 50),
        (PERCENT, 50.0, 50),
        (PERCENT, "0", 0),
        (PERCENT, 100, 100),
        (WATTS, "2500.5", 2500.5),
        (WATTS, "2.5e3", 2500.0),
        (FREE, "-7", -7.0),
        (SWITCH, True, True),
        (SWITCH, "ON", True),
        (SWITCH, 1, True),
        (SWITCH, " off ", False),
        (SWITCH, "no", False),
        (SWITCH, 0, False),
        (MODE, "sleep", "sleep"),
        (MODE, 1, "1"),
        (NAME, "abcde", "abcde"),
        (NAME, 7, "7"),
        (NAME, "ä", "ä"),
    ],
)
def test_values_become_the_declared_type(parameter, given, taken):
    found = check(parameter, given)
    assert (found, type(found)) == (taken, type(taken))


BAD: dict[Parameter, list[Any]] = {
    PERCENT: [-1, 101, 50.5, "banana", "", True, None, [], {}, "nan", "1_0"],
    WATTS: [999.9, 3600.1, "NaN", float("nan"), "inf", "2500 W", "٢٥٠٠"],
    FREE: [float("inf"), float("-inf"), "1e999", 10**400, "0x10"],
    SWITCH: ["maybe", 2, 1.5, None, [], ""],
    MODE: ["Sleep", "", None, "normal,sleep"],
    NAME: ["", "abcdef", True, None, "a\nb", "a\x7f", "\ud800", ["a"]],
}


@pytest.mark.parametrize(
    ("parameter", "given"), [(parameter, bad) for parameter in BAD for bad in BAD[parameter]]
)
def test_what_is_not_sane_is_refused_by_name(parameter, given):
    with pytest.raises(InvalidValue, match=f"^{parameter.name}: ") as caught:
        check(parameter, given)
    assert describe(parameter) in str(caught.value)


def test_a_long_value_is_not_repeated_whole():
    with pytest.raises(InvalidValue) as caught:
        check(MODE, "x" * 5000)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("parameter", "words"),
    [
        (PERCENT, "a whole number from 0 to 100 %"),
        (Parameter("a", "number", 1, unit="s"), "a number of at least 1 s"),
        (Parameter("a", "number", None, 9), "a number of at most 9"),
        (FREE, "a number"),
        (SWITCH, "ON or OFF"),
        (MODE, "one of normal, sleep, 1"),
        (NAME, "text of at most 5 characters"),
        (Parameter("a", "text"), "text"),
    ],
)
def test_what_a_parameter_takes_is_said_in_words(parameter, words):
    assert describe(parameter) == words


OPTIONAL = Parameter("why", "text", required=False)
FAN = CommandSpec("set_fan", (PERCENT, OPTIONAL))


def test_parameters_are_checked_together():
    assert check_parameters(FAN, {"percent": "30", "why": None}) == {"percent": 30}
    assert check_parameters(FAN, {"percent": 30, "why": "dust"}) == {"percent": 30, "why": "dust"}
    assert check_parameters(CommandSpec("stop"), {}) == {}


@pytest.mark.parametrize(
    ("spec", "given", "words"),
    [
        (FAN, {}, "set_fan: percent is missing (a whole number from 0 to 100 %)"),
        (FAN, {"percent": None}, "set_fan: percent is missing (a whole number from 0 to 100 %)"),
        (FAN, {"speed": 3}, "set_fan: unknown parameter 'speed'; it takes percent, why"),
        (CommandSpec("stop"), {"x": 1}, "stop: unknown parameter 'x'; it takes no parameters"),
    ],
)
def test_a_wrong_set_of_parameters_is_told_with_the_right_one(spec, given, words):
    with pytest.raises(InvalidValue) as caught:
        check_parameters(spec, given)
    assert str(caught.value) == words
