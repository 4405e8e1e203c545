"""The compared servers: how to build or install each, and how to start it with enough capacity for the load.

Existing rate limits are raised instead of disabled, so that the cost of their accounting is measured.
"""

import os
import pathlib
import subprocess

from aquatic import Aquatic
from child import Child, Failed, run_tool
from tls import Certificate

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()
CACHE = TARGET / "compare"
READY_SECONDS_MAX = 30

READY = r"^tracker\s+(wss?://\S+)"
HUB_ARGUMENTS = """--interval 1800 --log-level warn
    --limits-messages-per-second 1000000 --limits-messages-burst 1000000
    --limits-offers-per-second 1000000 --limits-offers-burst 1000000
    --limits-offers-received-per-second 10000 --limits-offers-received-burst 100000
    --limits-bytes-per-second 4294967295 --limits-bytes-burst 4294967295""".split()


class Hub:
    """swarmhub: of this tree or another build."""

    def __init__(self, name="swarmhub", binary=None, workers=1, certificate=None):
        self.name = name
        self.workers = workers
        self.certificate = certificate
        self.given = binary
        self.binary = pathlib.Path(binary or TARGET / "release/swarmhub").resolve()

    def prepare(self):
        if self.given is None:
            command = ["cargo", "build", "--release", "--locked", "--bin", "swarmhub"]
            run_tool("building swarmhub", command, cwd=ROOT)
        elif not self.binary.exists():
            raise Failed(f"there is no {self.given}")
        if self.certificate:
            self.certificate.make()

    def start(self, log, cores, arguments=()):
        listen = ["--listen", "127.0.0.1:0"]
        if self.certificate:
            files = ["--tls-certificate", self.certificate.certificate, "--tls-key", self.certificate.key]
            listen = ["--listen", "tls+127.0.0.1:0", *files]
        # Older builds have no history.
        shown = subprocess.run([self.binary, "--help"], capture_output=True, text=True, check=False)
        history = ["--history", "off"] if "--history" in shown.stdout else []
        child = Child([self.binary, *listen, *HUB_ARGUMENTS, *arguments, *history, "--workers", self.workers], log, cores)
        return child, _ready(child)


class Floor:
    name = "floor"
    binary = CACHE / "floor/release/floor"

    def prepare(self):
        manifest = HERE / "floor/Cargo.toml"
        command = ["cargo", "build", "--release", "--locked", "--manifest-path", manifest]
        run_tool("building the floor", [*command, "--target-dir", CACHE / "floor"])

    def start(self, log, cores):
        child = Child([self.binary, "--listen", "127.0.0.1:0"], log, cores)
        return child, _ready(child)


class BittorrentTracker:
    name = "bittorrent-tracker"

    def prepare(self):
        # The version is that of the other tests, from their lock file.
        script = "exec 3>&1; . tests/tools/install.sh; npm_packages tests"
        run_tool("installing bittorrent-tracker", ["bash", "-euc", script], cwd=ROOT)

    def start(self, log, cores):
        child = Child(["node", HERE / "bittorrent-tracker.mjs"], log, cores)
        return child, _ready(child)


def _ready(child):
    try:
        return child.wait_for(READY, READY_SECONDS_MAX).group(1)
    except BaseException:
        child.stop()
        raise


ALL = [Floor(), Hub(), Aquatic(CACHE), BittorrentTracker()]
CERTIFICATE = Certificate(CACHE / "tls")
# Added by --tls for the chosen servers.
TLS = {"swarmhub": Hub("swarmhub-tls", certificate=CERTIFICATE), "aquatic_ws": Aquatic(CACHE, CERTIFICATE)}
