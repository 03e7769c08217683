"""Every way in which the program ends, and its exit code."""

from __future__ import annotations

EXIT_DONE = 0
EXIT_UNEXPECTED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
EXIT_CLOSED_PIPE = 141
EXIT_TERMINATED = 143

MEANINGS = {
    EXIT_DONE: "done",
    EXIT_UNEXPECTED: "unexpected, or an output that the system does not let be written",
    EXIT_USAGE: "usage",
    3: "bad data",
    4: "files that do not belong together",
    5: "locked by another run",
    6: "a --fail-if gate tripped",
    EXIT_INTERRUPTED: "interrupted",
    EXIT_CLOSED_PIPE: "closed pipe",
    EXIT_TERMINATED: "terminated",
}
"""What each code means, for the help; those from 1 to 6 are of the errors in rbmcli.errors."""
