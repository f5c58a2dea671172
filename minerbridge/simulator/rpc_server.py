"""The cgminer framing: one request in one segment, one reply and a NUL, then the end."""

from __future__ import annotations

from minerbridge.simulator.connection import Connection

REQUEST_BYTES = 4095  # cgminer 4.11.1 api.c: one recv() of half its buffer


class RpcConnection(Connection):
    """Answers the first segment it gets and nothing after it, as cgminer's single recv() does."""

    port = "rpc"

    def data_received(self, data: bytes) -> None:
        if self.is_answering:
            return
        self.is_answering = True
        reply = self.device.rpc(data[:REQUEST_BYTES])
        self.deliver(reply, b"", reply.body, keep=False)
