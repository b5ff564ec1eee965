"""A headless Chromium to look at pages with, driven through its debugging pipe; no driver needed."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)


def find_chromium() -> str:
    """Give Chromium's path; without it skip the test by name, or fail where it must be there."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    if os.environ.get("CI"):
        pytest.fail("needs Chromium")
    pytest.skip("needs Chromium")


class Browser:
    """One page of a headless Chromium; it remembers every request and everything written to the console."""

    def __init__(self) -> None:
        self._profile = tempfile.mkdtemp(prefix="convscope-chromium-")
        commands, self._to = os.pipe()
        self._from, answers = os.pipe()

        def connect() -> None:  # Chromium reads commands from 3 and writes answers to 4
            first, second = os.dup(commands), os.dup(answers)
            os.dup2(first, 3)
            os.dup2(second, 4)

        flags = [*FLAGS, f"--user-data-dir={self._profile}", "about:blank"]
        self._process = subprocess.Popen(
            [find_chromium(), *flags], preexec_fn=connect, close_fds=False, stderr=subprocess.DEVNULL
        )
        os.close(commands)
        os.close(answers)
        self._buffer, self._id, self._session = b"", 0, ""
        self.requests: list[str] = []
        self.complaints: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and wait for its answer."""
        self._id += 1
        message = {"id": self._id, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._id:
                assert "error" not in answer, answer
                return dict(answer["result"])

    def open(self, path: Path, *, width: int, dark: bool = False, paper: bool = False) -> None:
        """Load a file at a window width, with the light or the dark theme, for screen or paper."""
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.call("Emulation.setEmulatedMedia", media="print" if paper else "screen", features=scheme)
        self.resize(width)
        self.call("Page.navigate", url=path.resolve().as_uri())
        while self._next().get("method") != "Page.loadEventFired":
            pass

    def resize(self, width: int) -> None:
        """Make the window as wide as this, without loading the page again."""
        window = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **window)

    def evaluate(self, expression: str) -> Any:
        """Give the value of a JavaScript expression on the page."""
        return self.call("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def faults(self) -> list[dict[str, Any]]:
        """Let axe-core judge how the page serves those who do not see it or use no mouse."""
        import axe_core_python

        self.evaluate((Path(axe_core_python.__file__).parent / "axe.min.js").read_text("utf-8"))
        run = "axe.run({resultTypes: ['violations']}).then(found => JSON.stringify(found.violations.map("
        run += "v => ({id: v.id, impact: v.impact, first: v.nodes[0].html.slice(0, 200)}))))"
        answer = self.call("Runtime.evaluate", expression=run, awaitPromise=True, returnByValue=True)
        found: list[dict[str, Any]] = json.loads(answer["result"]["value"])
        return found

    def screenshot(self, path: Path) -> None:
        """Write the whole page as a PNG file."""
        data = self.call("Page.captureScreenshot", captureBeyondViewport=True)["data"]
        path.write_bytes(base64.b64decode(data))

    def close(self) -> None:
        """End the browser and remove its profile."""
        self._session = ""
        self.call("Browser.close")
        self._process.wait(timeout=30)
        os.close(self._to)
        os.close(self._from)
        shutil.rmtree(self._profile, ignore_errors=True)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            read = os.read(self._from, 1 << 20)
            assert read, "Chromium ended"
            self._buffer += read
        message, _, self._buffer = self._buffer.partition(b"\0")
        event: dict[str, Any] = json.loads(message)
        parameters = event.get("params", {})
        if event.get("method") == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])
        if event.get("method") in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"):
            self.complaints.append(json.dumps(parameters)[:500])
        return event
