"""The Authorization header for what httpx does not send: Basic, and a WebSocket's handshake."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets

_PAIR = re.compile(r'(\w+)=(?:"([^"]*)"|([^\s,]+))')


def is_basic(challenge: str) -> bool:
    return challenge.strip().lower().startswith("basic")


def basic(username: str, password: str) -> str:
    pair = f"{username}:{password}".encode()
    return "Basic " + base64.b64encode(pair).decode("ascii")


def answer(challenge: str, method: str, path: str, username: str, password: str) -> str | None:
    """Return the header that answers *challenge* (RFC 7616, MD5, qop=auth); None if it cannot."""
    if is_basic(challenge):
        return basic(username, password)
    scheme, _, rest = challenge.strip().partition(" ")
    asked = {name.lower(): quoted or bare for name, quoted, bare in _PAIR.findall(rest)}
    algorithm = asked.get("algorithm", "MD5").upper()
    if scheme.lower() != "digest" or "nonce" not in asked or algorithm != "MD5":
        return None
    realm, nonce, count, own = (
        asked.get("realm", ""),
        asked["nonce"],
        "00000001",
        secrets.token_hex(8),
    )
    proof = ":".join(
        (
            _md5(f"{username}:{realm}:{password}"),
            *((nonce, count, own, "auth") if "qop" in asked else (nonce,)),
            _md5(f"{method}:{path}"),
        )
    )
    fields = {"username": username, "realm": realm, "nonce": nonce, "uri": path,
              "response": _md5(proof)}  # fmt: skip
    if "opaque" in asked:
        fields["opaque"] = asked["opaque"]
    text = ", ".join(f'{name}="{value}"' for name, value in fields.items())
    return f"Digest {text}" + (f', qop=auth, nc={count}, cnonce="{own}"' if "qop" in asked else "")


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
