"""The command line of `run`."""

import argparse
import pathlib

import servers


def options(description):
    parser = argparse.ArgumentParser(prog="tests/compare/run", description=description)
    names = [server.name for server in servers.ALL]
    parser.add_argument("--rounds", type=int, help="number of rounds (default 5, quick 2)")
    parser.add_argument("--servers", default=",".join(names), help="servers, separated by commas (default: %(default)s)")
    parser.add_argument("--also", action="append", default=[], metavar="NAME=PATH", help="another build of swarmhub")
    parser.add_argument("--load", metavar="PATH", help="the build whose `load` is used (default: this tree's)")
    parser.add_argument("--tls", action="store_true", help="also swarmhub and aquatic_ws with TLS, if they are among the servers")
    parser.add_argument("--quick", action="store_true", help="few connections and short windows, only to check that it works")
    parser.add_argument("--connections", type=int, help="busy connections (default 2000, quick 500)")
    parser.add_argument("--idle-connections", type=int, help="connections for idle memory (default 5000, quick 1000)")
    parser.add_argument("--rate", type=int, help="announces per second of the open loop (default 400)")
    parser.add_argument("--duration", type=float, help="seconds of a measured window (default 6, quick 1.5)")
    parser.add_argument("--no-syscalls", action="store_true", help="do not count system calls")
    parser.add_argument("--scale", action="store_true", help="instead: cost by connections, swarms and workers, with plots")
    parser.add_argument("--images", default=servers.ROOT / "docs/images", type=pathlib.Path, help="output folder of the plots of --scale")
    parser.add_argument("--from", dest="saved", type=pathlib.Path, metavar="FILE", help="measure nothing: print the tables of a file written by --json")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write all figures and reports to this file")
    parser.add_argument("--markdown", type=pathlib.Path, metavar="FILE", help="also write the tables to this file")
    return parser.parse_args()
