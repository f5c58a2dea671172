"""What one read costs, beside pyasic on the same simulated device (`pip install pyasic`).

    python -m tests.benchmarks.read_cost --reads 200

Both ask over loopback, decode and build their reading; neither publishes. The simulator runs in a
process of its own, so the figures are the reader's CPU alone.
"""

import argparse
import asyncio
import subprocess
import sys
import time

from minerbridge.cli.probe import read_once
from minerbridge.miners.driver import Target
from minerbridge.miners.families import driver_for

KINDS = {"s9": "127.77.50.1", "s19": "127.77.51.1"}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--reads", type=int, default=200)
    options = parser.parse_args()
    for kind, host in KINDS.items():
        words = ["simulate", f"{kind}=1", "--first-address", host]
        simulator = subprocess.Popen(
            [sys.executable, "-m", "minerbridge", *words], stdout=subprocess.PIPE, text=True
        )
        try:
            assert simulator.stdout is not None
            simulator.stdout.readline()
            ours_ms = ours(host, options.reads)
            theirs_ms = asyncio.run(pyasics(host, options.reads))
        finally:
            simulator.terminate()
            simulator.wait(10)
        peer = "pyasic is not installed" if theirs_ms is None else f"pyasic {theirs_ms:.2f} ms"
        share = "" if theirs_ms is None else f", {ours_ms / theirs_ms:.0%} of it"
        print(f"{kind}: {ours_ms:.2f} ms of CPU a read, {peer}{share}")


def ours(host, reads):
    driver = driver_for("auto", Target("m", host, username="root", password="root"))
    driver.contact()
    read_once(driver)
    began_s = time.process_time()
    for _ in range(reads):
        read_once(driver)
    took_s = time.process_time() - began_s
    driver.close()
    return took_s / reads * 1000


async def pyasics(host, reads):
    try:
        import pyasic
        from pyasic.data import MinerData  # noqa: F401  loads what a read needs
    except ImportError:
        return None
    miner = await pyasic.get_miner(host)
    if miner is None:
        return None
    wanted = {"exclude": ["config"]}
    await miner.get_data(**wanted)
    began_s = time.process_time()
    for _ in range(reads):
        await miner.get_data(**wanted)
    return (time.process_time() - began_s) / reads * 1000


if __name__ == "__main__":
    main()
