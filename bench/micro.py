# SPDX-License-Identifier: Apache-2.0
"""The rows that are one operation each: the groups six-rows, micro, busy and scaling."""

import dataclasses

from figures import Row, Target, parse_benchmark, parse_suite


@dataclasses.dataclass(frozen=True)
class Effort:
    """How long to measure in each round."""
    samples: int = 5
    sample_ms: int = 20
    starts: int = 5


EFFORT = Effort()  # replaced by run.py


def _suite(name):

    def measure(bench, runtime):
        args = ["/bench/suite", "--samples", str(EFFORT.samples), "--sample-ms", str(EFFORT.sample_ms), name]
        return parse_suite(bench.run(runtime, args)[1], name)

    return measure


def _benchmark(name):

    def measure(bench, runtime):
        args = ["/bench/micro", f"--benchmark_filter=^{name}/real_time$", f"--benchmark_min_time={EFFORT.sample_ms / 1000}",
                f"--benchmark_repetitions={EFFORT.samples}", "--benchmark_format=json"]
        return parse_benchmark(bench.run(runtime, args)[1], name)

    return measure


def _starts(bench, runtime):
    return [bench.run_true(runtime) for _ in range(EFFORT.starts)]


SIX_ROWS = [
    Row("getppid", "getppid", _suite("getppid")),
    Row("pipe-write-read", "pipe write + read, 1 byte", _suite("pipe-write-read")),
    Row("open-close", "open + close", _suite("open-close")),
    Row("mmap-munmap", "mmap + munmap, 64 KiB", _suite("mmap-munmap")),
    Row("fork-exit-wait", "fork + exit + wait", _suite("fork-exit-wait")),
    Row("run-true", "run `true`, start to end", _starts),
]


def _row(name, title, limit=None, of="native"):
    return Row(name, title, _benchmark(name), () if limit is None else (Target(limit, of),))


MICRO = [
    _row("calls/getpid", "getpid", 1),
    _row("calls/gettid", "gettid", 1),
    _row("calls/getuid", "getuid", 1),
    _row("calls/clock_gettime", "clock_gettime", 1),
    _row("calls/sched_yield", "sched_yield", 1),
    _row("calls/getppid", "getppid", 2),
    _row("calls/getppid-syscall", "getppid by syscall(2)"),
    _row("calls/getppid-cold", "getppid, cold", 30),
    _row("pipes/1-byte", "pipe write + read, 1 B", 2),
    _row("pipes/4-KiB", "pipe write + read, 4 KiB", 2.5),
    _row("pipes/ping-pong-threads", "pipe ping-pong of threads", 1),
    _row("pipes/ping-pong-processes", "pipe ping-pong of processes", 1),
    _row("events/eventfd", "eventfd write + read", 2),
    _row("events/epoll_wait-0", "epoll_wait(0)", 3),
    _row("signals/sigprocmask", "sigprocmask", 1),
    _row("signals/to-self", "signal to itself, handled"),
    _row("events/futex-wake", "futex wake", 2),
    _row("files/stat", "stat", 2),
    _row("files/open-close", "open + close", 2),
    _row("files/open-read-close", "open + read 4 KiB + close", 2),
    _row("files/pread-4-KiB", "pread 4 KiB", 3),
    _row("files/pread-64-KiB", "pread 64 KiB", 1.5),
    _row("files/create-unlink-tmpfs", "create + unlink, tmpfs", 2),
    _row("files/create-unlink-root", "create + unlink, root", 3),
    _row("files/pwrite-4-KiB-tmpfs", "pwrite 4 KiB, tmpfs", 3),
    _row("files/pwrite-4-KiB-root", "pwrite 4 KiB, root", 3),
    _row("memory/mmap-munmap", "mmap + munmap, 64 KiB", 4),
    _row("memory/mmap-touch-munmap", "mmap + touch + munmap, 64 KiB", 3),
    _row("memory/anonymous-fault", "anonymous fault", 1.1),
    _row("processes/fork-exit-wait", "fork + exit + wait", 2.5),
    _row("processes/vfork-exec-wait", "vfork + exec + wait", 1.5),
    _row("processes/pthread-create-join", "pthread create + join", 4),
    _row("sockets/unix-1-byte", "unix socketpair, 1 B", 3),
    _row("sockets/unix-64-KiB", "unix socketpair, 64 KiB", 1.5),
    _row("timers/timerfd-arm-disarm", "timerfd arm + disarm"),
    _row("timers/posix-arm-disarm", "POSIX timer arm + disarm"),
    _row("timers/nanosleep-1us", "nanosleep of 1 µs"),
]

# A twentieth over is noise that the medians of a few rounds do not average out.
BUSY = [
    _row("busy/4-threads-no-calls", "4 busy threads, no calls", 1.05, "systrap-never"),
    _row("busy/4-threads-few-calls", "4 busy threads, few calls", 1.05, "systrap-never"),
    _row("busy/4-threads-many-calls", "4 busy threads, many calls", 1.05, "systrap-never"),
]

COUNTS = (1, 10, 100, 1000)
FAMILIES = {
    "open files: open + close": "open-files",
    "threads: create + join": "threads",
    "blocked threads: a cold call": "cold-call-blocked-threads",
    "processes: fork + exit + wait": "processes",
    "watched descriptors: write + epoll_wait + read": "watched-descriptors",
    "directory entries: create + unlink": "directory-entries",
    "mappings: mmap + munmap": "mappings",
}
SCALING_FAMILIES = {
    title: [_row(f"scaling/{name}/{count}", f"{title}, {count}") for count in COUNTS] for title, name in FAMILIES.items()
}
SCALING = [row for rows in SCALING_FAMILIES.values() for row in rows]
