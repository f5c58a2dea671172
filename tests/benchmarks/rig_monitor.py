"""What reporting many miners costs: CPU of the reporter's process, and how late posts are.

    python -m tests.benchmarks.rig_monitor --miners 500 --interval 30 --seconds 60

The simulated server runs in a process of its own. Every miner is read anew every 10 s, as polls
would do it; making those readings is measured apart and taken off.
"""

import argparse
import subprocess
import sys
import threading
import time

from minerbridge.rig_monitor.client import MonitorClient, tls_for
from minerbridge.rig_monitor.reporter import Outside, Reporter
from minerbridge.settings import RigMonitor
from minerbridge.simulator.rig_monitor_server import RigMonitorServer
from tests.miners import profile
from tests.rig_monitor_rig import asic_reading

POLL_S = 10.0


def main():
    options = arguments()
    if options.serve:
        serve(options.miners)
        return
    words = [sys.executable, "-m", __spec__.name, "--serve", "--miners", str(options.miners)]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        try:
            measure(options, server.stdout.readline().strip())
        finally:
            server.terminate()


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--miners", type=int, default=500)
    parser.add_argument("--interval", type=float, default=30.0)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def serve(miners):
    with RigMonitorServer() as server:
        server.keeps = False
        for number in range(miners):
            server.add(f"code-m{number}")
        print(server.url, flush=True)
        threading.Event().wait()


def measure(options, url):
    miners = {
        f"m{n}": {"api_code": f"code-m{n}", "coin_name": "Bitcoin"} for n in range(options.miners)
    }
    settings = RigMonitor(url=url, report_interval_s=options.interval, miners=miners)
    reports: dict[str, float] = {}
    gaps_s: list[float] = []

    class Counting(Reporter):
        def _settle(self, post, answer, now_s):
            super()._settle(post, answer, now_s)
            last_s = reports.get(post.miner.miner_id)
            if not post.is_specification and post.miner.working:
                gaps_s.extend([] if last_s is None else [now_s - last_s])
                reports[post.miner.miner_id] = now_s

    reporter = Counting(
        settings, MonitorClient(url, tls_for(url)), Outside(lambda *_: None, lambda _: None)
    )
    for miner_id in miners:
        reporter.profile(profile(miner_id))
    reporter.start(print)
    polling_s = poll(reporter, list(miners), options.interval)  # specifications and a first round
    posted, cpu_s, began_s = len(gaps_s), time.process_time(), time.monotonic()
    polling_s = poll(reporter, list(miners), options.seconds)
    took_s = time.monotonic() - began_s
    share = (time.process_time() - cpu_s - polling_s) / took_s
    print(f"{options.miners} miners every {options.interval:g} s: {share:.2%} of a core "
          f"(and {polling_s / took_s:.2%} to make the readings)")  # fmt: skip
    print(f"{(len(gaps_s) - posted) / took_s:.1f} posts a second, "
          f"longest gap of one miner {max(gaps_s, default=0):.1f} s, "
          f"{len(reports)} of {options.miners} reported")  # fmt: skip
    reporter.stop()
    reporter.join(2)


def poll(reporter, miner_ids, seconds):
    """Read miner after miner, each every 10 s; return the CPU that making readings took."""
    pause_s = POLL_S / len(miner_ids) * 10
    end_s, number, spent_s = time.monotonic() + seconds, 0, 0.0
    while time.monotonic() < end_s:
        before_s = time.thread_time()
        made = [asic_reading(miner_ids[(number + n) % len(miner_ids)]) for n in range(10)]
        spent_s += time.thread_time() - before_s
        for one in made:
            reporter.reading(one)
        number += 10
        time.sleep(pause_s)
    return spent_s


if __name__ == "__main__":
    main()
