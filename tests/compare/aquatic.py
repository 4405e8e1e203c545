"""aquatic_ws: built from crates.io; only settings that would close connections or drop messages are changed."""

import pathlib
import re
import socket
import subprocess
import time

from child import Child, Failed, run_tool, tail

VERSION = "0.9.0"
KEEP_SECONDS = 1800
READY_SECONDS_MAX = 30


class Aquatic:
    def __init__(self, cache, certificate=None):
        self.name = "aquatic_ws-tls" if certificate else "aquatic_ws"
        self.certificate = certificate
        # One folder per version.
        self.root = cache / f"aquatic-{VERSION}"
        self.binary = self.root / "bin/aquatic_ws"

    def prepare(self):
        if self.certificate:
            self.certificate.make()
        if self.binary.exists():
            return
        # Its default metrics need a version of the crate `metrics` that Rust 1.95 no longer compiles.
        features = ["--no-default-features", "--features", "mimalloc"]
        command = ["cargo", "install", "aquatic_ws", "--version", VERSION, "--locked", *features]
        places = ["--root", self.root, "--target-dir", self.root / "build"]
        run_tool(f"building aquatic_ws {VERSION}", [*command, *places])

    def start(self, log, cores):
        port = _free_port()
        settings = pathlib.Path(log).with_suffix(".toml")
        settings.write_text(self._settings(port))
        child = Child([self.binary, "-c", settings], log, cores)
        _wait_for_port(child, port)
        return child, f"{'wss' if self.certificate else 'ws'}://127.0.0.1:{port}/"

    def _settings(self, port):
        """Returns the default settings of the program with a few lines changed; all of them must exist."""
        printed = subprocess.run([self.binary, "-p"], capture_output=True, text=True, check=True)
        text = printed.stdout
        changes = {
            "address": f'"127.0.0.1:{port}"',
            "tcp_backlog": 4096,
            "websocket_max_frame_size": 65536,
            "max_peer_age": KEEP_SECONDS,
            "max_connection_idle": KEEP_SECONDS,
        }
        if self.certificate:
            changes |= {
                "enable_tls": "true",
                "tls_certificate_path": f'"{self.certificate.certificate}"',
                "tls_private_key_path": f'"{self.certificate.key}"',
            }
        for key, value in changes.items():
            text, changed = re.subn(rf"(?m)^{key} = .*$", f"{key} = {value}", text)
            if changed != 1:
                raise Failed(f"aquatic_ws has no setting {key}")
        return text


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_for_port(child, port):
    for _ in range(READY_SECONDS_MAX * 20):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if not child.alive():
                break
            time.sleep(0.05)
    child.stop()
    raise Failed(f"aquatic_ws does not listen on its port:\n{tail(child.log)}")
