"""An agent in a process of its own for tests; argv[1] is what a person would do at its dialog, as JSON.

`answers` is what is typed for each reader or token, `deaf` lists those where nobody answers, `asked` is a file that
gets a line of JSON for every question.
"""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path
from typing import Any

from cardcore import Secret
from csp_frontend import agent_log, configuration
from csp_frontend.agent_process import AgentProcess, log_path
from csp_frontend.prompts import PinRequest


class PlayedPerson:
    """A dialog that answers by reader."""

    def __init__(self, script: dict[str, Any]) -> None:
        self._answers: dict[str, str] = script.get("answers", {})
        self._deaf: list[str] = script.get("deaf", [])
        self._asked = Path(script["asked"])
        self._lock = threading.Lock()

    def ask(self, request: PinRequest) -> Secret | None:
        """Note the question, answer it."""
        with self._lock, self._asked.open("a", encoding="utf-8") as file:
            client = request.claimed or request.client
            told = {"reader": request.reader, "client": client, "label": request.label, "text": request.text}
            file.write(json.dumps(told) + "\n")
        if request.reader in self._deaf:
            threading.Event().wait()
        answer = self._answers.get(request.reader)
        return None if answer is None else Secret(answer.encode())


def main() -> None:
    """Serve until somebody ends it."""
    chosen = configuration.load()
    agent_log.start(log_path(), chosen.log_level)
    AgentProcess(chosen, PlayedPerson(json.loads(sys.argv[1]))).run()


if __name__ == "__main__":
    main()
