"""The tokens of the v2 API: issued, limited in number, outdated."""

from __future__ import annotations

import random
import string
from collections.abc import Callable

from minerbridge.simulator import whatsminer_cipher as cipher

LIFE_S = 1800.0
ALPHABET = "./" + string.digits + string.ascii_letters


class Tokens:
    """*timeout_s* None: the fixed 30 minutes; 0: never; else seconds since the last use."""

    def __init__(
        self, password: str, *, now_s: Callable[[], float], source: random.Random,
        timeout_s: int | None = None, limit: int = 100,
    ) -> None:  # fmt: skip
        self._now_s, self._random = now_s, source
        self.timeout_s, self.limit = timeout_s, limit
        self._since_s: dict[str, float] = {}
        self.set_password(password)

    def set_password(self, password: str) -> None:
        """Every token so far is void, and the salt belongs to the new password."""
        self.password: str = password
        self.salt = self._salt()
        self.forget()

    def forget(self) -> None:
        self._since_s.clear()

    @property
    def key(self) -> str:
        return cipher.md5crypt(self.password, self.salt)

    def issue(self, time: str) -> dict[str, str] | None:
        """None when there are too many already."""
        self._forget_old()
        if len(self._since_s) >= self.limit:
            return None
        newsalt = self._salt()
        self._since_s[cipher.sign(self.key, newsalt, time)] = self._now_s()
        told = {} if self.timeout_s is None else {"timeout": str(self.timeout_s)}
        return told | {"time": time, "salt": self.salt, "newsalt": newsalt}

    def allows(self, token: object) -> bool:
        self._forget_old()
        if token not in self._since_s:
            return False
        if self.timeout_s:
            self._since_s[str(token)] = self._now_s()
        return True

    def _forget_old(self) -> None:
        life_s = LIFE_S if self.timeout_s is None else float(self.timeout_s) or float("inf")
        oldest_s = self._now_s() - life_s
        self._since_s = {sign: at_s for sign, at_s in self._since_s.items() if at_s > oldest_s}

    def _salt(self) -> str:
        return "".join(self._random.choices(ALPHABET, k=8))
