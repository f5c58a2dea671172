"""The one token that a miner is written with: got, cached, renewed, and left alone when refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from minerbridge.errors import BadReply, MinerError, MinerLocked, MinerRefused
from minerbridge.miners.rpc_decode import integer
from minerbridge.miners.whatsminer import cipher
from minerbridge.miners.whatsminer.codes import CODES, TOO_MANY_TOKENS

#: Firmware without a `timeout` forgets a token after 30 minutes.
_RENEW_AFTER_S = 25 * 60.0
#: Where `timeout` counts the idle time, a token is renewed when this share of it has passed.
_IDLE_SHARE = 0.8
_BACK_OFF_S = 5 * 60.0
DEFAULT_PASSWORD = "admin"  # noqa: S105  # what the manual prints for every miner


@dataclass(frozen=True, slots=True)
class Token:
    """*key* encrypts, *sign* goes into the request. *idle_s*: None is a fixed life, 0 for ever."""

    key: str = field(repr=False)
    sign: str = field(repr=False)
    got_at_s: float
    idle_s: int | None = None


class Session:
    """*ask* sends `get_token` in plain text and returns the reply."""

    def __init__(
        self,
        ask: Callable[[], Mapping[str, Any]],
        password: str | None,
        clock: Callable[[], float],
    ) -> None:
        self._ask = ask
        self._password = password or DEFAULT_PASSWORD
        self._clock = clock
        self._token: Token | None = None
        self._used_at_s = 0.0
        self._left_alone_until_s = -1e9
        self._keep_again_s = -1e9
        self._locked: MinerLocked | None = None

    def token(self) -> Token:
        """Return a token that should hold; raise what stands in the way, without asking again."""
        if self._locked is not None:
            raise self._locked
        now_s = self._clock()
        if self._token is None or self._is_old(self._token, now_s):
            self._token = None
            self._token = self._renewed(now_s)
        self._used_at_s = now_s
        return self._token

    def keep(self) -> None:
        """Renew the token ahead of need, so that an urgent command does not wait for two hashes.

        What stands in the way is for the command to tell; it is tried again after some minutes.
        """
        now_s = self._clock()
        is_held = self._token is not None and not self._is_old(self._token, now_s)
        if is_held or self._locked is not None or now_s < self._keep_again_s:
            return
        try:
            self.token()
        except MinerError:
            self._keep_again_s = now_s + _BACK_OFF_S

    def drop(self) -> None:
        """Forget the token: the miner no longer takes it."""
        self._token = None

    def lock(self, error: MinerLocked) -> None:
        """Write no more: a person must act, and guessing on would lock the miner or its account."""
        self._locked = error

    def change_password(self, password: str) -> None:
        self._password = password
        self._token = None

    def back_off(self) -> None:
        """Ask for no token for some minutes: the miner has given out all it has."""
        self._left_alone_until_s = self._clock() + _BACK_OFF_S
        self._token = None

    def _is_old(self, token: Token, now_s: float) -> bool:
        if token.idle_s is None:
            return now_s - token.got_at_s > _RENEW_AFTER_S
        return token.idle_s > 0 and now_s - self._used_at_s > token.idle_s * _IDLE_SHARE

    def _renewed(self, now_s: float) -> Token:
        if now_s < self._left_alone_until_s:
            meaning = CODES[TOO_MANY_TOKENS]
            wait_s = self._left_alone_until_s - now_s
            raise MinerRefused(
                f"{meaning.message}: asking again in {wait_s:.0f} s; {meaning.remedy}",
                code=meaning.code,
            )
        told = self._ask().get("Msg")
        if not isinstance(told, dict) or not {"time", "salt", "newsalt"} <= told.keys():
            raise BadReply("get_token: the reply holds no time, salt and newsalt", str(told))
        try:
            key = cipher.key_of(self._password, str(told["salt"]))
            sign = cipher.sign_of(key, str(told["time"]), str(told["newsalt"]))
        except ValueError as error:
            raise BadReply(f"get_token: {error}", str(told)) from error
        idle_s = integer(told["timeout"]) if "timeout" in told else None
        return Token(key, sign, now_s, idle_s)
