"""How to reach the broker, from the settings."""

from __future__ import annotations

import hashlib
import ssl
import uuid
from pathlib import Path

from minerbridge.errors import SettingsError
from minerbridge.mqtt.client import Login
from minerbridge.settings import Settings


def login_of(settings: Settings) -> Login:
    """Return how to reach the broker; raise `SettingsError` where certificates are unreadable."""
    mqtt = settings.mqtt
    return Login(
        host=mqtt.host,
        port=mqtt.port,
        client_id=mqtt.client_id or default_client_id(settings.site),
        protocol=mqtt.protocol,
        username=mqtt.username,
        password=mqtt.password.get_secret_value() if mqtt.password else None,
        keepalive_s=mqtt.keepalive_s,
        tls=tls_context(settings),
        max_message_bytes=mqtt.max_message_bytes,
    )


def default_client_id(site: str | None) -> str:
    """Return an id that is the machine's own, without telling its machine id (machine-id(5))."""
    try:
        seed = Path("/etc/machine-id").read_text().strip()
    except OSError:
        seed = f"{uuid.getnode():012x}"
    machine = hashlib.sha256(f"minerbridge {seed}".encode()).hexdigest()[:12]
    return f"minerbridge-{machine}" + (f"-{site}" if site else "")


def tls_context(settings: Settings) -> ssl.SSLContext | None:
    """Return the TLS context of the settings; raise `SettingsError` naming the unreadable file."""
    tls = settings.mqtt.tls
    if tls is None:
        return None
    for name in ("ca", "certificate", "key"):
        path = getattr(tls, name)
        if path is not None and not path.is_file():
            raise SettingsError(f"mqtt.tls.{name}: {path}: no such file")
    try:
        context = ssl.create_default_context(cafile=str(tls.ca) if tls.ca else None)
        if tls.certificate is not None:
            context.load_cert_chain(str(tls.certificate), str(tls.key) if tls.key else None)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(f"mqtt.tls: {error}") from error
    if tls.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
