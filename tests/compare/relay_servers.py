"""The compared TURN servers: how to install and start each, with limits raised above the load instead of disabled."""

import socket
import subprocess
import time
from contextlib import contextmanager
from urllib.parse import urlsplit

from child import Child, Failed, tail
from servers import HUB_ARGUMENTS, ROOT, Hub
from turn import is_ready

ADDRESS = "127.0.0.1"
SECRET = "the-secret-of-the-comparison"
READY_SECONDS_MAX = 15

# Addresses of this machine are not exempt from limits.
RELAY_ARGUMENTS = f"""--ice-turn --ice-turn-secret {SECRET} --limits-exempt 192.0.2.0/24
    --limits-stun-per-second 10000000 --limits-address-stun-per-second 1000000 --limits-address-stun-burst 1000000
    --ice-turn-allocations-max 64512 --ice-turn-address-allocations-max 65535
    --ice-turn-bytes-per-second 100000000000 --ice-turn-address-bytes-per-second 100000000000
    --ice-turn-user-bytes-per-second 10000000000""".split()


class Swarmhub:
    """The built-in relay, with one worker."""

    name = "swarmhub"

    def __init__(self, binary=None):
        self.hub = Hub(binary=binary)

    def prepare(self):
        self.hub.prepare()

    @contextmanager
    def start(self, log, cores):
        child, url = self.hub.start(log, cores, RELAY_ARGUMENTS)
        with child:
            yield child, (ADDRESS, urlsplit(url).port)


class Coturn:
    """Debian's coturn, with one relay thread."""

    name = "coturn"

    def prepare(self):
        # The same as that of the other tests.
        script = 'exec 3>&2; : "${TESTS_TARGET:=$PWD/target}"; . tests/tools/install.sh; install_coturn; echo "${COTURN:-$(type -P turnserver)}"'
        found = subprocess.run(["bash", "-euc", script], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
        self.program = found.stdout.strip().split("\n")[-1]
        if found.returncode or not self.program:
            raise Failed("coturn is missing")

    @contextmanager
    def start(self, log, cores):
        address = (ADDRESS, _free_port())
        files = [f"--pidfile={log}.pid", f"--userdb={log}.sqlite", "--log-file=stdout"]
        # Both clients are on this machine, and so are their relayed addresses.
        listen = [f"--listening-ip={ADDRESS}", f"--relay-ip={ADDRESS}", f"--listening-port={address[1]}", "--allow-loopback-peers"]
        off = ["--no-tcp", "--no-tls", "--no-dtls", "--no-cli", "--no-rfc5780"]
        limits = ["--relay-threads=1", "--max-bps=4000000000", "--total-quota=100000", "--user-quota=1000"]
        secret = ["--use-auth-secret", f"--static-auth-secret={SECRET}", "--realm=swarmhub"]
        with Child([self.program, "-n", *files, *listen, *off, *limits, *secret], log, cores) as child:
            _wait_until_ready(child, address)
            yield child, address


def _free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind((ADDRESS, 0))
        return free.getsockname()[1]


def _wait_until_ready(child, address):
    until = time.monotonic() + READY_SECONDS_MAX
    while child.alive() and time.monotonic() < until:
        if is_ready(address):
            return
        time.sleep(0.05)
    raise Failed(f"coturn does not answer on its port:\n{tail(child.log)}")
