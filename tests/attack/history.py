"""Creates the initial history file of the server for each row."""

import random
import sqlite3
import time

from child import Child

SAMPLE_EVERY_SECONDS = 10
SAMPLES = 1100
"""Three hours."""
WRITTEN_SECONDS_MAX = 60


def file(bench, full):
    """Returns the path of the history file: a new one, or one with data of the last three hours."""
    path = bench.log("history").with_suffix(".sqlite")
    if full:
        template = bench.folder / "template.sqlite"
        if not template.exists():
            _create(bench, template)
        path.write_bytes(template.read_bytes())
        _fill(path)
    return path


def _create(bench, path):
    """Runs the server to create the file with a first sample."""
    with Child([bench.binary, "--listen", "127.0.0.1:0", *bench.arguments, "--history", path], bench.log("history"), bench.server_cores) as server:
        server.wait_for(r"^tracker\s", WRITTEN_SECONDS_MAX)
        until = time.monotonic() + WRITTEN_SECONDS_MAX
        while _samples(path) == 0 and time.monotonic() < until:
            time.sleep(0.2)


def _samples(path):
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
            return database.execute("select count(*) from every_10s").fetchone()[0]
    except sqlite3.OperationalError:
        return 0


def _fill(path):
    with sqlite3.connect(path) as database:
        columns = [row[1] for row in database.execute("pragma table_info(every_10s)")]
        now = int(time.time()) // SAMPLE_EVERY_SECONDS * SAMPLE_EVERY_SECONDS
        times = (now - SAMPLE_EVERY_SECONDS * back for back in range(1, SAMPLES + 1))
        rows = [[at, *(round(random.uniform(0, 99999), 2) for _ in columns[1:])] for at in times]
        marks = ",".join("?" * len(columns))
        database.executemany(f"insert or replace into every_10s values ({marks})", rows)
