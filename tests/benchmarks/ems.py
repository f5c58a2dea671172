"""A thousand miners under an EMS: how soon it is answered, and how soon the last miner is told.

    python -m tests.benchmarks.ems --miners 1000 --kind whatsminer

WhatsMiners or S9 with Vnish: both measure their own power. They are simulated in a process of their
own, whose journal says when each understood its stop. The bridge is a process too, the broker a
real mosquitto.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from minerbridge.simulator import Fleet
from tests.benchmarks.load import cpu_s, memory_mib, run
from tests.mosquitto import brokers
from tests.wiretap import Wiretap

KINDS = ("vnish_s9", "whatsminer")
#: Boots of two minutes take six seconds; the waves are as much closer together.
SPEED, WAVE_INTERVAL_S = 20.0, 1.0
#: Only boots are sped up: a token lives its 30 minutes of real time.
OPTIONS = {"whatsminer": {"token_timeout_s": round(1800 * SPEED)}}
ANSWERS, ANSWERS_PER_S = 300, 12.0
REQUEST, RESPONSE = "minerbridge/ems/request/", "minerbridge/ems/response/"


def main():
    options = arguments()
    if options.simulator:
        simulate(options)
        return
    with tempfile.TemporaryDirectory() as folder, brokers() as broker:
        port = broker().port
        miners = Miners(options)
        document = {
            "mqtt": {"host": "127.0.0.1", "port": port},
            "files": {"state": f"{folder}/state"},
            "poll_interval_s": options.interval,
            "log": {"level": "warning"},
            "fleet": {"min_off_s": 0, "failsafe_power_kw": 0, "wave_interval_s": WAVE_INTERVAL_S},
            "miners": miners.entries,
        }
        Path(folder, "config.yaml").write_text(yaml.safe_dump(document))
        bridge = run("run", "-c", f"{folder}/config.yaml")
        tap = Wiretap(port)
        try:
            measure(options, tap, miners, bridge.pid)
        finally:
            tap.close()
            for process in (bridge, miners.process):
                process.terminate()
                process.wait(30)


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--miners", type=int, default=1000)
    parser.add_argument("--kind", choices=KINDS, default="whatsminer")
    parser.add_argument("--interval", type=float, default=10.0)
    parser.add_argument("--first-address", default="127.77.90.1")
    parser.add_argument("--simulator", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


# -- the miners, in a process of their own ---------------------------------------------------


def simulate(options):
    """Serve until the input ends; each line on it is a moment, answered with what came since."""
    with Fleet(first_address=options.first_address, speed=SPEED) as fleet:
        devices = fleet.add(options.kind, options.miners, **OPTIONS.get(options.kind, {}))
        print(json.dumps([entry(device) for device in devices]), flush=True)
        for line in sys.stdin:
            since_s = float(line)
            firsts = [
                min((at_s for at_s, _ in list(device.journal) if at_s >= since_s), default=None)
                for device in devices
            ]
            power_w = sum(device.power_w for device in devices)
            print(json.dumps({"firsts": firsts, "power_w": power_w}), flush=True)


def entry(device):
    facts = {"id": device.id, "host": device.address, "family": device.family,
             "ports": dict(device.ports)}  # fmt: skip
    if device.credentials is not None:
        facts["username"], facts["password"] = device.credentials
    return facts


class Miners:
    """The other end of that process; its clock is the same."""

    def __init__(self, options):
        words = [sys.executable, "-m", "tests.benchmarks.ems", "--simulator", "--miners",
                 str(options.miners), "--kind", options.kind,
                 "--first-address", options.first_address]  # fmt: skip
        self.process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.entries = json.loads(self._said())

    def since(self, moment_s):
        print(moment_s, file=self.process.stdin, flush=True)
        return json.loads(self._said())

    def _said(self):
        assert self.process.stdout
        return self.process.stdout.readline()


# -- what is measured ------------------------------------------------------------------------


def measure(options, tap, miners, pid):
    began_s = time.monotonic()

    def met():
        status = latest(tap, "fleet/status")
        return status and status["mining_miners"] == options.miners

    tap.wait(met, "all miners mining", 300)
    print(f"{options.miners} {options.kind} met after {time.monotonic() - began_s:.1f} s")
    time.sleep(options.interval)
    rated_kw = latest(tap, "ems/status")["ratedPowerInKw"]
    before_s, at_s = cpu_s(pid), time.monotonic()
    report("status", [answered_s(tap, "status", {}) for _ in paced(ANSWERS)])
    orders = [
        answered_s(
            tap, "activate", {"activationPowerInKw": (2 + n % 2) * rated_kw, "mode": "limit"}
        )
        for n in paced(ANSWERS // 3)
    ]
    report("activate (limits that bind nobody)", orders)
    report("heartbeat", [answered_s(tap, "heartbeat", {}) for _ in paced(ANSWERS // 3)])
    share = (cpu_s(pid) - before_s) / (time.monotonic() - at_s)
    print(f"bridge: {share:.1%} of a core meanwhile, {memory_mib(pid):.0f} MiB")
    shed(tap, miners, options, pid)
    raise_to(tap, miners, 0.6 * rated_kw)
    raise_to(tap, miners, 0.8 * rated_kw)
    shed(tap, miners, options, pid)  # once more, where sessions and tokens are there already


def paced(count):
    for number in range(count):
        yield number
        time.sleep(1 / ANSWERS_PER_S)


def answered_s(tap, request, document):
    """Ask and return how long the answer took."""
    mark, began_s = tap.mark(), time.monotonic()
    tap.publish(REQUEST + request, json.dumps(document))
    answer = tap.after(mark, RESPONSE + request)
    took_s = time.monotonic() - began_s
    assert answer.get("accepted", True), answer
    return took_s


def report(what, taken_s):
    ordered = sorted(1000 * took_s for took_s in taken_s)
    p99 = ordered[int(0.99 * (len(ordered) - 1))]
    print(f"{what}: {len(ordered)} answers, p50 {statistics.median(ordered):.1f}, p99 {p99:.1f}, "
          f"worst {ordered[-1]:.1f} ms")  # fmt: skip


def shed(tap, miners, options, pid):
    """Stop everybody; print when the last heard of it, and who was busy meanwhile."""
    pids = {"bridge": pid, "simulator": miners.process.pid}
    busy_s = {name: cpu_s(one) for name, one in pids.items()}
    began_s = time.monotonic()
    order_id = f"down-{began_s:.0f}"
    took_s = answered_s(tap, "deactivate", {"id": order_id})
    until(tap, lambda order: order["id"] == order_id and order["state"] == "achieved", 120)
    firsts = [at_s - began_s for at_s in miners.since(began_s)["firsts"] if at_s is not None]
    ordered = sorted(firsts)
    print(f"deactivate: answered after {1000 * took_s:.0f} ms; stop understood by "
          f"{len(ordered)} of {options.miners} after {1000 * ordered[0]:.0f} ms (first), "
          f"{1000 * statistics.median(ordered):.0f} (median), {1000 * ordered[-1]:.0f} (last); "
          f"all asleep after {time.monotonic() - began_s:.1f} s")  # fmt: skip
    took_s = time.monotonic() - began_s
    for name, one in pids.items():
        print(f"the {name} took {(cpu_s(one) - busy_s[name]) / took_s:.0%} of a core for that")


def raise_to(tap, miners, target_kw):
    """Order a power and print when it is there, and how far off it stays."""
    began_s = time.monotonic()
    order_id = f"up-{target_kw:g}"
    took_s = answered_s(tap, "activate", {"id": order_id, "activationPowerInKw": target_kw})
    until(tap, lambda order: order["id"] == order_id and order["state"] == "achieved", 300)
    there_s = time.monotonic() - began_s
    errors = []
    for _ in range(10):
        time.sleep(1)
        told_kw = latest(tap, "ems/status")["activePowerInKw"]
        true_kw = miners.since(began_s)["power_w"] / 1000
        errors.append((told_kw / target_kw - 1, true_kw / target_kw - 1))
    told, true = (max((pair[n] for pair in errors), key=abs) for n in (0, 1))
    print(f"activate {target_kw:.0f} kW: answered after {1000 * took_s:.0f} ms, achieved after "
          f"{there_s:.0f} s at {SPEED:g}-fold speed; in the 10 s after that the power was off by "
          f"{told:+.2%} at most as told, {true:+.2%} as the miners truly draw")  # fmt: skip


def until(tap, question, timeout_s):
    def there():
        order = latest(tap, "ems/dispatch")
        return order if order and question(order) else None

    return tap.wait(there, "the order's end", timeout_s)


def latest(tap, name):
    payload = tap.latest.get(f"minerbridge/{name}")
    return json.loads(payload) if payload else None


if __name__ == "__main__":
    main()
