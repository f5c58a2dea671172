"""How the bridge bears a load: CPU, memory, lateness of polls, latency of commands.

    python -m tests.benchmarks.load --miners 200 --interval 1 --seconds 300

Simulated miners in a process of their own, the bridge in another, a real mosquitto.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from tests.mosquitto import brokers
from tests.wiretap import Wiretap

TICKS = os.sysconf("SC_CLK_TCK")


def main():
    options = arguments()
    with tempfile.TemporaryDirectory() as folder, brokers() as broker:
        port = broker().port
        simulator = run("simulate", *kinds(options), "--first-address", options.first_address,
                        "--write-config", f"{folder}/miners.yaml")  # fmt: skip
        simulator.stdout.readline()
        miners = yaml.safe_load(Path(folder, "miners.yaml").read_text())["miners"]
        settings = {
            "mqtt": {"host": "127.0.0.1", "port": port},
            "files": {"state": f"{folder}/state"},
            "poll_interval_s": options.interval,
            "log": {"level": "warning"},
            "miners": miners,
        }
        Path(folder, "config.yaml").write_text(yaml.safe_dump(settings))
        bridge = run("run", "-c", f"{folder}/config.yaml")
        try:
            measure(options, bridge.pid, Wiretap(port), miners)
        finally:
            for process in (bridge, simulator):
                process.send_signal(signal.SIGTERM)
                process.wait(30)


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--miners", type=int, default=200)
    parser.add_argument("--kind", default="mixed", help="mixed, s19, s9 or cgminer")
    parser.add_argument("--interval", type=float, default=1.0)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--commands", type=int, default=200)
    parser.add_argument("--first-address", default="127.77.40.1")
    return parser.parse_args()


def kinds(options):
    if options.kind != "mixed":
        return [f"{options.kind}={options.miners}"]
    third = options.miners // 3
    return [f"s19={options.miners - 2 * third}", f"s9={third}", f"cgminer={third}"]


def run(*words):
    return subprocess.Popen(
        [sys.executable, "-m", "minerbridge", *words], stdout=subprocess.PIPE, text=True
    )


def cpu_s(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory_mib(pid):
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / 2**20


def measure(options, pid, tap, miners):
    ids = [miner["id"] for miner in miners]

    def all_online():
        topics = (f"minerbridge/miner/{miner_id}/availability" for miner_id in ids)
        return all(tap.latest.get(topic) == "online" for topic in topics)

    began_s = time.monotonic()
    tap.wait(all_online, "all miners online", 120)
    print(f"{len(ids)} miners online after {time.monotonic() - began_s:.1f} s")
    time.sleep(max(5.0, 2 * options.interval))
    before_s, at_s, memory = cpu_s(pid), time.monotonic(), memory_mib(pid)
    latencies_ms = commands(options, tap, [i for i in ids if i.startswith("miner_")])
    while time.monotonic() - at_s < options.seconds:
        time.sleep(1)
    share = (cpu_s(pid) - before_s) / (time.monotonic() - at_s)
    diagnostics = json.loads(tap.latest["minerbridge/bridge/diagnostics"])
    print(f"CPU {share:.1%} of a core, memory {memory:.1f} -> {memory_mib(pid):.1f} MiB")
    for name in ("polls", "poll_failures", "read_ms_median", "poll_late_ms_max", "threads"):
        print(f"{name} {diagnostics[name]}")
    if latencies_ms:
        ordered = sorted(latencies_ms)
        print(f"/set to result read back: median {statistics.median(ordered):.1f} ms, "
              f"p99 {ordered[int(len(ordered) * 0.99) - 1]:.1f} ms")  # fmt: skip


def commands(options, tap, ids):
    """Time the whole way of a command: broker, bridge, miner, read-back, result."""
    found = []
    for number in range(min(options.commands, 10 * len(ids))):
        miner_id = ids[number % len(ids)]
        began_s = time.monotonic()
        document = {"miner_id": miner_id, "command": "switchpool",
                    "parameters": {"pool": number % 2}}  # fmt: skip
        mark = tap.mark()
        answer = tap.ask("miner/command", document)
        tap.result(miner_id, answer["data"]["id"], mark)
        found.append((time.monotonic() - began_s) * 1000)
    return found


if __name__ == "__main__":
    main()
