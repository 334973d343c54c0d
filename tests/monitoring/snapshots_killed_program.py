"""Writes snapshots into a new folder and is killed in the middle of the third; see `test_snapshots`."""

import os
import signal
import sys

import numpy as np

from ann2neo.monitoring.patterns.snapshot_files import SnapshotWriter
from ann2neo.recording.observation import Site

if __name__ == "__main__":
    writer = SnapshotWriter(sys.argv[1])
    writer.begin([Site("hidden", (2,))], [(2,)], {"probe": 4}, True)
    words = np.array([[0b0011], [0b0101]], np.uint64)
    for step in range(2):
        writer.write(step, None, [words])

    class Deadly:
        """What is asked of it when its turn to be written comes, it is the last thing asked."""

        def __getattr__(self, name):
            os.kill(os.getpid(), signal.SIGKILL)

    writer.write(2, None, [words, Deadly()])
