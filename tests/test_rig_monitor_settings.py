"""Where the monitor is, as an operator may write it."""

import pytest
from pydantic import ValidationError

from minerbridge.settings import RigMonitor


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("http://192.0.2.5:4000/api/v1", "http://192.0.2.5:4000/api/v1"),
        ("http://192.0.2.5:4000/api/v1/", "http://192.0.2.5:4000/api/v1"),
        ("http://192.0.2.5:4000", "http://192.0.2.5:4000/api/v1"),
        ("https://monitor.example.com/", "https://monitor.example.com/api/v1"),
        ("https://example.com/mining/api/v1", "https://example.com/mining/api/v1"),
    ],
)
def test_the_path_of_the_api_may_be_left_off(given, url):
    assert RigMonitor(url=given).url == url


@pytest.mark.parametrize(
    "bad",
    ["192.0.2.5:4000", "ftp://192.0.2.5", "http://", "http://user:word@192.0.2.5", "",
     "http://192.0.2.5/?code=1", "http://192.0.2.5/#top", "http://192.0.2.5:port", "http://[::1"],
)  # fmt: skip
def test_what_is_no_address_is_refused_with_an_example(bad):
    with pytest.raises(ValidationError, match="expected an address such as"):
        RigMonitor(url=bad)


def test_a_code_does_not_show():
    settings = RigMonitor.model_validate({"miners": {"m": {"api_code": "873337a5"}}})
    assert "873337a5" not in repr(settings)
