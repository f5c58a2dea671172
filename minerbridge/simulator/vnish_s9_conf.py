"""The file /config/bmminer.conf of Vnish 3.9.0, written as its shell script writes it."""

from __future__ import annotations

import json
from collections.abc import Sequence

#: The parameters of set_miner_conf_custom.cgi, which goes by their order alone.
FIELDS: tuple[str, ...] = (
    *(f"pool{place}{name}" for place in (1, 2, 3) for name in ("url", "user", "pw")),
    "nobeeper", "notempoverctrl", "fan_customize_switch", "fan_customize_value",
    "freq", "freq1", "freq2", "freq3", "voltage", "voltage1", "voltage2", "voltage3",
    "fan_rpm_off", "chip_freq", "autodownscale", "autodownscale_watch",
    "autodownscale_watchtimer", "autodownscale_timer", "autodownscale_after",
    "autodownscale_step", "autodownscale_min", "autodownscale_prec", "autodownscale_profile",
    "minhr", "asicboost", "tempoff", "altdf", "presave", "name", "warn", "maxx",
    "trigger_reboot", "target_temp", "silentstart", "altdfno", "autodownscale_reboot",
    "hotel_fee", "lpm_mode", "dchain5", "dchain6", "dchain7",
)  # fmt: skip
#: In the order of the script; with a backslash where its shell leaves one.
DECODED = (
    ("+", " "), ("%23", "#"), ("%24", "$"), ("%25", "%"), ("%26", "&"), ("%2C", ","),
    ("%2B", "+"), ("%3A", ":"), ("%3B", ";"), ("%3C", "<"), ("%3D", "="), ("%3E", ">"),
    ("%3F", "?"), ("%40", "@"), ("%5B", "["), ("%5D", "]"), ("%5E", "^"), ("%7B", "\\{"),
    ("%7C", "|"), ("%7D", "\\}"), ("%2F", "\\/"),
)  # fmt: skip
FACTORY = {
    "pool1url": "stratum+tcp://pool.example.com:3333", "pool1user": "worker.1", "pool1pw": "x",
    "pool2url": "stratum+tcp://backup.example.com:3333", "pool2user": "worker.1", "pool2pw": "x",
    "pool3url": "stratum+tcp://third.example.com:3333", "pool3user": "worker.1", "pool3pw": "x",
    "freq": "650", "freq1": "0", "freq2": "0", "freq3": "0",
    "voltage": "890", "voltage1": "0", "voltage2": "0", "voltage3": "0",
    "fan_rpm_off": "0", "chip_freq": ":".join(["0"] * 189), "tempoff": "0", "target_temp": "0",
    "autodownscale_timer": "1", "autodownscale_after": "120", "autodownscale_step": "2",
    "autodownscale_min": "650", "autodownscale_prec": "75", "autodownscale_profile": "0",
    "minhr": "0", "warn": "0", "maxx": "0", "trigger_reboot": "0", "altdf": "true",
    "altdfno": "0", "presave": "1",
}  # fmt: skip
FLAGS_BEFORE = (("nobeeper", "bitmain-nobeeper"), ("notempoverctrl", "bitmain-notempoverctrl"))
FLAGS = (
    ("asicboost", "asicboost"), ("hotel_fee", "hotel-fee"), ("dchain5", "dchain5"),
    ("dchain6", "dchain6"), ("dchain7", "dchain7"), ("lpm_mode", "lpm-mode"),
    ("silentstart", "bitmain-silentstart"), ("autodownscale", "bitmain-autodownscale"),
    ("autodownscale_reboot", "bitmain-autodownscale-reboot"),
    ("autodownscale_watch", "bitmain-autodownscale-watch"),
    ("autodownscale_watchtimer", "bitmain-autodownscale-watchtimer"),
)  # fmt: skip
TEXTS = (
    ("warn", "bitmain-autodownscale-hw"), ("maxx", "bitmain-maxx"),
    *((f"autodownscale_{name}", f"bitmain-autodownscale-{name}")
      for name in ("timer", "after", "step", "min", "prec", "profile")),
    *((f"{name}{board}", f"bitmain-{name}{board}")
      for name in ("freq", "voltage") for board in ("1", "2", "3")),
    ("voltage", "bitmain-voltage"), ("chip_freq", "bitmain-chip-freq"),
    ("fan_rpm_off", "bitmain-fan-rpm-off"), ("trigger_reboot", "bitmain-trigger-reboot"),
)  # fmt: skip
ACCESS = '"api-groups" : "A:stats:pools:devs:summary:version",\n"api-allow" : "W:0/0",\n'

Values = dict[str, str]


def decoded(text: str) -> str:
    """Decode what the script knows, in upper case; the rest stays as it came."""
    for escape, letter in DECODED:
        text = text.replace(escape, letter)
    return text


def positional(form: str) -> Values:
    """Take the parameters by position: each loses its own name, and keeps any other."""
    words = form.replace("&", " ").split()
    named = zip(FIELDS, words, strict=False)
    values = [decoded(word).replace(f"_ant_{name}=", "", 1) for name, word in named]
    values += [""] * (len(FIELDS) - len(values))
    return dict(zip(FIELDS, values, strict=True))


def text_of(values: Values) -> str:
    """Return the file. Values are put between quotes as they are, sound JSON or not."""
    told = {name: values.get(name, "") for name in FIELDS}
    pools = ",\n".join(
        f'{{\n"url" : "{told[f"pool{n}url"]}",\n"user" : "{told[f"pool{n}user"]}",\n'
        f'"pass" : "{told[f"pool{n}pw"]}"\n}}'
        for n in (1, 2, 3)
    )
    lines = [f'"{key}" : true,' for name, key in FLAGS_BEFORE if told[name] == "true"]
    if told["fan_customize_switch"] == "true":
        lines.append('"bitmain-fan-ctrl" : true,')
        lines.append(_line("bitmain-fan-pwm", told["fan_customize_value"]))
    lines += ['"bitmain-use-vil" : true,', _line("bitmain-freq", told["freq"])]
    lines.append(_line("bitmain-minhr", told["minhr"]))
    if told["tempoff"] != "0":
        lines.append(_line("bitmain-tempoff", told["tempoff"]))
    lines += [f'"{key}" : true,' for name, key in FLAGS if told[name] == "true"]
    if told["altdf"] == "true":
        lines.append(_line("altdfno", told["altdfno"]))
    lines += [_line(key, told[name]) for name, key in TEXTS]
    if told["target_temp"] != "0":
        lines.append(_line("bitmain-target-temp", told["target_temp"]))
    listen = '"api-listen" : true,\n"api-network" : true,\n'
    body = "\n".join(lines)
    return f'{{\n"pools" : [\n{pools}\n]\n,\n{listen}{ACCESS}{body}\n"multi-version" : "1"\n}}\n'


def pools_of(values: Values) -> Sequence[tuple[str, str, str]]:
    """Return address, user and password of the pools that have an address, as JSON reads them."""
    rows = [
        (_read(values[f"pool{n}url"]), _read(values[f"pool{n}user"]), _read(values[f"pool{n}pw"]))
        for n in (1, 2, 3)
    ]
    return [row for row in rows if row[0]]


def _read(text: str) -> str:
    try:
        return str(json.loads(f'"{text}"'))
    except ValueError:
        return text


def _line(key: str, value: str) -> str:
    return f'"{key}" : "{value}",'
