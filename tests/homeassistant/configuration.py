"""The configuration directory of a Home Assistant that only listens on loopback."""

import json

YAML = """\
homeassistant:
  name: Test
  latitude: 50.0
  longitude: 8.0
  elevation: 100
  unit_system: metric
  currency: EUR
  country: DE
  time_zone: UTC
  internal_url: http://127.0.0.1:{port}
  external_url: http://127.0.0.1:{port}
{http}
api:
websocket_api:
config:
onboarding:
frontend:
recorder:
  commit_interval: 1
history:
energy:
logger:
  default: warning
"""
HTTP_YAML = "http: {{server_host: 127.0.0.1, server_port: {port}}}"
# The steps that remain would load integrations that ask the internet.
ONBOARDING = {"done": ["core_config", "analytics", "integration"]}


def http_storage(port):
    """Since 2026.8 YAML is a trial of five minutes; what is stored stays."""
    stable = {
        "server_host": ["127.0.0.1"],
        "server_port": port,
        "cors_allowed_origins": [],
        "login_attempts_threshold": -1,
        "ip_ban_enabled": False,
        "ssl_profile": "modern",
        "use_x_frame_options": True,
    }
    return {"stable": stable, "pending": None, "yaml_migration_done": True}


def write_configuration(directory, port, *, http_is_stored):
    storage = directory / ".storage"
    storage.mkdir(parents=True)
    http = "" if http_is_stored else HTTP_YAML.format(port=port)
    (directory / "configuration.yaml").write_text(YAML.format(port=port, http=http))
    _store(storage, "onboarding", 4, ONBOARDING)
    if http_is_stored:
        _store(storage, "http", 2, http_storage(port))


def _store(storage, key, version, content):
    record = {"version": version, "minor_version": 1, "key": key, "data": content}
    (storage / key).write_text(json.dumps(record))
