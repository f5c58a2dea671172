"""What requests about the Mining Rig Monitor are answered with."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from minerbridge.blanking import BLANK, blanked
from minerbridge.errors import InvalidValue, Unsupported
from minerbridge.mqtt.requests import Answerer
from minerbridge.request_fields import page
from minerbridge.rig_monitor.asking import questions_for
from minerbridge.rig_monitor.client import Question
from minerbridge.rig_monitor.expected import Expectation
from minerbridge.rig_monitor.failures import ServerTrouble
from minerbridge.rig_monitor.inquiry import Inquiry
from minerbridge.rig_monitor.reported import ReportedMiner
from minerbridge.rig_monitor.reporter import Reporter

if TYPE_CHECKING:
    from minerbridge.settings import Settings

_PASSWORD_ARGUMENT = re.compile(r"((?:^|\s)(?:--pass(?:word)?|-p)[ =]+)\S+")
PLAYBOOKS = "/cpu_gpu_miners/playbooks"
#: What asks the server, which may take its time or hang.
SLOW_REQUESTS = frozenset({"rig-monitor/expected", "rig-monitor/playbooks"})


class RigMonitorAnswers:
    """One method per request; *reporter* is None where no server is set."""

    def __init__(self, settings: Settings, reporter: Reporter | None) -> None:
        self._settings = settings
        self._reporter = reporter

    def table(self) -> dict[str, Answerer]:
        return {
            "rig-monitor/expected": self.expected,
            "rig-monitor/playbooks": self.playbooks,
            "rig-monitor/status": self.status,
        }

    def expected(self, document: dict[str, Any]) -> Any:
        """Ask the server now what it expects, of one miner or of all."""
        reporter = self._running()
        if document.get("miner_id") is None:
            ids, questions = reporter.asking()
        else:
            miner = self._named(document)
            if miner.form != "asic":
                raise Unsupported(f"{miner.miner_id}: the monitor expects nothing of CPU/GPU rigs")
            ids = [miner.miner_id]
            questions = questions_for([miner.settings.api_code])
        found: dict[str, Expectation] = {}
        if questions:
            found = reporter.heard(ids, self._ask(questions))
        rows = [
            {"miner_id": i, "asic_expected_status": e.asic, "light_expected_status": e.light}
            for i, e in found.items()
        ]
        return page("miners", rows, document)

    def playbooks(self, document: dict[str, Any]) -> Any:
        """Ask for a rig's playbooks; the programs they name are never fetched."""
        miner = self._named(document)
        if miner.form != "cpu_gpu":
            raise Unsupported(f"{miner.miner_id}: playbooks are for CPU/GPU rigs")
        found = self._ask([Question("GET", PLAYBOOKS, miner.settings.api_code)])
        if not isinstance(found, list):
            raise ServerTrouble("the server's playbooks are no list")
        if not self._settings.publish_pool_users:
            found = [_without_wallets(playbook) for playbook in found]
        return {"miner_id": miner.miner_id, **page("playbooks", found, document)}

    def status(self, document: dict[str, Any]) -> Any:
        """Tell how reports fare, from memory."""
        reporter = self._reporter
        rows = [_row(miner) for miner in reporter.miners.values()] if reporter else []
        url = self._settings.rig_monitor.url
        applies = self._settings.rig_monitor.apply_expected_status
        shared = {"url": url, "apply_expected_status": applies}
        return {**shared, **page("miners", rows, document)}

    # -- inside ------------------------------------------------------------------------------

    def _running(self) -> Reporter:
        if self._reporter is None:
            raise Unsupported("no Mining Rig Monitor is set: rig_monitor.url and .miners")
        return self._reporter

    def _named(self, document: dict[str, Any]) -> ReportedMiner:
        miner_id = document.get("miner_id")
        if not isinstance(miner_id, str):
            raise InvalidValue("miner_id is missing")
        return self._running().miner(miner_id[:64])

    def _ask(self, questions: list[Question]) -> Any:
        inquiry = Inquiry(questions)
        self._running().inquire(inquiry)
        return inquiry.outcome().content


def _row(miner: ReportedMiner) -> dict[str, Any]:
    return {
        "miner_id": miner.miner_id,
        "form": miner.form,
        "working": miner.working,
        "reason": miner.explanation,
        "missing_field": miner.missing,
        "last_report_at": miner.last_report_at,
        "last_error": miner.last_error,
        "expected_asic": miner.expected.asic,
        "expected_light": miner.expected.light,
    }


def _without_wallets(playbook: Any) -> Any:
    """Blank a playbook's wallets and passwords wherever they stand, in its command line too."""
    if not isinstance(playbook, dict):
        return blanked(playbook)
    wallets = {str(value) for key, value in playbook.items() if "wallet" in str(key) and value}
    clean = blanked(playbook, users=wallets)
    line = clean.get("command_argument")
    if isinstance(line, str):
        clean["command_argument"] = _PASSWORD_ARGUMENT.sub(rf"\1{BLANK}", line)
    return clean
