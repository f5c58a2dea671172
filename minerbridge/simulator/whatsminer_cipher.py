"""The miner's side of both APIs' ciphers."""

from __future__ import annotations

import base64
import binascii
import hashlib
from functools import lru_cache

from Crypto.Cipher import AES
from Crypto.Util.Padding import pad, unpad
from passlib.hash import md5_crypt

BLOCK_BYTES = 16


class NotBase64Error(ValueError):
    """The text is not what base64 makes."""


@lru_cache(maxsize=512)
def md5crypt(text: str, salt: str) -> str:
    """Return the last field of what ``openssl passwd -1`` prints."""
    return str(md5_crypt.using(salt=salt).hash(text)).rsplit("$", 1)[1]


def sign(key: str, newsalt: str, time: str) -> str:
    """Return the token a client must show."""
    return md5crypt(key + time[-4:], newsalt)


def encrypted(key: str, plain: bytes) -> str:
    """Pad with zeros, encrypt, and write as base64."""
    padded = plain + bytes(-len(plain) % BLOCK_BYTES)
    return _base64(AES.new(_aes_key(key), AES.MODE_ECB).encrypt(padded))


def decrypted(key: str, data: str) -> bytes:
    """Return the text without its padding; clients pad with zeros or as PKCS#7 says."""
    plain = bytes(AES.new(_aes_key(key), AES.MODE_ECB).decrypt(_blocks(data))).rstrip(b"\0")
    end = plain[-1] if plain else 0
    is_padded = 0 < end <= BLOCK_BYTES and plain.endswith(bytes([end]) * end)
    return plain[:-end] if is_padded else plain


def v3_digest(command: str, password: str, salt: str, time_s: int) -> bytes:
    """Return the AES key of a v3 write; its base64 begins with the token."""
    return hashlib.sha256(f"{command}{password}{salt}{time_s}".encode()).digest()


def v3_token(digest: bytes) -> str:
    return _base64(digest)[:8]


def v3_encrypted(digest: bytes, plain: bytes) -> str:
    return _base64(AES.new(digest, AES.MODE_ECB).encrypt(pad(plain, BLOCK_BYTES)))


def v3_decrypted(digest: bytes, data: str) -> bytes:
    plain = bytes(AES.new(digest, AES.MODE_ECB).decrypt(_blocks(data)))
    try:
        return bytes(unpad(plain, BLOCK_BYTES))
    except ValueError:
        return plain.rstrip(b"\0")  # some clients pad with zeros, and are understood


def _blocks(data: str) -> bytes:
    try:
        found = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NotBase64Error("not base64") from error
    if not found or len(found) % BLOCK_BYTES:
        raise ValueError("not whole blocks")
    return found


def _aes_key(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
