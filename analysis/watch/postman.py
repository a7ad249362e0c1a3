"""The process that sends notices: it may be kept waiting, and ends when it is.

A chat or mail server is as foreign as any source. One that answers byte by byte would hold up the
watch, its outbox and every request to stop; so notices are sent by a child that has little
memory, and that is ended when a notice takes too long. Called by
`analysis.watch.notifications`. The child says ``ready``, reads one JSON document a line (``url``,
``title``, ``body``), and answers each with a line ``yes`` or ``no``.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from queue import Empty, SimpleQueue

from analysis import settings
from analysis.loaders.sandbox import environment, limit_memory

SECONDS = 20.0
"""For one notice; a shorter ``FAULTLINE_PATIENCE`` counts instead."""

_START = 60.0  # to import what sends; a busy machine takes a while
_CHILD = "from analysis.watch.postman import main; main()"

# What reaches a network from where the watch runs.
_NETWORK = (
    "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy",
    "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE",
)  # fmt: skip


class Postman:
    """Sends notices to one address, in a process that is begun with the first of them."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._child: subprocess.Popen[str] | None = None

    def send(self, title: str, body: str) -> bool:
        """Send a notice; False when the service did not take it in time."""
        child = self.begin()
        if child is None:
            return False
        line = json.dumps({"url": self._url, "title": title, "body": body})
        try:
            child.stdin.write(f"{line}\n")  # type: ignore[union-attr]
            child.stdin.flush()  # type: ignore[union-attr]
        except OSError:
            pass
        taken = self._heard(child, min(SECONDS, settings.request_timeout())) == "yes"
        if not taken:
            self.end()
        return taken

    def _heard(self, child: subprocess.Popen[str], seconds: float) -> str:
        """Next line of the child; blank when it has ended or takes too long."""
        answers: SimpleQueue[str] = SimpleQueue()
        reading = child.stdout
        assert reading is not None
        threading.Thread(target=lambda: answers.put(reading.readline()), daemon=True).start()
        try:
            return answers.get(timeout=seconds).strip()
        except Empty:
            return ""

    def end(self) -> None:
        """End the process, at once."""
        child, self._child = self._child, None
        if child is None:
            return
        with suppress(OSError):
            child.kill()
        child.wait()
        for stream in (child.stdin, child.stdout):
            if stream is not None:
                with suppress(OSError, ValueError):
                    stream.close()

    def begin(self) -> subprocess.Popen[str] | None:
        """Start the process unless it runs; None when it cannot be started."""
        if self._child is None or self._child.poll() is not None:
            self.end()
            try:
                self._child = subprocess.Popen(  # noqa: S603
                    # -P: modules of the current folder are not ours.
                    [sys.executable, "-P", "-c", _CHILD],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,  # what Apprise says may quote the URL
                    text=True,
                    env=environment(*_NETWORK),
                    start_new_session=True,  # Ctrl-C is for the watch, which lets a notice end
                )
            except OSError:
                return None
            if self._heard(self._child, _START) != "ready":
                self.end()
        return self._child


def main() -> None:
    """Send what comes, one after the other."""
    from apprise import Apprise, NotifyFormat

    limit_memory()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        # The watch may be gone when its child hangs: then the system ends it.
        if hasattr(signal, "alarm"):
            signal.alarm(int(SECONDS) + 5)
        notice = json.loads(line)
        taken = False
        with suppress(Exception):
            service = Apprise.instantiate(notice["url"], suppress_exceptions=True)
            taken = bool(
                service
                and service.notify(
                    body=notice["body"], title=notice["title"], body_format=NotifyFormat.TEXT
                )
            )
        sys.stdout.write("yes\n" if taken else "no\n")
        sys.stdout.flush()
        if hasattr(signal, "alarm"):
            signal.alarm(0)
