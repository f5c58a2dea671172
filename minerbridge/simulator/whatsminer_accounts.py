"""The v3 API's accounts, their passwords and what they may set."""

from __future__ import annotations

import random
import string
import time

from minerbridge.simulator import whatsminer_cipher as cipher

USERS = ("user1", "user2", "user3")
NEAR_S = 600  # of the miner's clock


class Accounts:
    """``super`` may everything, the users what they are given; their passwords are their names."""

    def __init__(self, password: str, source: random.Random) -> None:
        self._random = source
        self.passwords = {"super": password} | {name: name for name in USERS}
        self.allowed: dict[str, set[str]] = {name: set() for name in USERS}
        self.salt = self._salt()

    @property
    def permission(self) -> str:
        return " ".join(
            ["super=255", *(f"{name}={'1' if self.allowed[name] else '0'}" for name in USERS)]
        )

    def set_password(self, account: str, password: str) -> None:
        self.passwords[account] = password
        self.salt = self._salt()

    def may(self, account: str, command: str) -> bool:
        return account == "super" or command in self.allowed.get(account, ())

    def key(self, command: str, account: object, time_s: object, token: object) -> bytes | None:
        """Return the key to an encrypted parameter, None when the token is not right."""
        password = self.passwords.get(str(account))
        if password is None or type(time_s) is not int or abs(time_s - time.time()) > NEAR_S:
            return None
        digest = cipher.v3_digest(command, password, self.salt, time_s)
        return digest if cipher.v3_token(digest) == token else None

    def _salt(self) -> str:
        return "".join(self._random.choices(string.ascii_letters + string.digits, k=8))
