"""What takes long says so: lines that a library logs, shown on stderr."""

from __future__ import annotations

import logging

from sparring.cli import terminal


class Notes(logging.Handler):
    """Lines on stderr, above what is drawn there."""

    def emit(self, record: logging.LogRecord) -> None:
        """Show a line."""
        terminal.note(record.getMessage())


def say_what_takes_long() -> None:
    """Show what our own modules log, once, whoever else listens."""
    log = logging.getLogger("sparring")
    if not any(isinstance(handler, Notes) for handler in log.handlers):
        log.addHandler(Notes())
        log.setLevel(logging.INFO)
