"""Parameters of commands, checked before anything is sent."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from minerbridge.errors import InvalidValue
from minerbridge.model import CommandSpec, Parameter

_TRUE = {"true", "on", "1", "yes", "y"}
_FALSE = {"false", "off", "0", "no", "n"}
_CONTROL = {chr(code) for code in range(32)} | {"\x7f"}


def check_parameters(spec: CommandSpec, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return *given* in the types *spec* declares; raise `InvalidValue` naming the parameter."""
    known = {parameter.name: parameter for parameter in spec.parameters}
    unknown = sorted(set(given) - set(known))
    if unknown:
        takes = ", ".join(known) or "no parameters"
        raise InvalidValue(f"{spec.name}: unknown parameter {unknown[0]!r}; it takes {takes}")
    checked: dict[str, Any] = {}
    for parameter in spec.parameters:
        if given.get(parameter.name) is None:
            if parameter.required:
                raise InvalidValue(
                    f"{spec.name}: {parameter.name} is missing ({describe(parameter)})"
                )
            continue
        checked[parameter.name] = check(parameter, given[parameter.name])
    return checked


def check(parameter: Parameter, value: Any) -> Any:
    """Return *value* as *parameter* wants it; numbers and switches may come as text."""
    match parameter.kind:
        case "boolean":
            return _boolean(parameter, value)
        case "integer" | "number":
            return _number(parameter, value)
        case "choice":
            text = str(value)
            if text not in parameter.choices:
                if parameter.name == "profile":
                    # What was sent instead of a name may be the pool's login.
                    raise InvalidValue(f"profile: not {describe(parameter)}")
                raise _wrong(parameter, value)
            return text
        case "text":
            if not isinstance(value, str | int | float) or isinstance(value, bool):
                raise _wrong(parameter, value)
            text = str(value)
            too_long = parameter.maximum is not None and len(text) > parameter.maximum
            if not text or too_long or _CONTROL & set(text) or not _is_unicode(text):
                raise _wrong(parameter, value)
            return text


def _boolean(parameter: Parameter, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise _wrong(parameter, value)


def _number(parameter: Parameter, value: Any) -> float | int:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise _wrong(parameter, value)
    if isinstance(value, str) and ("_" in value or not value.isascii()):  # float() takes 1_000
        raise _wrong(parameter, value)
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise _wrong(parameter, value) from None
    low = -math.inf if parameter.minimum is None else parameter.minimum
    high = math.inf if parameter.maximum is None else parameter.maximum
    if not math.isfinite(number) or not low <= number <= high:
        raise _wrong(parameter, value)
    if parameter.kind == "integer":
        if number != int(number):
            raise _wrong(parameter, value)
        return int(number)
    return number


def _is_unicode(text: str) -> bool:
    """Whether *text* can be sent: JSON can smuggle in halves of characters."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _wrong(parameter: Parameter, value: Any) -> InvalidValue:
    return InvalidValue(f"{parameter.name}: {str(value)[:60]!r} is not {describe(parameter)}")


def describe(parameter: Parameter) -> str:
    """Say in words what *parameter* takes, as in "a number from 0 to 100 %"."""
    if parameter.kind == "choice":
        return "one of " + ", ".join(parameter.choices)
    if parameter.kind == "boolean":
        return "ON or OFF"
    if parameter.kind == "text":
        limit = f" of at most {parameter.maximum:g} characters" if parameter.maximum else ""
        return "text" + limit
    noun = "a whole number" if parameter.kind == "integer" else "a number"
    unit = f" {parameter.unit}" if parameter.unit else ""
    if parameter.minimum is not None and parameter.maximum is not None:
        return f"{noun} from {parameter.minimum:g} to {parameter.maximum:g}{unit}"
    if parameter.minimum is not None:
        return f"{noun} of at least {parameter.minimum:g}{unit}"
    if parameter.maximum is not None:
        return f"{noun} of at most {parameter.maximum:g}{unit}"
    return noun + unit
