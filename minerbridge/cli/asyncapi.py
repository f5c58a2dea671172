"""`minerbridge asyncapi`: prints the AsyncAPI document of every topic."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import yaml

from minerbridge.asyncapi.document import document
from minerbridge.settings_load import load

WIDTH = 100


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-c", "--config", type=Path, metavar="FILE",
        help="take topics, site, broker and miners from these settings; else the defaults",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print JSON instead of YAML")


def run(options: argparse.Namespace) -> int:
    settings = None if options.config is None else load(options.config)
    found = document(settings)
    print(as_json(found) if options.json else as_yaml(found), end="")
    return 0


def as_json(found: dict[str, Any]) -> str:
    return json.dumps(found, ensure_ascii=False, indent=2) + "\n"


def as_yaml(found: dict[str, Any]) -> str:
    """Return the same text for the same document, without YAML's aliases."""
    return yaml.dump(found, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=WIDTH)


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  the signature is theirs
        return True
