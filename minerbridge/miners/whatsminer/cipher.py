"""The ciphers of both WhatsMiner APIs, and nothing else: no socket, no clock."""

from __future__ import annotations

import base64
import binascii
import hashlib

from Crypto.Cipher import AES
from passlib.hash import md5_crypt

_BLOCK = AES.block_size


def key_of(password: str, salt: str) -> str:
    """Return the fourth field of MD5-crypt; the manual leaves out the cut in one of two places."""
    return _md5_crypt(password, salt)


def sign_of(key: str, time: str, newsalt: str) -> str:
    """Return what a request carries as its token; only the last four digits of *time* count."""
    return _md5_crypt(key + time[-4:], newsalt)


def encrypted(key: str, text: str) -> str:
    """Return base64 on one line; zeros fill the last block and none follow a full one."""
    raw = text.encode()
    padded = raw + bytes(-len(raw) % _BLOCK)
    sealed: bytes = _aes(_aes_key(key)).encrypt(padded)
    return base64.b64encode(sealed).decode()


def decrypted(key: str, text: str) -> str:
    """Return the text with whatever fills its last block; raise ValueError when it is none."""
    try:
        raw = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"no base64: {error}") from error
    opened: bytes = _aes(_aes_key(key)).decrypt(raw)
    return opened.decode("utf-8", "replace")


def v3_digest(command: str, password: str, salt: str, at_s: int) -> bytes:
    """Return what the token of a v3 write is cut from; it is its AES key, too."""
    return hashlib.sha256(f"{command}{password}{salt}{at_s}".encode()).digest()


def v3_token(digest: bytes) -> str:
    return base64.b64encode(digest).decode()[:8]


def v3_encrypted(digest: bytes, text: str) -> str:
    """Return base64; unlike v2, the number of missing bytes fills the last block (PKCS#7)."""
    raw = text.encode()
    missing = _BLOCK - len(raw) % _BLOCK
    return base64.b64encode(_aes(digest).encrypt(raw + bytes([missing]) * missing)).decode()


def _md5_crypt(secret: str, salt: str) -> str:
    return str(md5_crypt.using(salt=salt).hash(secret)).split("$")[3]


def _aes_key(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def _aes(key: bytes):  # type: ignore[no-untyped-def]  # noqa: ANN202  # the library has no public name for it
    return AES.new(key, AES.MODE_ECB)
