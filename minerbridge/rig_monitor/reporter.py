"""The thread that reports miners to the monitor and hears what it expects of them."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog

from minerbridge.errors import BridgeError, NotFound
from minerbridge.model import CommandResult, MinerCommand, MinerProfile, MinerReading
from minerbridge.rig_monitor.asking import expectations, questions_for
from minerbridge.rig_monitor.client import Answer, MonitorClient, Question
from minerbridge.rig_monitor.expected import Expectation
from minerbridge.rig_monitor.failures import MonitorError, ServerAway, ServerTrouble, WrongCode
from minerbridge.rig_monitor.inquiry import Inquiry
from minerbridge.rig_monitor.reported import STALE_AFTER_S, MonitorState, Post, ReportedMiner
from minerbridge.runtime import Mailbox, MailboxClosed, Service
from minerbridge.settings import RigMonitor

log = structlog.get_logger(__name__)

TICK_S = 0.25
#: The server calls a miner offline after a minute of silence.
LONGEST_INTERVAL_S = 50.0
RETRY_S = 5.0
#: A wrong code is mended by a person.
WRONG_CODE_RETRY_S = 300.0
POSTS_PER_TICK = 24
SOURCE = "rig_monitor"
STOPPING = ServerAway("the bridge is stopping")


@dataclass(frozen=True, slots=True)
class Outside:
    """What the reporter tells: states of reports, and commands where these are to be applied."""

    on_state: Callable[[str, MonitorState], None]
    submit: Callable[[MinerCommand], None]


class Reporter(Service):
    """Takes readings from any thread and keeps the newest of each miner until it is due.

    *clock* is monotonic. What is not named in the settings is not reported.
    """

    silence_s = 120.0

    def __init__(
        self,
        settings: RigMonitor,
        client: MonitorClient,
        outside: Outside,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__("rig-monitor")
        self._settings = settings
        self._client = client
        self._outside = outside
        self._clock = clock
        self._mailbox: Mailbox[Inquiry | Callable[[], None]] = Mailbox()
        now_s, spread_s = clock(), settings.report_interval_s / max(1, len(settings.miners))
        self.miners = {
            miner_id: ReportedMiner(miner_id, one, now_s + number * spread_s)
            for number, (miner_id, one) in enumerate(settings.miners.items())
        }
        self._ask_due_s = now_s
        self._away: ServerAway | None = None
        self._try_again_s = now_s

    # -- from any thread ---------------------------------------------------------------------

    def reading(self, reading: MinerReading) -> None:
        self._post(reading.miner_id, "reading", lambda miner: self._read(miner, reading))

    def profile(self, profile: MinerProfile) -> None:
        def keep(miner: ReportedMiner) -> None:
            miner.profile = profile

        self._post(profile.miner_id, "profile", keep)

    def availability(self, miner_id: str, online: bool, reason: str) -> None:
        """Take that a miner answers or not: a silent one is not reported."""
        self._post(miner_id, "online", lambda miner: self._met(miner, online, reason))

    def result(self, result: CommandResult) -> None:
        """Take how a command ended; those of others are none of its business."""
        if result.id.startswith(SOURCE) and result.status in ("rejected", "failed"):

            def note(miner: ReportedMiner) -> None:
                miner.conformer.failed(result.key, result.message)

            self._post(result.miner_id, result.key, note)

    def inquire(self, inquiry: Inquiry) -> None:
        """Ask the server something now; `Inquiry.outcome` waits for what it says."""
        try:
            self._mailbox.post(inquiry)
        except MailboxClosed:
            inquiry.answer([STOPPING])

    def miner(self, miner_id: str) -> ReportedMiner:
        try:
            return self.miners[miner_id]
        except KeyError:
            raise NotFound(f"{miner_id} is not under rig_monitor.miners") from None

    def asking(self) -> tuple[list[str], list[Question]]:
        """Return the ids of the ASICs to ask for, and the questions."""
        asked = [miner for miner in self.miners.values() if miner.form == "asic"]
        ids = [miner.miner_id for miner in asked]
        return ids, questions_for([miner.settings.api_code for miner in asked])

    def heard(self, ids: list[str], content: Any) -> dict[str, Expectation]:
        """Return what the answer to `asking` says of each."""
        codes = [self.miners[miner_id].settings.api_code for miner_id in ids]
        return dict(zip(ids, expectations(codes, content), strict=True))

    # -- the thread --------------------------------------------------------------------------

    def run(self) -> None:
        if self._settings.report_interval_s > LONGEST_INTERVAL_S:
            log.warning("rig_monitor_interval_too_long", hint="the server calls miners offline")
        next_s = self._clock()
        try:
            while not self.stopping.is_set():
                self.beat()
                self.take(max(0.0, next_s - self._clock()))
                if self._clock() >= next_s:
                    self.tick(self._clock())
                    next_s = self._clock() + TICK_S
        except MailboxClosed:
            pass
        finally:
            self._client.close()

    def wake(self) -> None:
        self._client.interrupt()
        for left in self._mailbox.close():
            if isinstance(left, Inquiry):
                left.answer([STOPPING])

    def take(self, timeout_s: float) -> None:
        """Do what was asked from other threads, waiting up to *timeout_s* for the first."""
        work = self._mailbox.take(timeout_s)
        while work is not None:
            if isinstance(work, Inquiry):
                work.answer(self._client.exchange(work.questions))
            else:
                self._guarded(work)
            work = self._mailbox.take(0)

    def tick(self, now_s: float) -> None:
        """Post what is due at *now_s* (monotonic) and ask what is expected."""
        posts = self._due_posts(now_s) if now_s >= self._try_again_s else []
        ids: list[str] = []
        asking: list[Question] = []
        if now_s >= max(self._ask_due_s, self._try_again_s):
            self._ask_due_s = now_s + self._settings.status_interval_s
            ids, asking = self.asking()
        answers = self._client.exchange([*asking, *(post.question for post in posts)])
        if self.stopping.is_set():
            return
        self._note_reach(answers, now_s)
        for answer in answers[: len(asking)]:
            self._guarded(lambda answer=answer: self._hear(ids, answer, now_s))  # type: ignore[misc]  # binds the loop variable
        for post, answer in zip(posts, answers[len(asking) :], strict=True):
            self._guarded(lambda post=post, answer=answer: self._settle(post, answer, now_s))  # type: ignore[misc]  # binds the loop variables
        for miner in self.miners.values():
            self._tell(miner, now_s)

    # -- inside ------------------------------------------------------------------------------

    def _post(self, miner_id: str, kind: str, work: Callable[[ReportedMiner], None]) -> None:
        miner = self.miners.get(miner_id)
        if miner is not None:
            with suppress(MailboxClosed):
                self._mailbox.post(lambda: work(miner), key=(miner_id, kind))

    def _read(self, miner: ReportedMiner, reading: MinerReading) -> None:
        miner.reading, miner.read_s, miner.is_offline = reading, self._clock(), False

    def _met(self, miner: ReportedMiner, online: bool, reason: str) -> None:
        miner.is_offline = not online
        if not online:
            miner.failed(f"the miner does not answer: {reason}")

    def _due_posts(self, now_s: float) -> list[Post]:
        """Return the next posts, longest due first; while the server is away, one as a probe."""
        due = [miner for miner in self.miners.values() if miner.is_due(now_s)]
        due.sort(key=lambda miner: miner.due_s)
        posts: list[Post] = []
        for miner in due:
            if len(posts) == (1 if self._away else POSTS_PER_TICK):
                break
            post = miner.post()
            if post is not None:
                posts.append(post)
        return posts

    def _note_reach(self, answers: list[Answer | MonitorError], now_s: float) -> None:
        """Note whether the server is there at all: then nobody else asks until it is tried."""
        away = [answer for answer in answers if isinstance(answer, ServerAway)]
        if answers and len(away) == len(answers):
            if self._away is None:
                log.warning("rig_monitor_away", url=self._client.url, reason=str(away[0]))
            self._away, self._try_again_s = away[0], now_s + RETRY_S
        elif answers:
            if self._away is not None:
                log.info("rig_monitor_back", url=self._client.url)
            self._away = None

    def _settle(self, post: Post, answer: Answer | MonitorError, now_s: float) -> None:
        miner = post.miner
        interval_s = self._settings.report_interval_s
        if isinstance(answer, Answer) and answer.content is not None:
            answer = ServerTrouble("it answers, but not as a Mining Rig Monitor does")
        if isinstance(answer, Answer):
            miner.accepted(post, datetime.now(UTC), now_s + interval_s)
            return
        miner.failed(str(answer), is_for_all=self._away is not None)
        retry_s = RETRY_S if isinstance(answer, ServerTrouble) else interval_s
        miner.due_s = now_s + (WRONG_CODE_RETRY_S if isinstance(answer, WrongCode) else retry_s)

    def _hear(self, ids: list[str], answer: Answer | MonitorError, now_s: float) -> None:
        """Note what is expected, and bring the miners there; without an answer nothing is."""
        content = answer.content if isinstance(answer, Answer) else None
        for miner_id, expected in self.heard(ids, content).items():
            miner = self.miners[miner_id]
            miner.expected = expected
            if self._settings.apply_expected_status:
                self._conform(miner, now_s)

    def _conform(self, miner: ReportedMiner, now_s: float) -> None:
        if miner.reading is None or miner.profile is None or miner.is_offline:
            return
        if not miner.is_fresh(now_s):
            return
        commands = miner.profile.commands
        for step in miner.conformer.steps(miner.expected, miner.reading, commands, now_s):
            command = MinerCommand(
                miner.miner_id, step.command, f"{SOURCE}-{uuid.uuid4().hex[:12]}", step.command,
                step.parameters, dict(step.parameters) or None, source=SOURCE,
            )  # fmt: skip
            log.info("rig_monitor_applies", miner_id=miner.miner_id, command=step.command)
            try:
                self._outside.submit(command)
            except BridgeError as error:
                miner.conformer.failed(step.command, str(error))

    def _tell(self, miner: ReportedMiner, now_s: float) -> None:
        if self._away is not None and miner.is_due(now_s):
            miner.failed(str(self._away), is_for_all=True)
        if miner.working and not miner.is_fresh(now_s):
            miner.failed(f"no reading for more than {STALE_AFTER_S:g} s")
        said = (miner.working, miner.explanation, miner.expected)
        if said != miner.told:
            miner.told = said
            self._log(miner)
            state = MonitorState(
                miner.working, miner.explanation,
                miner.expected.asic, miner.expected.light, datetime.now(UTC),
            )  # fmt: skip
            self._guarded(lambda: self._outside.on_state(miner.miner_id, state))

    def _log(self, miner: ReportedMiner) -> None:
        """Say what is wrong with one miner once; a server that is away is said for all."""
        if miner.waits_for_server:
            return
        if miner.working is False and miner.reason != miner.logged:
            miner.logged = miner.reason
            log.warning("rig_monitor_fails", miner_id=miner.miner_id, reason=miner.reason)
        elif miner.working and miner.logged:
            miner.logged = ""
            log.info("rig_monitor_works", miner_id=miner.miner_id)

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception:
            log.exception("rig_monitor_failed")
