"""What does a bridge hold of its machine, its children included?"""

from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class Footprint:
    """Counts of one moment."""

    descriptors: int
    threads: int
    processes: int

    @classmethod
    def of(cls, pid: int) -> "Footprint":
        bridge = psutil.Process(pid)
        tree = [bridge, *bridge.children(recursive=True)]
        return cls(
            sum(process.num_fds() for process in tree),
            sum(process.num_threads() for process in tree),
            len(tree),
        )

    def beyond(self, before: "Footprint") -> str:
        """Return what there is more of; empty where there is nothing."""
        more = {
            "descriptors": self.descriptors - before.descriptors,
            "threads": self.threads - before.threads,
            "processes": self.processes - before.processes,
        }
        return ", ".join(f"{count} {what}" for what, count in more.items() if count > 0)
