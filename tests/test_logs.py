"""Log lines: no secret in them, no variables in tracebacks, one form for all."""

import io
import json
import subprocess
import sys
from typing import Any

import pytest
import structlog

from minerbridge.logs import HIDDEN, redact, set_up

SCRIPT = """
import logging, structlog
from minerbridge import logs
logs.set_up("info", {form!r})
log = structlog.get_logger("x")
log.debug("unseen")
log.info("miner_online", miner_id="m", password="hunter2", pool="stratum+tcp://me:hunter2@pool:1")
logging.getLogger("library").info("unseen")
logging.getLogger("library").warning("GET http://me:hunter2@host/")
def fail(password):
    raise ValueError("http://me:hunter2@host/ is bad")
try:
    fail("hunter" + str(3))
except ValueError:
    log.exception("poll_failed")
"""


@pytest.fixture(scope="module", params=["console", "json"])
def form(request):
    return request.param


@pytest.fixture(scope="module")
def output(form):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(form=form)], capture_output=True, text=True, check=True
    )
    assert done.stdout == ""
    return done.stderr


def test_no_secret_is_in_a_line(output):
    assert "hunter2" not in output
    assert HIDDEN in output


def test_a_traceback_shows_no_variables(output):
    assert "Traceback" in output
    assert "ValueError: http://" in output
    assert "hunter3" not in output


def test_what_is_below_the_level_is_left_out(output):
    assert "unseen" not in output
    assert "GET http://" in output


def test_in_json_every_line_is_an_object(form, output):
    if form == "json":
        lines = [json.loads(line) for line in output.splitlines()]
        events = ["miner_online", f"GET http://{HIDDEN}@host/", "poll_failed"]
        assert [line["event"] for line in lines] == events
        assert {"level", "timestamp"} <= set(lines[1])
    else:
        assert output.splitlines()[0].endswith(f"pool=stratum+tcp://{HIDDEN}@pool:1")


@pytest.mark.parametrize(
    "key", ["password", "mqtt_password", "Pass", "pwd", "secret", "token", "api_code", "apikey"]
)
def test_keys_that_name_a_secret_hide_their_value(key):
    assert redact(None, "", {key: "x"}) == {key: HIDDEN}


@pytest.mark.parametrize("key", ["passed", "reason", "key", "compass_rose"])
def test_other_keys_keep_theirs(key):
    assert redact(None, "", {key: "x"}) == {key: "x"}


def test_secrets_are_hidden_at_any_depth():
    event = {"facts": {"pwd": "x", "list": [{"token": 1}, "tcp://a:b@c"], "n": 5}}
    assert redact(None, "", event) == {
        "facts": {"pwd": HIDDEN, "list": [{"token": HIDDEN}, f"tcp://{HIDDEN}@c"], "n": 5}
    }


def test_what_is_logged_is_not_changed():
    facts = {"password": "x"}
    redact(None, "", {"facts": facts})
    assert facts == {"password": "x"}


def test_lines_go_to_where_standard_error_is_now(monkeypatch):
    monkeypatch.setattr(structlog, "configure", lambda **facts: kept.update(facts))
    monkeypatch.setattr("logging.basicConfig", lambda **facts: None)
    kept: dict[str, Any] = {}
    set_up()
    logger = kept["logger_factory"]()
    for _ in range(2):
        now = io.StringIO()
        monkeypatch.setattr(sys, "stderr", now)
        logger.msg("line")
        assert now.getvalue() == "line\n"
