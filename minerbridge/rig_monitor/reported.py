"""One reported miner: what is known of it, what is due, how its reports fare."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from minerbridge.model import MinerProfile, MinerReading
from minerbridge.rig_monitor import asic_report, rig_report
from minerbridge.rig_monitor.client import Question
from minerbridge.rig_monitor.expected import Conformer, Expectation
from minerbridge.rig_monitor.form import Report, rests
from minerbridge.settings import RigMiner

#: The server calls a miner offline after this; an older reading would call it back to life.
STALE_AFTER_S = 60.0
_UNREPORTED = "until it runs again it is not reported, and the server shows it offline"
FORMS = {"asic": ("/asic_miners", asic_report), "cpu_gpu": ("/cpu_gpu_miners", rig_report)}
FormName = Literal["asic", "cpu_gpu"]


@dataclass(frozen=True, slots=True)
class MonitorState:
    """What Home Assistant is told of one miner's reports.

    *working* None: not tried yet, or not possible while the miner is asleep.
    """

    working: bool | None
    reason: str
    expected_asic: Literal["on", "off"] | None
    expected_light: Literal["on", "off"] | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Post:
    """A body on its way; *reading* is what it was made of."""

    miner: ReportedMiner
    question: Question
    reading: MinerReading
    is_specification: bool


@dataclass(slots=True, eq=False)
class ReportedMiner:
    """Owned by the reporter's thread; *due_s* is when its next report may go."""

    miner_id: str
    settings: RigMiner
    due_s: float
    reading: MinerReading | None = None
    read_s: float = 0.0
    posted: MinerReading | None = None
    profile: MinerProfile | None = None
    accepted_specification: dict[str, Any] | None = None
    is_offline: bool = False
    working: bool | None = None
    reason: str = ""
    note: str = ""
    missing: str | None = None
    last_report_at: datetime | None = None
    last_error: str | None = None
    expected: Expectation = field(default_factory=Expectation)
    conformer: Conformer = field(default_factory=Conformer)
    told: tuple[Any, ...] | None = None
    waits_for_server: bool = False
    logged: str = ""

    @property
    def form(self) -> FormName:
        """Which form is the miner's: rigs are known by what they report or by the settings."""
        names = (self.settings.motherboard_name, self.settings.cpu_name)
        family = self.reading or self.profile
        parts = self.reading is not None and (self.reading.cpu or self.reading.gpus)
        is_rig = any(names) or parts or (family and family.family == "mining_platform")
        return "cpu_gpu" if is_rig else "asic"

    @property
    def explanation(self) -> str:
        """Everything that is to be said beside whether reports work."""
        said = (self.reason, self.note, self.conformer.problem)
        return "; ".join(text for text in said if text)

    def is_due(self, now_s: float) -> bool:
        """Whether there is something new to post, and it is time."""
        is_new = self.reading is not None and self.reading is not self.posted
        return is_new and not self.is_offline and now_s >= self.due_s and self.is_fresh(now_s)

    def is_fresh(self, now_s: float) -> bool:
        return self.reading is not None and now_s - self.read_s <= STALE_AFTER_S

    def post(self) -> Post | None:
        """Return what to post now: the specification first; None when a field is missing."""
        assert self.reading is not None
        path, form = FORMS[self.form]
        reading, profile, settings = self.reading, self.profile, self.settings
        specification: Report = form.specification(reading, profile, settings)
        values: Report = form.monitor_values(reading, profile, settings)
        self.missing = specification.missing or values.missing
        self.note = values.note
        if self.missing is not None:
            self.posted = reading  # the next reading may have it
            setting = specification.setting if specification.missing else values.setting
            is_set = not setting or getattr(settings, setting) is not None
            if rests(reading) and is_set:
                # At rest it tells less, which is no fault: nothing is made up to fill the form.
                self.working, self.waits_for_server = None, False
                self.reason = f"{reading.status}, it does not tell {self.missing}: {_UNREPORTED}"
            else:
                self.failed(_lack(self.missing, self.miner_id, setting))
            return None
        code = settings.api_code
        if specification.body != self.accepted_specification:
            question = Question("POST", f"{path}/specs", code, specification.body)
            return Post(self, question, reading, True)
        return Post(self, Question("POST", f"{path}/logs", code, values.body), reading, False)

    def accepted(self, post: Post, at: datetime, next_s: float) -> None:
        """Note that the server took *post*; after a specification the values follow at once."""
        if post.is_specification:
            self.accepted_specification = post.question.body
            return
        self.posted, self.due_s = post.reading, next_s
        self.working, self.reason, self.last_report_at = True, "", at
        self.waits_for_server = False

    def failed(self, reason: str, *, is_for_all: bool = False) -> None:
        """Note why reports fail; *is_for_all*: the server is away, which is no fault of it."""
        self.working, self.reason, self.last_error = False, reason, reason
        self.waits_for_server = is_for_all


def _lack(field: str, miner_id: str, setting: str) -> str:
    reason = f"{field} is missing: the device does not report it"
    return f"{reason}, nor is rig_monitor.miners.{miner_id}.{setting} set" if setting else reason
