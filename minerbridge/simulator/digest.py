"""The server's side of HTTP digest authentication (RFC 2617, MD5, qop=auth)."""

from __future__ import annotations

import hashlib
import re
import secrets

PAIR = re.compile(r'(\w+)=(?:"([^"]*)"|([^\s,]+))')


class Digest:
    """One realm and one user. The nonce never expires, so clients may reuse it."""

    def __init__(self, realm: str, user: str, password: str) -> None:
        self.realm, self.user = realm, user
        self.nonce = secrets.token_hex(16)
        self.set_password(password)

    @property
    def challenge(self) -> str:
        """The header of a 401."""
        return (
            f'WWW-Authenticate: Digest realm="{self.realm}", nonce="{self.nonce}", '
            'qop="auth", algorithm=MD5'
        )

    def set_password(self, password: str) -> None:
        self.password = password
        self._secret = _md5(f"{self.user}:{self.realm}:{password}")

    def allows(self, method: str, target: str, authorization: str) -> bool:
        """Whether the Authorization header proves the password for this very request."""
        scheme, _, rest = authorization.partition(" ")
        given = {name: quoted or bare for name, quoted, bare in PAIR.findall(rest)}
        if scheme.lower() != "digest" or given.get("username") != self.user:
            return False
        if given.get("nonce") != self.nonce or given.get("uri") != target:
            return False
        request = _md5(f"{method}:{target}")
        middle = f"{given.get('nc')}:{given.get('cnonce')}:auth:" if "qop" in given else ""
        return given.get("response") == _md5(f"{self._secret}:{self.nonce}:{middle}{request}")


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
