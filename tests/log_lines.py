"""Log lines of one module, kept for a test, whatever other tests have configured."""


class LogLines:
    """In place of a module's `log`: every call is kept as (level, event, facts)."""

    def __init__(self):
        self.lines = []

    def __getattr__(self, level):
        return lambda event, **facts: self.lines.append((level, event, facts))

    def events(self):
        return [event for _, event, _ in self.lines]


def keep(monkeypatch, module):
    """Replace the `log` of *module*; return what will be logged there."""
    lines = LogLines()
    monkeypatch.setattr(module, "log", lines)
    return lines
