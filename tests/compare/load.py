"""Runs `swarmhub load` against a server and returns its report."""

import json
import subprocess

from child import Child, Failed, tail

EXIT_OK = 0
EXIT_INCORRECT = 3


class Load:
    """The load generator, on its own core."""

    def __init__(self, binary, cores, folder):
        self.binary = binary
        self.cores = cores
        self.folder = folder
        self.runs = 0

    def run(self, url, pid, arguments, seconds_max):
        self.runs += 1
        log = self.folder / f"load-{self.runs}.log"
        # Verifying the certificate would only cost time in the load generator.
        trust = ["--insecure"] if url.startswith("wss:") else []
        command = [self.binary, "load", url, "--server-pid", pid, "--json", "--quiet", *trust, *arguments]
        with Child(command, log, self.cores, stdout=subprocess.PIPE) as child:
            try:
                output, _ = child.process.communicate(timeout=seconds_max)
            except subprocess.TimeoutExpired as error:
                raise Failed(f"the load run took longer than {seconds_max} s:\n{tail(log)}") from error
            code = child.process.returncode
        if code == EXIT_INCORRECT:
            found = json.loads(output)
            raise Failed("incorrect: " + "; ".join(found["problems"]))
        if code != EXIT_OK:
            raise Failed(f"the load run failed with {code}:\n{tail(log)}")
        return json.loads(output)
