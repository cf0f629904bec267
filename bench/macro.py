# SPDX-License-Identifier: Apache-2.0
"""The rows that are whole programs, in a Debian root: the group macro.

A row's `prepare` script runs once and natively; it leaves its input below /scratch. Its own script runs in every runtime, in an
empty directory /scratch/run, and what it prints is parsed. A program that does not run in one of the runtimes leaves a note.
"""

import json
import re
import shutil

from figures import Row, Target, parse_suite
from runtimes import RunError

# ---- What the programs print -----------------------------------------------------------------------------------------------


def parse_stopwatch(output):
    return parse_suite(output, "stopwatch")


def parse_number(pattern, scale=1):
    """A parser: all that the group of the pattern finds, as numbers times `scale`."""

    def parse(output):
        try:
            values = [float(text) * scale for text in re.findall(pattern, output, re.M)]
        except ValueError:
            values = []
        if not values:
            raise RunError(f"printed nothing like '{pattern}' but '{output[-80:].strip()}'")
        return values

    return parse


def parse_fio(output):
    """Operations a second, reads and writes together."""
    try:
        jobs = json.loads(output[output.index("{"):])["jobs"]
        total = sum(job[kind]["iops"] for job in jobs for kind in ("read", "write"))
    except (ValueError, KeyError, TypeError):
        total = 0
    if total <= 0:
        raise RunError(f"fio printed no figures but '{output[:80].strip()}'")
    return [total]


# ---- How they are run ------------------------------------------------------------------------------------------------------


def _program(name, title, script, *targets, prepare="", parse=parse_stopwatch, unit="ns"):

    def measure(bench, runtime):
        bench.prepare(prepare)
        directory = bench.root("debian") / "scratch/run"
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(mode=0o777)
        directory.chmod(0o777)
        return parse(bench.run(runtime, ["/bin/bash", "-ec", f"cd /scratch/run\n{script}"], "debian")[1])

    return Row(name, title, measure, targets, unit, prepare)


def _at_least(limit):
    return Target(limit, at_least=True)


C_FILE = r"""
mkdir -p /scratch/c
python3 - <<'END'
lines = ['#include <stdio.h>', '#include <string.h>']
for i in range(250):
    lines.append(f'''__attribute__((noinline)) static int f{i}(const char *s, int n) {{ int a[16] = {{0}}; int r = {i};
  for (int j = 0; j < n; j++) {{ a[j & 15] += s[j % 7] * {i + 3} + (r >> 2); r ^= a[(j * {i % 13 + 1}) & 15]; if (r & 1) r = r * 3 + 1; else r /= 2; }}
  switch (r & 7) {{ case 0: return r + n; case 1: return r - (int)strlen(s); case 2: return a[3]; case 5: return a[r & 15]; default: return r; }} }}''')
lines.append('int main(void) { int r = 0;')
lines += [f'  r += f{i}("benchmark", r & 63);' for i in range(250)]
lines.append('  printf("%d\\n", r); return 0; }')
open('/scratch/c/large.c', 'w').write('\n'.join(lines))
END
"""

MAKE_TREE = r"""
mkdir -p /scratch/make
cd /scratch/make
for i in $(seq 50); do
  printf '#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\nint unit%d(int n) { char b[64]; snprintf(b, sizeof b, "%%d", n); return atoi(b) + (int)strlen(b); }\n' $i > unit$i.c
done
{ for i in $(seq 50); do echo "int unit$i(int);"; done; echo 'int main(void) { int r = 0;'
  for i in $(seq 50); do echo "r += unit$i(r);"; done; echo 'return r == -1; }'; } > main.c
printf 'all: program\nprogram: $(patsubst %%.c,%%.o,$(wildcard *.c))\n\tgcc -o $@ $^\n%%.o: %%.c\n\tgcc -O1 -c -o $@ $<\n' > Makefile
"""

GIT_TREE = r"""
export HOME=/scratch/home GIT_AUTHOR_DATE=@1000000000 GIT_COMMITTER_DATE=@1000000000
mkdir -p /scratch/home /scratch/git
cd /scratch/git
git config --global user.name bench
git config --global user.email bench@example.org
git config --global --add safe.directory '*'
git init -q .
for d in $(seq 20); do mkdir d$d; for f in $(seq 50); do echo "$d $f" > d$d/f$f; done; done
git add .
git commit -q -m first
for c in $(seq 20); do for d in $(seq 20); do echo "$c" >> d$d/f$c; done; git commit -q -a -m "$c"; done
"""

IMPORTS = ",".join(
    "argparse ast asyncio base64 bz2 calendar codecs collections concurrent.futures configparser csv ctypes datetime decimal "
    "difflib dis doctest email.message filecmp fractions ftplib getpass gettext glob gzip hashlib heapq html.parser http.client "
    "http.server imaplib inspect ipaddress json.tool logging.config lzma mailbox mimetypes multiprocessing optparse pathlib pdb "
    "pickletools platform plistlib poplib pprint profile pydoc random sched selectors shelve shlex smtplib socketserver sqlite3 "
    "ssl statistics subprocess tarfile tempfile tracemalloc unittest urllib.request uuid venv wave wsgiref.simple_server "
    "xml.dom.minidom xml.etree.ElementTree xmlrpc.client zipapp zipfile zoneinfo".split())

SQLITE = r"""
mkdir -p /scratch/sqlite
{ echo 'PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT, c INT);'
  for t in $(seq 100); do echo 'BEGIN;'
    for i in $(seq 200); do echo "INSERT INTO t(b, c) VALUES('row $t $i', $((t * i % 977)));"; done
  echo 'COMMIT;'; done
  echo 'CREATE INDEX i ON t(c); SELECT sum(c), count(*) FROM t WHERE c > 100;'; } > /scratch/sqlite/script
"""

REDIS = r"""
redis-server --port 0 --unixsocket /scratch/run/redis.sock --save '' --appendonly no --daemonize no > /dev/null &
server=$!
until redis-cli -s /scratch/run/redis.sock ping > /dev/null 2>&1; do sleep 0.05; done
redis-benchmark -s /scratch/run/redis.sock -P 1 -c 10 -n 20000 -t {test} --csv
kill $server
wait $server || true
"""

PGBENCH_PREPARE = r"""
mkdir -p /scratch/postgres
chown postgres /scratch/postgres
as() { setpriv --reuid=postgres --regid=postgres --clear-groups "$@"; }
bin=/usr/lib/postgresql/15/bin
as $bin/initdb -D /scratch/postgres/data -A trust > /dev/null
as $bin/pg_ctl -D /scratch/postgres/data -w -o "-k /tmp -c listen_addresses= -c fsync=off" -l /scratch/postgres/log start > /dev/null
as $bin/pgbench -h /tmp -i -s 2 -q postgres > /dev/null 2>&1
as $bin/pg_ctl -D /scratch/postgres/data -w -m fast stop > /dev/null
"""

PGBENCH = r"""
as() {{ setpriv --reuid=postgres --regid=postgres --clear-groups "$@"; }}
bin=/usr/lib/postgresql/15/bin
cp -a /scratch/postgres/data data
as $bin/pg_ctl -D /scratch/run/data -w -o "-k /tmp -c listen_addresses= -c fsync=off" -l /scratch/run/log start > /dev/null
as $bin/pgbench -h /tmp -n {flags} -c 2 -j 2 -T 3 postgres 2>&1
as $bin/pg_ctl -D /scratch/run/data -w -m fast stop > /dev/null
"""

FIO_PLACES = {"tmpfs": "/dev/shm", "overlay": "/scratch/run", "bind": "/bind"}


def _fio(place, kind, size):
    script = (f"fio --name=bench --directory={FIO_PLACES[place]} --ioengine=psync --rw=rand{kind} --bs={size} --size=32m "
              f"--runtime=1 --time_based --randseed=1 --invalidate=0 --output-format=json --unlink=1")
    return _program(f"fio-{place}-{kind}-{size}", f"fio psync, {kind} {size}, {place}", script, parse=parse_fio, unit="1/s")


def _sysbench(test, flags, pattern, scale=1, unit="1/s"):
    return _program(f"sysbench-{test}", f"sysbench {test}", f"sysbench {flags} --time=2 {test} run",
                    parse=parse_number(pattern, scale), unit=unit)


def _stress(stressor):
    # The fields: name, operations, real time, user time, system time, operations a second of real time.
    return _program(f"stress-ng-{stressor}", f"stress-ng {stressor}",
                    f"stress-ng --{stressor} 1 -t 2 --metrics-brief --temp-path /scratch/run 2>&1", unit="1/s",
                    parse=parse_number(rf"\] {stressor} +\d+ +[\d.]+ +[\d.]+ +[\d.]+ +([\d.]+)"))


def _times(method, repeat=1):
    return lambda bench, runtime: [getattr(bench, method)(runtime) for _ in range(repeat)]


MACRO = [
    Row("run-true", "`run true`", _times("run_true", 5), (Target(20e6, None), Target(0.5, "runc"))),
    Row("create-start-delete", "create + start + delete", _times("create_start_delete", 5),
        (Target(20e6, None), Target(0.5, "runc"))),
    Row("idle-memory", "idle sandbox, memory of all processes (PSS)", _times("idle_bytes"), (Target(12 * 2**20, None),), "B"),
    Row("idle-switches", "idle sandbox, wake-ups in 10 s", _times("idle_switches"), (Target(0, None),), ""),
    _program("gcc", "gcc -O2 of a large file", "/bench/stopwatch 1 gcc -O2 -c -o large.o /scratch/c/large.c", Target(1.05),
             prepare=C_FILE),
    _program("make", "make -j2 of 51 files", "cp -r /scratch/make m; /bench/stopwatch 1 make -s -j2 -C m", Target(1.4),
             prepare=MAKE_TREE),
    _program("git-status", "git status", "export HOME=/scratch/home; cd /scratch/git; /bench/stopwatch 5 git status", Target(1.5),
             prepare=GIT_TREE),
    _program("git-gc", "git gc", "export HOME=/scratch/home; cp -a /scratch/git g; cd g; /bench/stopwatch 1 git gc -q", prepare=GIT_TREE),
    _program("find", "find / -xdev", "/bench/stopwatch 3 find / -xdev", Target(2)),
    _program("tar", "tar of /usr/lib/python3", "/bench/stopwatch 3 sh -c 'tar cf - /usr/lib/python3* 2>&1 | cat'", Target(1.5)),
    _program("python", "python3 -c pass", "/bench/stopwatch 5 python3 -c pass", Target(1.5)),
    _program("python-imports", "python3, import storm", f"/bench/stopwatch 2 python3 -W ignore -c 'import {IMPORTS}'"),
    _program("sqlite", "sqlite inserts", "/bench/stopwatch 1 sh -c 'sqlite3 db < /scratch/sqlite/script'", Target(1.5), prepare=SQLITE),
    *(_program(f"redis-{test}", f"redis {test.upper()} (unix socket, -P 1)", REDIS.format(test=test), _at_least(0.8), unit="1/s",
               parse=parse_number(rf'^"{test.upper()}","([\d.]+)"')) for test in ("get", "set")),
    _program("pgbench-read", "pgbench, reads (unix socket)", PGBENCH.format(flags="-S"), _at_least(0.7), unit="1/s",
             prepare=PGBENCH_PREPARE, parse=parse_number(r"^tps = ([\d.]+)")),
    _program("pgbench-write", "pgbench, writes (unix socket)", PGBENCH.format(flags=""), _at_least(0.7), unit="1/s",
             prepare=PGBENCH_PREPARE, parse=parse_number(r"^tps = ([\d.]+)")),
    *(_fio(place, kind, size) for place in FIO_PLACES for size in ("4k", "64k", "1m") for kind in ("read", "write")),
    _sysbench("cpu", "", r"events per second: +([\d.]+)"),
    _sysbench("memory", "--memory-total-size=100G", r"Total operations: \d+ \( *([\d.]+) per second"),
    _sysbench("threads", "--threads=4", r"total number of events: +(\d+)", 0.5),
    _sysbench("mutex", "--threads=4 --mutex-locks=100000 --mutex-loops=1000", r"total time: +([\d.]+)s", 1e9, "ns"),
    _program("xz", "xz -T2 of 16 MB", "cp /scratch/xz/data .; /bench/stopwatch 1 xz -T2 -3 -k data", Target(1.02),
             prepare="mkdir -p /scratch/xz; head -c 16000000 /usr/lib/x86_64-linux-gnu/libicudata.so.72.1 > /scratch/xz/data"),
    *(_stress(stressor) for stressor in ("fork", "switch", "futex")),
]
