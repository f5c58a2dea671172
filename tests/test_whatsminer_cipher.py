"""The ciphers of both APIs against values that other tools computed."""

import base64
import json
from pathlib import Path

import pytest

from minerbridge.miners.whatsminer import cipher

VECTORS = json.loads((Path(__file__).parent / "vectors/whatsminer.json").read_text())
COMMANDS = [(one, command) for one in VECTORS["v2"] for command in one["commands"]]
MESSAGES = [(one, message) for one in VECTORS["exchange"] for message in one["messages"]]


@pytest.mark.parametrize("vector", VECTORS["v2"], ids=lambda one: one["name"])
def test_key_sign_and_aes_key(vector):
    key = cipher.key_of(vector["admin_password"], vector["salt"])

    assert key == vector["key"]
    assert cipher.sign_of(key, vector["time"], vector["newsalt"]) == vector["sign"]
    assert cipher._aes_key(key).hex() == vector["aeskey_hex"]


def test_only_the_last_four_digits_of_the_time_count():
    assert cipher.sign_of("k", "1592555626", "jbzkfQls") == cipher.sign_of("k", "5626", "jbzkfQls")


@pytest.mark.parametrize(("vector", "command"), COMMANDS)
def test_what_is_sent(vector, command):
    assert cipher.encrypted(vector["key"], command["plaintext"]) == command["zero_min"]


@pytest.mark.parametrize("padding", ["zero_min", "zero_always", "pkcs7"])
@pytest.mark.parametrize(("vector", "command"), COMMANDS)
def test_any_filling_of_the_last_block_is_read(vector, command, padding):
    found = cipher.decrypted(vector["key"], command[padding])

    assert json.loads(found[: found.rindex("}") + 1]) == json.loads(command["plaintext"])


@pytest.mark.parametrize("vector", VECTORS["v2"], ids=lambda one: one["name"])
def test_a_reply_is_the_value_of_enc(vector):
    sealed = json.loads(vector["reply"]["zero_always"]["wire"])["enc"]

    assert cipher.decrypted(vector["key"], sealed).rstrip("\0") == vector["reply"]["plaintext"]


@pytest.mark.parametrize("vector", VECTORS["v2"], ids=lambda one: one["name"])
def test_the_old_text_protocol_uses_the_same_cipher(vector):
    text = vector["text_protocol"]
    sealed = text["zero_min"]["wire"].removeprefix("enc|")

    assert cipher.encrypted(vector["key"], text["plaintext"]) == sealed


@pytest.mark.parametrize("vector", VECTORS["exchange"])
def test_another_implementation_derives_the_same(vector):
    told = vector["get_token_reply"]
    told = (told if isinstance(told, dict) else json.loads(told))["Msg"]
    key = cipher.key_of(vector["password"], told["salt"])

    assert key == vector["key"]
    assert cipher.sign_of(key, told["time"], told["newsalt"]) == vector["sign"]


@pytest.mark.parametrize(("vector", "message"), MESSAGES)
def test_the_exchange_of_another_implementation(vector, message):
    found = cipher.decrypted(vector["key"], message["b64"])

    assert found == message["plaintext"] + "\0" * message["trailing_nul"]


def test_text_beyond_ascii_is_padded_by_its_bytes():
    sealed = cipher.encrypted("k", "ä" * 8)

    assert len(base64.b64decode(sealed)) == 16
    assert cipher.decrypted("k", sealed) == "ä" * 8


@pytest.mark.parametrize("text", ["no base64!", "QUJD"])
def test_what_cannot_be_decrypted_is_a_value_error(text):
    with pytest.raises(ValueError):  # noqa: PT011
        cipher.decrypted("k", text)


@pytest.mark.parametrize("vector", VECTORS["v3"], ids=lambda one: one["cmd"])
def test_v3_token(vector):
    digest = cipher.v3_digest(
        vector["cmd"], vector["account_password"], vector["salt"], vector["ts"]
    )

    assert digest.hex() == vector.get("sha256_hex", digest.hex())
    assert cipher.v3_token(digest) == vector["token"]


def test_v3_parameters_are_filled_by_pkcs7():
    vector = next(one for one in VECTORS["v3"] if "param_plain" in one)
    digest = cipher.v3_digest(
        vector["cmd"], vector["account_password"], vector["salt"], vector["ts"]
    )

    assert cipher.v3_encrypted(digest, vector["param_plain"]) == vector["param_pkcs7_b64"]
