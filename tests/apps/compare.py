# SPDX-License-Identifier: Apache-2.0
"""How a row's outcome under the runtime is compared with the reference's."""

import dataclasses
import difflib
import hashlib
import os
import pathlib
import stat
from typing import Callable, Optional


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What one run of a row showed: exit status, output, and what it left in /tmp on the host."""
    status: int
    stdout: str
    stderr: str
    files: tuple = ()
    hung: str = ""

    def text(self):
        parts = [f"hung: {self.hung}"] if self.hung else [f"status: {self.status}"]
        for name, content in (("stdout", self.stdout), ("stderr", self.stderr)):
            parts += [f"{name}: {line}" for line in content.splitlines()]
        return "\n".join(parts + [f"file: {line}" for line in self.files])


@dataclasses.dataclass(frozen=True)
class Row:
    """One command line. Exactly one of the three ways to compare: exact (neither set), a normaliser, a predicate."""
    name: str
    root: str  # busybox or debian
    argv: tuple
    stdin: str = ""
    normalise: Optional[Callable[[str], str]] = None  # applied to both outputs before they are compared
    predicate: Optional[Callable[[Outcome], bool]] = None  # both outcomes must satisfy it; nothing else is compared
    reason: str = ""  # why the comparison is not exact

    def __post_init__(self):
        if self.normalise and self.predicate:
            raise ValueError(f"{self.name}: a normaliser and a predicate")
        if bool(self.normalise or self.predicate) != bool(self.reason):
            raise ValueError(f"{self.name}: a comparison that is not exact, and only that, gives its reason")


def difference(row, reference, candidate):
    """"" when the candidate's outcome is as good as the reference's, else what differs."""
    for who, outcome in (("reference", reference), ("runtime", candidate)):
        if outcome.hung:
            return f"{who} hung: {outcome.hung}\n{outcome.text()}"
        if row.predicate and not row.predicate(outcome):
            return f"{who}: not so: {row.reason}\n{outcome.text()}"
    if row.predicate:
        return ""
    normalise = row.normalise or (lambda text: text)
    texts = []
    for outcome in (reference, candidate):
        same = dataclasses.replace(outcome, stdout=normalise(outcome.stdout), stderr=normalise(outcome.stderr))
        texts.append(same.text().splitlines())
    return "\n".join(difflib.unified_diff(*texts, "reference", "runtime", lineterm="", n=1))


def snapshot(directory):
    """A line for each file below the directory, sorted: type, mode, owner, content. Times are not compared."""
    lines = []
    for path in sorted(pathlib.Path(directory).rglob("*")):
        status = path.lstat()
        kind = stat.filemode(status.st_mode)
        content = ""
        if stat.S_ISLNK(status.st_mode):
            content = f" -> {os.readlink(path)}"
        elif stat.S_ISREG(status.st_mode):
            content = f" {status.st_size} {hashlib.sha256(path.read_bytes()).hexdigest()[:16]}"
        links = "" if stat.S_ISDIR(status.st_mode) else f" {status.st_nlink}"
        lines.append(f"{kind}{links} {status.st_uid}:{status.st_gid} {path.relative_to(directory)}{content}")
    return tuple(lines)
