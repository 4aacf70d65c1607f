"""CPU seconds of processes, each for itself: from /proc, so on Linux."""

import os
import threading
from pathlib import Path
from typing import NamedTuple

TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
EVERY_S = 0.05


class Usage(NamedTuple):
    """What a process has used until now.

    Attributes:
        cpu_s: user and system time of all its threads; in steps of 10 ms.
        read_bytes: by read(2): of pipes and files, not of sockets.
    """

    cpu_s: float
    read_bytes: int


class Sampler:
    """Looks at processes twenty times a second, in a thread.

    Attributes:
        samples: the usage of each process that was watched then, by its id.
    """

    def __init__(self):
        self.samples = []
        self._pids = ()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def watch(self, pid):
        """Look at that process too."""
        self._pids = tuple({*self._pids, pid})

    def now(self):
        """The usage of each process."""
        return {pid: usage(pid) for pid in self._pids}

    def close(self):
        self._stop.set()
        self._thread.join()

    def _run(self):
        while not self._stop.wait(EVERY_S):
            try:
                self.samples.append(self.now())
            except OSError:
                return  # they end


def usage(pid):
    # The name in parentheses may hold blanks.
    fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    read = Path(f"/proc/{pid}/io").read_bytes().split()[1]
    return Usage((int(fields[11]) + int(fields[12])) / TICKS_A_SECOND, int(read))


def resident_mb(pid):
    """Memory that the process holds now, MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_bytes().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
