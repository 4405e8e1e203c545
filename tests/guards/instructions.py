"""Counts instructions with callgrind: of the cases in benches/instructions, only within the function `measured`, and of one
unit of the whole server. Called by `check`.

Two runs differ by less than 0.1 % although hash keys are random, the whole server by less than 1 %: it depends on how many
messages are served in one turn. A change elsewhere in the crate can change a small case too, if the compiler inlines
differently; the whole server then shows whether it matters."""

import os
import shutil
import subprocess
import tempfile

import unit

REPETITIONS = 200
WHOLE = "whole server, announce with 5 offers, all answered"
TOGGLE = "--toggle-collect=*instructions*measured*"


def skip_reason():
    """Returns why instructions cannot be counted here, or None."""
    if os.uname().machine != "x86_64":
        return f"the committed instruction counts are those of x86_64, this is {os.uname().machine}"
    if not shutil.which("valgrind"):
        return "valgrind is not installed and cannot be installed"
    return None


def names(bench):
    cases = subprocess.run([bench], check=True, capture_output=True, text=True).stdout.split("\n")
    return [*filter(None, cases), WHOLE]


def count(name, bench, binary):
    """Returns the instructions of one repetition."""
    if name == WHOLE:
        return round(unit.per_unit(binary, unit.CALLGRIND, unit.total_instructions)["instructions"])
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "out")
        command = ["valgrind", "--tool=callgrind", TOGGLE, f"--callgrind-out-file={out}", bench, name, str(REPETITIONS)]
        run = subprocess.run(command, capture_output=True, text=True)
        if run.returncode != 0:
            raise RuntimeError(f"{name}: {run.stdout}{run.stderr}")
        with open(out, encoding="utf-8") as file:
            total = unit.total_instructions(file)["instructions"]
    if total == 0:
        raise RuntimeError(f"{name}: callgrind found no function `measured`; was it renamed?")
    return round(total / int(run.stdout))
