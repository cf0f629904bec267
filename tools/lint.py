#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The rules of the tree that a machine can check.

    tools/lint.py [--root DIR] [--only CHECK,...] [--fix] [--tidy [FILE...]]

Prints one line per finding, "path:line: [check] message", then "N passed, M failed" counting checks; exits 1 on a finding.
A finding that must stay is listed with its reason in tools/lint_allow.txt ("check path  # reason"); an entry that no longer
matches anything is a finding itself. --tidy runs clang-tidy (slow, so not by default) on FILE..., or on all sources.
"""

import argparse
import concurrent.futures
import dataclasses
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys

SOURCE_SUFFIXES = (".h", ".cc", ".c", ".S")
MAX_LINES = 500
SPDX = "SPDX-License-Identifier: Apache-2.0"

# Directory -> what it may include, as path prefixes. An include pointing upward in this table is an error.
GOFER_PROTOCOL = ("gofer/protocol",)  # and gofer/*.pb.h: the part of gofer/ that its client shares
LAYERS = {
    "base": ("base/",),
    "platform": ("base/", "platform/"),
    "vfs": ("base/", "vfs/") + GOFER_PROTOCOL,
    "gofer": ("base/", "gofer/"),
    "sentry": ("base/", "platform/", "vfs/", "sentry/"),
    "syscalls": ("base/", "platform/", "vfs/", "sentry/", "syscalls/"),
    "runsc": ("base/", "platform/", "vfs/", "gofer/", "sentry/", "syscalls/", "runsc/"),
    "bench": ("bench/",),
    # Guest programs know Linux only; base/abi has its constants and structures.
    "tests/syscalls": ("tests/", "base/abi/"),
    "tests": ("tests/", "base/", "platform/", "vfs/", "gofer/", "sentry/", "syscalls/", "runsc/"),
}
THIRD_PARTY_QUOTED = ("absl/", "google/", "gmock/", "gtest/", "benchmark/", "boost/", "CLI/", "nlohmann/", "glog/", "gflags/")


@dataclasses.dataclass(frozen=True)
class Finding:
    path: str
    line: int
    check: str
    message: str

    def __str__(self):
        return f"{self.path}:{self.line}: [{self.check}] {self.message}"


class Source:
    """A file of the tree: its text, and its code with comments and literals blanked (same line numbers)."""

    def __init__(self, path, text):
        self.path = path
        self.text = text
        self.name = os.path.basename(path)
        self.suffix = os.path.splitext(path)[1]
        self.is_code = self.suffix in SOURCE_SUFFIXES
        self.code = blank_comments_and_literals(text) if self.is_code else text

    def line_of(self, offset):
        return self.text.count("\n", 0, offset) + 1

    def includes(self):
        """(line, "<" or '"', included path) of every include directive."""
        for match in re.finditer(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]', self.text, re.M):
            yield self.line_of(match.start()), match.group(1), match.group(2)


def blank_comments_and_literals(text):
    token = re.compile(
        r"""//[^\n]*|/\*.*?\*/|R"(?P<mark>[^()\\\s]{0,16})\(.*?\)(?P=mark)"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])*'""",
        re.S)

    def blank(match):
        return re.sub(r"[^\n]", " ", match.group(0))

    return token.sub(blank, text)


# ---- Where a banned name is allowed after all ------------------------------------------------------------------------------


def is_test(path):
    """Code that never ships: unit tests, their helpers, guest programs."""
    return (path.endswith("_test.cc") or "/testing/" in path or path.startswith(("tests/", "bench/")))


def is_unsafe(path):
    """The files that quarantine danger by their name, and base/."""
    stem = os.path.splitext(os.path.basename(path))[0]
    return path.endswith(".S") or stem.endswith(("_unsafe", "_amd64", "_arm64")) or path.startswith("base/")


@dataclasses.dataclass(frozen=True)
class Ban:
    check: str
    pattern: str
    allowed: object  # path -> bool
    message: str
    in_text: bool = False  # search comments and includes too


BANS = (
    Ban("absl-mutex", r"\babsl::(?:Mutex|MutexLock|ReaderMutexLock|WriterMutexLock|CondVar|Notification|BlockingCounter)\b",
        lambda p: False, "base::Mutex is the only mutex (ThreadSanitizer does not understand Debian's absl::Mutex)"),
    Ban("absl-mutex", r'#\s*include\s*[<"]absl/synchronization/', lambda p: False, "base::Mutex is the only mutex", True),
    Ban("std-thread",
        r"\bstd::(?:(?:recursive_|timed_|shared_|recursive_timed_|shared_timed_)?mutex|j?thread|condition_variable(?:_any)?"
        r"|lock_guard|unique_lock|shared_lock|scoped_lock|call_once|counting_semaphore|binary_semaphore|latch|barrier)\b",
        lambda p: p.startswith(("base/", "sentry/sched/")) or is_test(p),
        "threads and their locks belong to base/ and sentry/sched/; use base::Mutex and the scheduler"),
    Ban("thread-local", r"\b(?:thread_local|__thread)\b", lambda p: p.startswith("base/") or is_test(p),
        "a fiber may resume on another thread: pass the context as an argument"),
    Ban("unsafe-cast", r"\breinterpret_cast\b", lambda p: is_unsafe(p) or is_test(p),
        "reinterpret_cast belongs in *_unsafe.* or *_amd64.* files"),
    Ban("inline-asm", r"\b(?:asm|__asm__|__asm)\b(?!/)", lambda p: is_unsafe(p) or is_test(p),
        "assembly belongs in *.S, *_amd64.* or *_unsafe.* files"),
    Ban("using-namespace", r"\busing\s+namespace\b", lambda p: False, "name what you use"),
    Ban("runsc-only", r'#\s*include\s*[<"](?:glog|gflags|CLI)/', lambda p: p.startswith("runsc/"),
        "glog, gflags and CLI11 are for runsc/ only (base/log.h logs elsewhere)", True),
    Ban("boost-context", r'#\s*include\s*[<"]boost/', lambda p: p.startswith("sentry/sched/"),
        "Boost.Context is named in one header of sentry/sched/ only", True),
    Ban("todo-type", r"\bTODO\b(?!\((?:compat|perf|security|cleanup)\): \S)|\b(?:FIXME|XXX)\b", lambda p: False,
        "write TODO(compat|perf|security|cleanup): what is missing", True),
)

# Headers that cost seconds in every unit that includes them.
HEAVY_INCLUDE = re.compile(r"\.pb\.h$|^nlohmann/json\.hpp|^absl/container/|^google/protobuf/|^CLI/|^glog/")


# ---- Checks of one file ----------------------------------------------------------------------------------------------------


def check_bans(source, findings):
    if not source.is_code:
        return
    for ban in BANS:
        if ban.allowed(source.path):
            continue
        for match in re.finditer(ban.pattern, source.text if ban.in_text else source.code):
            findings.append(Finding(source.path, source.line_of(match.start()), ban.check, ban.message))


def check_spdx(source, findings):
    wanted = source.is_code or source.suffix in (".py", ".proto", ".cmake", ".sh", ".inc") or source.name in (
        "CMakeLists.txt", "dev", ".clang-format", ".clang-tidy")
    if wanted and not any(SPDX in line for line in source.text.split("\n", 3)[:3]):
        findings.append(Finding(source.path, 1, "spdx", f"the first lines must have '{SPDX}'"))


def check_pragma_once(source, findings):
    if source.suffix == ".h" and not re.search(r"^#pragma once$", source.text, re.M):
        findings.append(Finding(source.path, 1, "pragma-once", "a header needs #pragma once"))


def check_length(source, findings):
    lines = source.text.count("\n")
    if source.is_code and lines > MAX_LINES and not re.search(r"^// Length: \S+", source.text, re.M):
        findings.append(
            Finding(source.path, MAX_LINES + 1, "file-length",
                    f"{lines} lines; split it, or write '// Length: reason' if it must not be split"))


def layer_of(path):
    for layer in sorted(LAYERS, key=len, reverse=True):
        if path.startswith(layer + "/"):
            return layer
    return None


def check_layers(source, findings):
    layer = layer_of(source.path)
    if not source.is_code or layer is None:
        return
    ours = tuple(directory + "/" for directory in LAYERS)
    for line, _, included in source.includes():
        if not included.startswith(ours) or included.startswith(LAYERS[layer]):
            continue
        if layer == "vfs" and re.fullmatch(r"gofer/[^/]+\.pb\.h", included):
            continue
        # The gofer's client is tested against the real server.
        if layer == "vfs" and "/testing/" in source.path and included.startswith("gofer/server/"):
            continue
        findings.append(Finding(source.path, line, "layering", f"{layer}/ must not include {included}"))


def check_include_style(source, findings, root):
    if not source.is_code:
        return
    ours = tuple(directory + "/" for directory in LAYERS)
    own = os.path.splitext(source.path)[0] + ".h"
    includes = list(source.includes())
    for line, kind, included in includes:
        if kind == "<" and included.startswith(ours):
            findings.append(Finding(source.path, line, "include-style", f'write #include "{included}"'))
        if kind == '"' and not included.startswith(THIRD_PARTY_QUOTED):
            exists = (root / included).exists()
            if included.endswith(".pb.h"):
                exists = (root / (included[:-len(".pb.h")] + ".proto")).exists()
            if not exists:
                findings.append(Finding(source.path, line, "include-style", f"no file {included} (paths start at the root)"))
    if source.suffix == ".cc" and (root / own).exists() and includes and includes[0][2] != own:
        findings.append(Finding(source.path, includes[0][0], "include-style", f"the first include must be its own header {own}"))


def check_heavy_headers(source, findings):
    if source.suffix != ".h" or is_test(source.path):
        return
    for line, _, included in source.includes():
        if HEAVY_INCLUDE.search(included):
            findings.append(Finding(source.path, line, "heavy-header", f"{included} belongs in .cc files only"))


def check_doc_links(source, findings, root):
    if source.suffix != ".md":
        return
    for match in re.finditer(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", source.text):
        target = match.group(1)
        if "://" not in target and not (root / os.path.dirname(source.path) / target).exists():
            findings.append(Finding(source.path, source.line_of(match.start()), "doc-link", f"no file {target}"))


# ---- Checks that run a tool ------------------------------------------------------------------------------------------------


def run_parallel(function, items):
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count() or 2) as pool:
        return list(pool.map(function, items))


def check_format(sources, findings, root):
    paths = [s.path for s in sources if s.suffix in (".h", ".cc", ".c")]
    chunks = [paths[i:i + 20] for i in range(0, len(paths), 20)]

    def run(chunk):
        return subprocess.run(["clang-format-14", "--dry-run", *chunk], cwd=root, capture_output=True, text=True, check=False)

    for result in run_parallel(run, chunks):
        if result.returncode != 0:
            findings.append(Finding(".clang-format", 1, "format", result.stderr.strip().split("\n")[0]))
        seen = set()
        for match in re.finditer(r"^([^:\n]+):(\d+):\d+: warning: ", result.stderr, re.M):
            if match.group(1) not in seen:
                seen.add(match.group(1))
                findings.append(
                    Finding(match.group(1), int(match.group(2)), "format", f"run clang-format-14 -i {match.group(1)}"))


def fix_format(sources, root):
    paths = [s.path for s in sources if s.suffix in (".h", ".cc", ".c")]
    subprocess.run(["clang-format-14", "-i", *paths], cwd=root, check=True)


def header_closure(path, by_path, memo):
    """The files of ours that PATH includes, directly or not, and itself."""
    if path not in memo:
        memo[path] = {path}
        for _, _, included in by_path[path].includes():
            if included in by_path:
                memo[path] = memo[path] | header_closure(included, by_path, memo)
    return memo[path]


def is_first_include(header, by_path):
    """Whether the header's own .cc file begins with it (check_include_style demands that of every foo.cc with a foo.h)."""
    implementation = by_path.get(os.path.splitext(header)[0] + ".cc")
    first = next(implementation.includes(), None) if implementation else None
    return first is not None and first[2] == header


def generate_protos(root, out):
    protos = [str(p.relative_to(root)) for d in LAYERS for p in (root / d).rglob("*.proto")]
    if protos:
        out.mkdir(parents=True, exist_ok=True)
        subprocess.run(["protoc", f"-I{root}", f"--cpp_out=lite:{out}", *protos], cwd=root, check=True)


def check_self_contained(sources, findings, root):
    """Compiles each header alone, unless a foo.cc that includes foo.h first proves it in every build. A header is compiled
    again only if it, or a file it includes, has changed."""
    cache_path = root / "build" / "lint" / "headers"
    generated = root / "build" / "lint" / "generated"
    generate_protos(root, generated)
    by_path = {s.path: s for s in sources}
    try:
        cache = set(cache_path.read_text().split())
    except OSError:
        cache = set()
    memo = {}
    command = ["g++", "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE", "-D_FILE_OFFSET_BITS=64",
               "-I.", "-isystem", str(generated), "-x", "c++", "-"]
    jobs = []
    for source in sources:
        if source.suffix != ".h" or layer_of(source.path) is None or is_first_include(source.path, by_path):
            continue
        digest = hashlib.sha256(" ".join(command).encode())
        for path in sorted(header_closure(source.path, by_path, memo)):
            digest.update(path.encode() + b"\0" + by_path[path].text.encode() + b"\0")
        jobs.append((source.path, digest.hexdigest()))

    def run(job):
        if job[1] in cache:
            return None
        result = subprocess.run(command, cwd=root, input=f'#include "{job[0]}"\n', capture_output=True, text=True, check=False)
        if result.returncode == 0:
            # At once, so that an interrupted run keeps what it has found out.
            with open(cache_path, "a", encoding="ascii") as file:
                file.write(job[1] + "\n")
        return result

    cache_path.parent.mkdir(parents=True, exist_ok=True)
    results = run_parallel(run, jobs)
    for (path, _), result in zip(jobs, results):
        if result is not None and result.returncode != 0:
            errors = [l for l in result.stderr.split("\n") if "error:" in l] or [result.stderr.strip()]
            findings.append(Finding(path, 1, "self-contained", errors[0]))


def run_tidy(root, files, sources):
    """clang-tidy over FILES (all .cc when empty), with the compile commands of the thread-safety build."""
    database = root / "build" / "thread-safety"
    if not (database / "compile_commands.json").exists():
        print("lint: --tidy needs build/thread-safety (./dev build thread-safety)", file=sys.stderr)
        return False
    known = {os.path.relpath(e["file"], root) for e in json.loads((database / "compile_commands.json").read_text())}
    paths = [f for f in (files or [s.path for s in sources if s.suffix == ".cc"]) if f in known]
    good = True

    def run(path):
        return subprocess.run(["clang-tidy-19", "--quiet", "-p", str(database), path], cwd=root, capture_output=True, text=True,
                              check=False)

    for result in run_parallel(run, paths):
        if result.stdout.strip():
            print(result.stdout.strip())
            good = False
    print(f"clang-tidy: {len(paths)} files")
    return good


# ---- The whole -------------------------------------------------------------------------------------------------------------


def read_tree(root):
    sources = []
    for directory, subdirectories, names in os.walk(root):
        subdirectories[:] = sorted(
            d for d in subdirectories if not (d.startswith(".") and d != ".ci") and d not in ("build", "__pycache__"))
        for name in sorted(names):
            path = pathlib.Path(directory) / name
            if path.is_symlink():
                continue
            relative = str(path.relative_to(root))
            if os.path.splitext(name)[1] in SOURCE_SUFFIXES + (".py", ".proto", ".cmake", ".sh", ".inc", ".md") or name in (
                    "CMakeLists.txt", "dev", ".clang-format", ".clang-tidy"):
                sources.append(Source(relative, path.read_text(errors="replace")))
    return sources


def read_allow_list(root, findings):
    """{(check, path)} of tools/lint_allow.txt. An entry without a reason is a finding."""
    path = "tools/lint_allow.txt"
    entries = {}
    try:
        lines = (root / path).read_text().split("\n")
    except OSError:
        return path, entries
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = re.fullmatch(r"(\S+) (\S+) +# (\S.*)", line)
        if match:
            entries[(match.group(1), match.group(2))] = number
        else:
            findings.append(Finding(path, number, "allow-list", "write 'check path  # reason'"))
    return path, entries


FILE_CHECKS = ("absl-mutex", "std-thread", "thread-local", "unsafe-cast", "inline-asm", "using-namespace", "runsc-only",
               "boost-context", "todo-type", "spdx", "pragma-once", "file-length", "layering", "include-style", "heavy-header",
               "doc-link")
TOOL_CHECKS = ("format", "self-contained")


def lint(root, only=FILE_CHECKS + TOOL_CHECKS):
    """All findings that the allow-list does not cover."""
    findings = []
    allow_path, allowed = read_allow_list(root, findings)
    sources = read_tree(root)
    for source in sources:
        check_bans(source, findings)
        check_spdx(source, findings)
        check_pragma_once(source, findings)
        check_length(source, findings)
        check_layers(source, findings)
        check_include_style(source, findings, root)
        check_heavy_headers(source, findings)
        check_doc_links(source, findings, root)
    if "format" in only:
        check_format(sources, findings, root)
    if "self-contained" in only:
        check_self_contained(sources, findings, root)
    used = {(f.check, f.path) for f in findings}
    findings = [f for f in findings if f.check in only + ("allow-list",) and (f.check, f.path) not in allowed]
    for entry, number in allowed.items():
        if entry not in used and entry[0] in only:
            findings.append(Finding(allow_path, number, "allow-list", f"nothing in {entry[1]} needs '{entry[0]}' any more"))
    return sorted(findings, key=lambda f: (f.path, f.line, f.check))


def main():
    parser = argparse.ArgumentParser(description="checks the rules of the tree")
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent)
    parser.add_argument("--only", help="comma-separated checks")
    parser.add_argument("--fix", action="store_true", help="run clang-format over the sources first")
    parser.add_argument("--tidy", action="store_true", help="run clang-tidy instead (all sources, or the given ones)")
    parser.add_argument("files", nargs="*")
    arguments = parser.parse_args()
    root = arguments.root.resolve()
    if arguments.tidy:
        return 0 if run_tidy(root, arguments.files, read_tree(root)) else 1
    if arguments.fix:
        fix_format(read_tree(root), root)
    checks = tuple(arguments.only.split(",")) if arguments.only else FILE_CHECKS + TOOL_CHECKS
    findings = lint(root, checks)
    for finding in findings:
        print(finding)
    failed = {f.check for f in findings}
    print(f"{len([c for c in checks if c not in failed])} passed, {len(failed)} failed")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
