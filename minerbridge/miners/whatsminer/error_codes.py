"""The error codes of WhatsMiners. {n} is the last digit: the slot of a board, or a pool's number.

The vendor prints no list; the meanings are those that programs for these miners agree on. Where
they do not, both are named. A reason in words from the miner itself outranks this table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from minerbridge.model import Fault

_TABLE = """
100 fan fault
110 intake fan speed wrong; others read it as hashrate too low
111 exhaust fan speed wrong; others read it as power supply not started
120 intake fan off by more than 2000 rpm
121 exhaust fan off by more than 2000 rpm
130 intake fan off by more than 3000 rpm
131 exhaust fan off by more than 3000 rpm
140 fans turn too fast
200 no power supply found
201 power supply and configuration do not match
202 power supply: output voltage wrong
203 power supply protects itself from ambient heat
204 power supply limits current because of ambient heat
205 power supply: current wrong
206 power supply: input voltage low
207 power supply limits input current because of bad mains
208 power supply: power wrong
209 power supply: voltage offset wrong
210 power supply fault
211 power supply: output current fault; reboot the miner
212 power supply: output voltage at the edge of 11.5 to 15 V
213 power supply: input does not match output
214 power supply: input power does not change
215 power supply: output voltage cannot be set
216 power supply: power unchanged for long
217 power supply cannot be switched on
218 input below 230 V, too low for high power mode
219 power supply: input current wrong
233-235 power supply: output too hot
236-238 power supply: output current too high
239 power supply: output voltage too high
240 power supply: output voltage too low; others read it as too high
241 power supply: output currents uneven; others read it as input voltage low
243-245 power supply: input too hot; others read it as input voltage high
246-247 power supply: input voltage too high; others read it as input current high
248-249 power supply: input current too high; others read it as input voltage high
250-251 power supply: input voltage too low
253-254 power supply: fan fault
255-256 power supply: output power too high; others read it as output too hot
257 power supply: input current too high, primary side
263 power supply: communication disturbed
264 power supply: communication failed
265-266 power supply: unknown fault
267 power supply: watchdog tripped
268 power supply: output current too high
269 power supply: input current too high
270 power supply: input voltage too high
271 power supply: input voltage too low
272 power supply: output excessive
273 power supply: input power too high
274 power supply: fan disturbed
275 power supply: hot
276-280 power supply: unknown fault
281-288 power supply: its own status 1, bit {n} of 8
289-296 power supply: its own status 2
300-303 board {n}: temperature sensor not found
320-323 board {n}: temperature cannot be read
329 control board: temperature sensor does not answer
350-353 board {n}: protects itself from heat
360-363 board {n}: too hot
370 ambient temperature swings
380 humidity sensor not found
381-382 humidity cannot be read
383 humidity too high
400 EEPROM fault
410-413 board {n}: EEPROM not found
420-423 board {n}: EEPROM content not understood
430-433 board {n}: chip grade wrong
440-443 board {n}: number of chips in the EEPROM wrong
450-453 board {n}: EEPROM transfer failed
500 board fault
510-513 board {n}: made for another model
520-523 board {n}: chip grade does not fit
530-533 board {n}: not found
540-543 board {n}: chips cannot be read
550-553 board {n}: bad chips
560-563 board {n}: out of balance
570-573 board {n}: chips fail in transfer
580-583 board {n}: reset failed
590-593 board {n}: frequency too low
600 ambient temperature too high
610 ambient temperature too high for high power mode
700 MAC address invalid
701 control board does not support the chips
710 control board restarted unexpectedly
711 control board restarted unexpectedly and runs slower; update the firmware
712 control board restarted unexpectedly
713 network unstable
714 control board: unknown fault
720-723 control board: frame errors at slot {n}
800 checksum of the mining program wrong
801 checksum of the system monitor wrong
802 checksum of the remote service wrong
810 board serial number unlike the one converted to liquid cooling
900 power rate: unknown fault
901 power rate wrong
902 power rate: unknown fault
2000 no pool configured
2010 all pools disabled
2020-2023 pool {n}: cannot be reached
2030 pool rejects many shares
2040 pool does not support ASICBoost
2050 changing to another pool failed
2110-2113 board {n}: factory test failed
2310 hashrate too low
2320 hashrate too low
2330 hashrate loss too high
2340 hashrate loss too high
2350 hashrate loss
5010-5013 board {n}: chip voltage too low
5020-5023 board {n}: chip voltage changed
5030-5033 board {n}: chip temperatures too uneven
5040-5043 board {n}: hottest chip too far from the others
5050-5053 board {n}: stopped to protect its chips from heat
5070-5073 board {n}: coolant flow abnormal
5080 calibration of chip temperatures failed; restore factory settings
5090-5093 board {n}: calibration of chip temperatures uneven
5110-5113 board {n}: frequency not reached in time
5120-5123 board {n}: many CRC errors
5130-5133 board {n}: unstable
5170-5173 board {n}: frequency not reached in time
8000 tool too old
8010 frequency low
8020 hashrate low
8035 ambient temperature high
8100 chip data wrong
8200 power supply version wrong
8210 model wrong
8220 version information wrong
8300 level missing
8400 firmware old
8410 firmware version wrong
8600 product serial number missing
8610 product type missing
8620 miner serial number missing
8621 miner serial number of wrong length
8630 power supply serial number missing
8631 power supply serial number wrong
8632 miner serial number wrong
8640 power supply model missing
8641 power supply model name wrong
8642 power supply model: voltage wrong
8643 power supply model: rating wrong
8644 power supply model: format wrong
8650 board structure wrong
8660 cooling type wrong
8670 board serial number missing
8700 power does not fit the miner
9000 a program ended by signal
9010 a program ended by signal
9999 unknown fault
100000 security library faulty; update the firmware
100001 signature illegal
100002 start scripts illegal
100003 partial firmware signature illegal
100100 an altered mining program was removed; update the firmware
110000 an illegal file was found; update the firmware
110001 a virus was removed; update the firmware
"""
_CHIPS = {52: "wrong nonces", 53: "few nonces", 54: "protects itself from heat", 55: "was reset",
          56: "no nonce"}  # fmt: skip
_FACTORY = ("hashrate", "power", "fan speed", "fan speed", "voltage")
#: By leading digits, for what the table lacks.
_CLASSES = (
    (100_000, "security"), (9000, "program"), (8000, "factory or version"), (5100, "frequency"),
    (5000, "chip voltage or coolant"), (2300, "hashrate"), (2100, "factory test"), (2000, "pool"),
    (900, "power rate"), (800, "checksum"), (700, "control board"), (600, "ambient temperature"),
    (500, "board"), (400, "EEPROM"), (300, "temperature"), (200, "power supply"), (100, "fan"),
)  # fmt: skip
_CODE = re.compile(r"\d{1,7}")
_IN_SUMMARY = re.compile(r"Error Code (\d+)")
_TIME = "%Y-%m-%d %H:%M:%S"
_CLOCK_UNSET = 2000


def _read_table() -> dict[int, str]:
    found = {}
    for line in _TABLE.split("\n"):
        codes, _, meaning = line.partition(" ")
        if codes:
            first, _, last = codes.partition("-")
            found.update(dict.fromkeys(range(int(first), int(last or first) + 1), meaning))
    return found


_MEANINGS = _read_table()


def meaning(code: int) -> str:
    """Return what *code* says; an unknown one is named by its class, never dropped."""
    if code in _MEANINGS:
        return _MEANINGS[code].format(n=code % 10)
    digits = str(code)
    if len(digits) == 6 and code // 10_000 in _CHIPS:
        return f"board {digits[2]}: chip {int(digits[3:])} {_CHIPS[code // 10_000]}"
    if len(digits) == 4 and digits.startswith("85") and code % 10 < len(_FACTORY):
        return f"{_FACTORY[code % 10]} below factory level {digits[2]}"
    known = next((name for lowest, name in _CLASSES if code >= lowest), "unknown")
    return f"unknown code ({known})"


def faults(told: object) -> tuple[Fault, ...]:
    """Return the faults in what `get_error_code` tells, in any of its shapes.

    It is a list of {code: time} objects, of codes, or one object; v3 adds a reason in words, or
    says in one text that it cannot tell.
    """
    if isinstance(told, dict):
        told = [{code: at} for code, at in told.items()]
    if not isinstance(told, list):
        return ()
    found = []
    for entry in told:
        facts = entry if isinstance(entry, dict) else {str(entry): None}
        reason = facts.get("reason")
        found += [
            fault(code, at, reason) for code, at in facts.items() if _CODE.fullmatch(str(code))
        ]
    return tuple(found)


def fault(code: object, at: object = None, reason: object = None) -> Fault:
    """Return one fault; times before the clock was set are left out."""
    said = str(reason).strip() if reason else meaning(int(str(code)))
    return Fault(str(code), said, _time(at))


def in_summary(summary: Mapping[str, object]) -> tuple[Fault, ...]:
    """Return what firmware up to 2020 tells in its summary."""
    found = []
    for name, code in summary.items():
        match = _IN_SUMMARY.fullmatch(name)
        if match and code and _CODE.fullmatch(str(code)):
            found.append(fault(code, summary.get(f"Error {match[1]} Time")))
    return tuple(found)


def _time(value: object) -> datetime | None:
    """Read a device's clock, of which the zone is not told: taken for that of this machine."""
    try:
        found = datetime.strptime(str(value), _TIME).astimezone()
    except (ValueError, OverflowError):
        return None
    return found if found.year > _CLOCK_UNSET else None
