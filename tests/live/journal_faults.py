#!/usr/bin/env python3
"""A daemon whose journal lies on a file system that fails: journal_faults.py BIN_DIR FAULT_FS BACKEND

FAULT_FS (fault_fs.c) is mounted over the journal's folder, so that faults come from the kernel whichever way a write takes:
BACKEND uring: through io_uring; epoll: by calls. What must hold: nothing is acknowledged that is not there afterwards, the daemon ends with status 1 and says what failed, and the next start has everything that was answered; a short write and an
interrupted one are nobody's business. Exits with 77 where no file system can be mounted.
"""
import errno
import pathlib
import subprocess
import sys
import tempfile
import time

import deployment
import nets
from provider import HttpError

NOT_HERE = 77
MANY = 1000

FATAL = (("write", errno.EIO, 1), ("write", errno.ENOSPC, 1), ("write", errno.EROFS, 1), ("write", errno.EIO, MANY),
         ("fsync", errno.EIO, 1), ("fsync", errno.ENOSPC, MANY))
HARMLESS = (("write", 0, 3), ("write", errno.EINTR, 2), ("rename", errno.EIO, 1))
AT_START = (("open", errno.EIO, MANY), ("fsync", errno.EIO, 1), ("write", errno.ENOSPC, MANY))


class FaultyFolder:
    """A folder, and the file system over it."""

    def __init__(self, program, path):
        path.mkdir(parents=True)
        self.path, self.behind = path, pathlib.Path(tempfile.mkdtemp(prefix="sluice-faults-"))
        self.process = subprocess.Popen([program, self.behind, path])
        end = time.monotonic() + 10
        while not self.control().exists():
            if self.process.poll() is not None or time.monotonic() > end:
                print("no file system can be mounted here")
                sys.exit(NOT_HERE)
            time.sleep(0.02)

    def control(self):
        return self.path / ".fault"

    def order(self, *words):
        self.control().write_text(" ".join(map(str, words)))

    def met(self):
        return int(self.control().read_text())

    def close(self):
        subprocess.run(["umount", "--lazy", self.path], check=True)
        self.process.wait(10)


def ask(deployed):
    """One record, durable with the answer."""
    return deployed.ask("/v1/latch", {"on": True, "reason": "for the test"})["on"]


def try_ask(deployed):
    """Was it acknowledged?"""
    try:
        return ask(deployed)
    except (OSError, HttpError):
        return False


def said(deployed, since):
    return (deployed.root / "log").read_text()[since:]


def start_again(deployed):
    """Returns the last record that it has."""
    deployed.start_daemon()
    return deployed.wait("an answer", deployed.sequence)


def settle(folder):
    """The next segment is being filled with zeros for some seconds: a fault of that is not what is meant."""
    def times():
        return sorted((p.name, p.stat().st_mtime_ns) for p in folder.behind.iterdir())
    end, was, since = time.monotonic() + 60, times(), time.monotonic()
    while time.monotonic() - since < 0.7:
        time.sleep(0.1)
        now = times()
        if now != was:
            was, since = now, time.monotonic()
        if time.monotonic() > end:
            raise AssertionError("the journal's folder never comes to rest")


def fatal(deployed, folder, fault):
    ask(deployed)
    settle(folder)
    sequence, since = deployed.sequence(), len((deployed.root / "log").read_text())
    folder.order(*fault)
    acknowledged = try_ask(deployed)
    if folder.met() == 0:
        folder.order("none")
        raise AssertionError(f"{fault}: not met")
    status = deployed.daemon.wait(10)
    folder.order("none")
    if acknowledged or status != 1:
        raise AssertionError(f"{fault}: acknowledged {acknowledged}, ended with {status}")
    if "nothing may be acknowledged any more" not in said(deployed, since):
        raise AssertionError(f"{fault}: not said")
    if start_again(deployed) < sequence:
        raise AssertionError(f"{fault}: something that was answered is gone")


def harmless(deployed, folder, fault):
    settle(folder)
    folder.order(*fault)
    for _ in range(3):
        ask(deployed)
    met = folder.met()
    folder.order("none")
    if fault[0] == "write" and met != fault[2]:
        raise AssertionError(f"{fault}: {met} met")
    if deployed.daemon.poll() is not None:
        raise AssertionError(f"{fault}: the daemon ended")


def refused_at_start(deployed, folder, fault):
    """It can't be read, or not be made durable: no start, a reason, no size changed; then as if nothing had been."""
    deployed.kill_daemon()
    before, since = {p.name: p.stat().st_size for p in folder.behind.iterdir()}, len(said(deployed, 0))
    folder.order(*fault)
    deployed.start_daemon()
    status = deployed.daemon.wait(10)
    folder.order("none")
    if status != 3 or "journal: " not in said(deployed, since):
        raise AssertionError(f"ended with {status}")
    if before != {p.name: p.stat().st_size for p in folder.behind.iterdir()}:
        raise AssertionError("something was changed")
    start_again(deployed)


def main(bin_dir, program, backend):
    bin_dir, root = pathlib.Path(bin_dir), pathlib.Path(tempfile.mkdtemp(prefix="sluice-faulty-"))
    folder = FaultyFolder(program, root / "data/journal")
    try:
        with nets.open_nets("sim", bin_dir, block_ms={"bitcoin": 0, "rootstock": 0}) as nodes:
            with deployment.Deployment(bin_dir, nodes, root=root, settings=("reconcile_interval_ms=600000",),
                                       loop_backend="epoll" if backend == "epoll" else "auto") as deployed:
                try:
                    deployed.start()
                    deployed.wait("an answer", deployed.sequence)
                    for fault in HARMLESS:
                        harmless(deployed, folder, fault)
                    for fault in FATAL:
                        fatal(deployed, folder, fault)
                    for fault in AT_START:
                        refused_at_start(deployed, folder, fault)
                    ask(deployed)
                finally:
                    deployed.end_daemon()
                    deployed.end_signer()
                    folder.close()
    finally:
        if folder.process.poll() is None:
            folder.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
