"""A TCP proxy that delays, cuts, resets and swallows; needs no privileges and no packages."""

import asyncio
import random
import socket
import struct
import threading

import pytest


class FaultProxy:
    """Between a client, who connects to `port`, and a server. Change attributes at any time.

    *mode*: ok; refuse: reset every new connection; hang: accept and say nothing; blackhole: keep
    connections and let nothing through.
    """

    def __init__(self, port, host="127.0.0.1"):
        self.server = (host, port)
        self.mode = "ok"
        self.latency_s = 0.0
        self.jitter_s = 0.0
        self.chunk_bytes = None
        self.accepted = 0
        self.port = 0
        self._writers = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def start(self):
        self._thread.start()
        self.listen()
        return self

    def listen(self):
        """Accept connections, again on the same port."""
        self._run(self._listen())

    def deafen(self):
        """Refuse new connections, as where nothing listens; those that exist stay."""
        self._run(self._deafen())

    def reset(self):
        """Cut every connection with a reset."""
        self._run(self._reset())

    def stop(self):
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def _run(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(5)

    async def _listen(self):
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def _deafen(self):
        self._listener.close()

    async def _reset(self):
        for writer in list(self._writers):
            _reset(writer)

    async def _stop(self):
        await self._deafen()
        await self._reset()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader, writer):
        self.accepted += 1
        self._writers.add(writer)
        try:
            if self.mode == "refuse":
                return
            if self.mode == "hang":
                await asyncio.sleep(3600)
            server_reader, server_writer = await asyncio.open_connection(*self.server)
            self._writers.add(server_writer)
            try:
                await asyncio.gather(
                    self._pump(reader, server_writer), self._pump(server_reader, writer)
                )
            finally:
                self._writers.discard(server_writer)
                _reset(server_writer)
        except (OSError, asyncio.CancelledError):
            pass  # the other side is told by the reset
        finally:
            self._writers.discard(writer)
            _reset(writer)

    async def _pump(self, reader, writer):
        while received := await reader.read(65536):
            while self.mode == "blackhole":
                await asyncio.sleep(0.02)
            if self.latency_s:
                await asyncio.sleep(self.latency_s + random.random() * self.jitter_s)
            step = self.chunk_bytes or len(received)
            for start in range(0, len(received), step):
                writer.write(received[start : start + step])
                await writer.drain()
                if self.chunk_bytes:
                    await asyncio.sleep(0.001)
        writer.write_eof()


def _reset(writer):
    wire = writer.get_extra_info("socket")
    if wire is not None and wire.fileno() >= 0:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@pytest.fixture
def faults():
    """Put a proxy before a port: `faults(broker.port)`."""
    started = []

    def start(port):
        started.append(FaultProxy(port).start())
        return started[-1]

    yield start
    for proxy in started:
        proxy.stop()
