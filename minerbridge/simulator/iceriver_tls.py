"""HTTPS as pbfarmer's firmware has it: with a certificate that it signed itself."""

from __future__ import annotations

import functools
import ssl
import tempfile

from minerbridge.simulator.http_server import HttpConnection

# Anybody can read this key: it protects nothing, and only loopback is served with it.
SELF_SIGNED = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgo+q+pyOzWwUgnMBj
FagFq8KA4dicUkhKTKVOCefXuKWhRANCAATUpv3TbK0XFOXJL6DKO7EMMh/1rtvw
HUWG3JnQY0EpeYG+OTG76LQp+lgIICnRkyxJch/m1Qa97L5oZhRD/MdV
-----END PRIVATE KEY-----
-----BEGIN CERTIFICATE-----
MIIBfDCCASOgAwIBAgIUb4Qf9G0FfM+1AnRrIRWSz9Y4yqwwCgYIKoZIzj0EAwIw
EzERMA8GA1UEAwwIaWNlcml2ZXIwIBcNMjYxMTIxMDg1ODM4WhgPMjEyNjEwMjgw
ODU4MzhaMBMxETAPBgNVBAMMCGljZXJpdmVyMFkwEwYHKoZIzj0CAQYIKoZIzj0D
AQcDQgAE1Kb902ytFxTlyS+gyjuxDDIf9a7b8B1FhtyZ0GNBKXmBvjkxu+i0KfpY
CCAp0ZMsSXIf5tUGvey+aGYUQ/zHVaNTMFEwHQYDVR0OBBYEFLez+zontAIYJW0p
5wNSgbB/7FkOMB8GA1UdIwQYMBaAFLez+zontAIYJW0p5wNSgbB/7FkOMA8GA1Ud
EwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDRwAwRAIgMPsRk8RTxdUPLqQcDXTJxcOs
owEs2CCouQSWRCf+PaICIGXKPQT1OS53U+GT/+1TXUnrGwC30vya1ZZB6FAikHTU
-----END CERTIFICATE-----
"""


@functools.cache
def server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(SELF_SIGNED)
        file.flush()
        context.load_cert_chain(file.name)
    return context


class HttpsConnection(HttpConnection):
    """The same requests, encrypted."""

    @classmethod
    def tls(cls) -> ssl.SSLContext | None:
        return server_context()
