"""amqtt, a broker in Python that speaks MQTT 3.1.1 only, in this process."""

import asyncio
import threading
from contextlib import contextmanager

from amqtt.broker import Broker

from tests.mosquitto import free_port

ANONYMOUS = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}


@contextmanager
def amqtt():
    """Run a broker; gives its port."""
    port = free_port()
    ready = threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve():
        listener = {"type": "tcp", "bind": f"127.0.0.1:{port}", "max_connections": 0}
        broker = Broker({"listeners": {"default": listener}, "plugins": ANONYMOUS})
        await broker.start()
        ready.set()
        await stop.wait()
        await broker.shutdown()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield port
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()
