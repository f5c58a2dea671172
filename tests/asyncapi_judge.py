"""Holds what is said on topics against the document: which channel, and does its schema take it."""

import json
import re
from datetime import datetime

from jsonschema import Draft7Validator, FormatChecker

FORMATS = FormatChecker(formats=())


@FORMATS.checks("date-time", raises=ValueError)
def _is_time(value):
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


class Judge:
    """Knows every channel of a document; those without parameters are asked first."""

    def __init__(self, document):
        self.document = document
        self._retained = {
            one["channel"]["$ref"].rpartition("/")[2]
            for one in document["operations"].values()
            if one["bindings"]["mqtt"].get("retain")
        }
        #: What others say may be wrong: that is what refusals are for.
        self.heard_by_the_bridge = {
            one["channel"]["$ref"].rpartition("/")[2]
            for one in document["operations"].values()
            if one["action"] == "receive"
        }
        channels = sorted(
            document["channels"].items(), key=lambda one: one[1]["address"].count("{")
        )
        self._channels = [(name, self._pattern(one["address"])) for name, one in channels]

    def _pattern(self, address):
        parts = re.split(r"(\{\w+\})", address)
        words = [self._values(one[1:-1]) if one[:1] == "{" else re.escape(one) for one in parts]
        return re.compile("".join(words))

    def _values(self, parameter):
        if parameter == "n":
            return r"[1-9]\d*"
        ids = self.document["components"]["parameters"][parameter].get("enum")
        if ids is not None:
            return "|".join(map(re.escape, ids)).join(("(?:", ")"))
        # A request that does not exist may have any number of levels.
        return ".+" if parameter == "request" else "[^/]+"

    def channel(self, topic):
        """Return the name of the channel of *topic*; None: it is not in the document."""
        return next((name for name, one in self._channels if one.fullmatch(topic)), None)

    def messages(self, channel):
        return list(self.document["channels"][channel]["messages"])

    def faults(self, message, payload):
        """Return what is wrong with *payload*, as text or as a document, as one of *message*."""
        schema = self.document["components"]["messages"][message]["payload"]
        whole = {"allOf": [schema], "components": self.document["components"]}
        errors = Draft7Validator(whole, format_checker=FORMATS).iter_errors(payload)
        return [f"{one.json_path}: {one.message[:300]}" for one in errors]

    def verdict(self, topic, text):
        """Return why what the bridge says on *topic* is not as documented; None: it is."""
        channel = self.channel(topic)
        if channel is None:
            return f"{topic}: in no channel"
        if channel in self.heard_by_the_bridge or (not text and channel in self._retained):
            return None
        found = []
        for name in self.messages(channel):
            faults = self._faults_of_text(name, text)
            if not faults:
                return None
            found += [f"{name}: {one}" for one in faults]
        return f"{topic}: {found}"

    def _faults_of_text(self, name, text):
        if self.document["components"]["messages"][name]["contentType"] == "text/plain":
            return self.faults(name, text)
        try:
            return self.faults(name, json.loads(text))
        except ValueError:
            return ["no JSON"]
