# SPDX-License-Identifier: Apache-2.0
"""Rows that build, archive, install and administer: gcc, make, git, tar, xz, openssl, sqlite, dpkg, apt, ps, top."""

import re

from apps.compare import Row
from apps.rows_debian import NO_PIDS, text


def bash(name, script, **compare):
    return Row(f"debian-dev/{name}", "debian-dev", ("bash", "-c", text(script)), **compare)


def python(name, script, **compare):
    return Row(f"debian-dev/{name}", "debian-dev", ("python3", "-c", text(script)), **compare)


_GIT = "export GIT_AUTHOR_DATE='2024-01-01T00:00:00Z' GIT_COMMITTER_DATE='2024-01-01T00:00:00Z' GIT_CONFIG_COUNT=2 " \
       "GIT_CONFIG_KEY_0=user.name GIT_CONFIG_VALUE_0=tester GIT_CONFIG_KEY_1=user.email GIT_CONFIG_VALUE_1=t@example.org\n"

_PACKAGE = r"""
mkdir -p /tmp/pkg/DEBIAN /tmp/pkg/usr/bin /tmp/repo
printf 'Package: hello-row\nVersion: 1.0\nArchitecture: all\nMaintainer: t <t@example.org>\nDescription: a row\n' > /tmp/pkg/DEBIAN/control
printf '#!/bin/sh\necho configured $1\n' > /tmp/pkg/DEBIAN/postinst; chmod 755 /tmp/pkg/DEBIAN/postinst
printf '#!/bin/sh\necho hello from a package\n' > /tmp/pkg/usr/bin/hello-row; chmod 755 /tmp/pkg/usr/bin/hello-row
dpkg-deb --root-owner-group -b /tmp/pkg /tmp/repo/hello-row_1.0_all.deb
"""
# The last command's status, and nothing left in /tmp that has a time or a random part in it.
_CLEAN = "\ncd /; rm -rf /tmp/* /tmp/.[a-z]*"

ROWS = [
    # shells
    bash("thousand-forks", "for ((i = 0; i < 1000; i++)); do (exit $((i & 7))); s=$((s + $?)); done; echo $s"),
    bash("here-documents", r"""
        x=value; cat <<A; cat <<'B'; cat <<-C | tr a-z A-Z
        $x $((1 + 2)) `echo command`
        A
        $x `not run`
        B
        	tabs go
        	C
        while read -r line; do echo "[$line]"; done < <(head -c 200000 /dev/zero | tr '\0' x | fold -w 50000)  | wc -c
    """),
    bash("job-control", r"""
        set -m; sleep 1000 & sleep 1000 & jobs | sed 's/  */ /g'; kill -STOP %1; while ! jobs | grep -q Stopped; do :; done;
        jobs -s | wc -l; kill -CONT %1; kill %1; wait %1; echo $?; kill %2; wait %2; echo $?; jobs; disown -a
    """, **NO_PIDS),
    bash("nested-traps", r"""
        trap 'echo debug >&3' DEBUG; exec 3>/dev/null; trap - DEBUG; trap 'echo err $?' ERR; false; trap 'echo got usr1' USR1;
        f() { trap 'echo return' RETURN; kill -USR1 $BASHPID; }; f; (trap 'echo child exit' EXIT; exit 3); echo $?;
        trap '' INT; sh -c 'kill -INT $$; echo survived'; trap -p
    """),
    # python3
    python("asyncio-sockets", r"""
        import asyncio, os
        async def serve(reader, writer):
          while line := await reader.readline(): writer.write(line[::-1].strip() + b'\n'); await writer.drain()
          writer.close()
        async def client(i):
          reader, writer = await asyncio.open_unix_connection('/tmp/asy')
          for k in range(20): writer.write(b'%d-%d\n' % (i, k))
          writer.write_eof()
          return (await reader.read()).split()[-1]
        async def main():
          async with await asyncio.start_unix_server(serve, '/tmp/asy'):
            print(await asyncio.gather(*(client(i) for i in range(30))))
          r, w = os.pipe()
          loop = asyncio.get_running_loop(); reader = asyncio.StreamReader()
          await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(r, 'rb'))
          os.write(w, b'through a pipe'); os.close(w); print(await reader.read())
          try: await asyncio.wait_for(asyncio.sleep(100), .05)
          except asyncio.TimeoutError: print('timeout')
        asyncio.run(main()); os.unlink('/tmp/asy')
    """),
    python("signal", r"""
        import os, signal, threading, time
        got=[]
        for s in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGRTMIN): signal.signal(s, lambda n, f: got.append(n))
        for s in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGRTMIN): os.kill(os.getpid(), s)
        print(got, signal.getsignal(signal.SIGPIPE))
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1]); os.kill(os.getpid(), signal.SIGUSR1)
        print(signal.sigpending(), signal.sigwait([signal.SIGUSR1]))
        r, w = os.pipe(); os.set_blocking(w, False); signal.set_wakeup_fd(w); signal.raise_signal(signal.SIGUSR2); print(os.read(r, 9))
        t = threading.Thread(target=lambda: print(signal.sigtimedwait([signal.SIGUSR1], 5).si_signo)); t.start()
        signal.pthread_kill(t.ident, signal.SIGUSR1); t.join(); print(signal.sigtimedwait([signal.SIGUSR1], .01))
    """),
    python("tempfile-mmap", r"""
        import tempfile, mmap, os
        with tempfile.TemporaryDirectory() as d, tempfile.NamedTemporaryFile(dir=d) as f, tempfile.TemporaryFile() as t:
          f.write(b'a' * 10000); f.flush(); t.write(b'z' * 9000); t.seek(0)
          m = mmap.mmap(f.fileno(), 0); m[5000:5005] = b'HELLO'; m.flush(); f.seek(4998); print(f.read(9), len(t.read()))
          m.resize(20000); print(os.stat(f.name).st_size, m.find(b'HELLO'), m[:3]); m.close()
          c = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_COPY); c[0:1] = b'X'; f.seek(0); print(f.read(1), c[0:1], os.listdir(d) != [])
        print(os.listdir('/tmp'))
    """),
    python("ctypes", r"""
        import ctypes
        c = ctypes.CDLL(None, use_errno=True); c.strtod.restype = ctypes.c_double
        compare = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))(lambda a, b: a[0] - b[0])
        a = (ctypes.c_int * 6)(5, 3, 9, 1, 7, 2); c.qsort(a, 6, 4, compare); print(list(a), c.strtod(b'2.5', None))
        print(c.open(b'/none', 0), ctypes.get_errno(), c.getpid() == __import__('os').getpid())
    """),
    python("multiprocessing-shared", r"""
        import multiprocessing as mp
        from multiprocessing import shared_memory
        def add(v, l, n):
          for _ in range(200):
            with l: v.value += 1
          s = shared_memory.SharedMemory(name=n); s.buf[0] += 1; s.close()
        if __name__ == '__main__':
          s = shared_memory.SharedMemory(create=True, size=4096); v = mp.Value('i', 0); l = mp.Lock()
          ps = [mp.Process(target=add, args=(v, l, s.name)) for _ in range(1)] + [mp.Process(target=lambda: None)]
          [p.start() for p in ps]; [p.join() for p in ps]; print(v.value, s.buf[0], [p.exitcode for p in ps])
          s.close(); s.unlink(); b = mp.Barrier(3)
          ps = [mp.Process(target=b.wait) for _ in range(2)]; [p.start() for p in ps]; b.wait(); [p.join() for p in ps]; print('barrier')
    """),
    # building
    bash("gcc", r"""
        cd /tmp; cat > a.c <<'E'
        #include <math.h>
        #include <stdio.h>
        #include <stdlib.h>
        int main(int n, char **v) { double s = 0; for (int i = 1; i < 1000000; i++) s += sin(i) / i; printf("%.9f %d %s\n", s, n, v[1]); return 7; }
        E
        gcc -O2 -Wall a.c -o a -lm; ./a x; echo $?; gcc -g -static a.c -o s -lm && ./s y; gcc -c missing.c; echo $?
        readelf -h a | grep -E 'Type|Machine'; nm s | grep -c ' T main'; rm -f a s
    """),
    bash("make", r"""
        mkdir /tmp/m; cd /tmp/m; for i in $(seq 50); do echo "int f$i(int x) { return x + $i; }" > f$i.c; done
        { for i in $(seq 50); do echo "int f$i(int);"; done; echo '#include <stdio.h>'; echo 'int main() { int s = 0;';
          for i in $(seq 50); do echo "s = f$i(s);"; done; echo 'printf("%d\n", s); }'; } > main.c
        printf 'OBJ := $(patsubst %%.c,%%.o,$(wildcard *.c))\nprog: $(OBJ)\n\t@gcc -o $@ $^\n%%.o: %%.c\n\t@gcc -O2 -c $<\nclean:\n\t@rm -f *.o prog\n' > Makefile
        make -j4 -s; ./prog; make -j4 | sed 's/prog/PROG/'; touch f7.c; make -n | wc -l; make clean; ls | wc -l
    """),
    bash("git", _GIT + r"""
        cd /tmp; git init -q -b main r; cd r; for i in $(seq 1000); do mkdir -p d$((i % 20)); echo "file $i" > d$((i % 20))/f$i; done
        git add .; git commit -qm first; git log --oneline | cat; echo more >> d1/f1; git mv d2/f2 d2/moved; git commit -qam second
        git log --stat --format='%H %an %s' | tail -8; git gc -q; git count-objects -v | grep -E 'in-pack|packs'; git fsck; git status --short
        git checkout -q -b side HEAD~1; echo side > d3/f3; git commit -qam side; git checkout -q main; git merge -q side -m merged; git log --graph --oneline | cat
        git clone -q . ../c; cd ../c; git diff HEAD~1 --stat | cat; git rev-parse HEAD
    """ + _CLEAN),
    # archives
    bash("find-sort-checksum", r"""
        find / -xdev -path /proc -prune -o -path /tmp -prune -o -path /dev -prune -o -path /sys -prune -o -printf '%p %y %m %U %G %l\n' |
          grep -v -E '^/(etc/(mtab|hostname|hosts|resolv.conf)|root/\.)' | LC_ALL=C sort | sha256sum;
        find /usr -type f | wc -l
    """),
    bash("tar-xz-tar", r"""
        tar -C /usr/share -cf - --sort=name --mtime=@0 perl5 python3 | xz -T2 -1 | tee /tmp/t.xz | xz -dc | tar -xf - -C /tmp;
        xz -lq /tmp/t.xz > /dev/null && echo fine; diff -r /usr/share/python3 /tmp/python3 && echo same; find /tmp -type f | wc -l;
        for z in gzip bzip2 zstd; do tar -C /data -cf - --mtime=@0 . | $z -c | $z -dc | tar -tf - | wc -l; done
    """ + _CLEAN),
    bash("patch-diff", r"""
        cd /tmp; cp -r /data a; cp -r a b; sed -i s/fig/FIG/ b/words.txt; echo new > b/new; rm b/table.csv
        diff -ruN --label x --label y a/words.txt b/words.txt; diff -rq a b; diff -ruN a b > p; cd a; patch -sp1 < ../p; cd ..; diff -r a b && echo same; rm p
    """),
    # tools
    bash("openssl", r"""
        cd /tmp; openssl genrsa -out k 2048 2>/dev/null; openssl req -new -x509 -key k -subj /CN=row -days 9 -out c; openssl verify -CAfile c c
        openssl dgst -sha256 -sign k -out s /data/words.txt; openssl rsa -in k -pubout -out p 2>/dev/null; openssl dgst -sha256 -verify p -signature s /data/words.txt
        openssl enc -aes-256-cbc -pbkdf2 -k x -in /data/binary | openssl enc -d -aes-256-cbc -pbkdf2 -k x | cmp - /data/binary && echo same
        openssl rand -hex 16 | wc -c; echo -n abc | openssl sha512; rm *
    """),
    bash("sqlite-wal", r"""
        cd /tmp; sqlite3 d "pragma journal_mode=wal; create table t(i integer primary key, v text);
          with recursive n(x) as (select 1 union all select x + 1 from n where x < 100000) insert into t select x, hex(x * 7919) from n;
          create index v on t(v); select count(*), sum(i), max(v) from t; update t set v = v || 'x' where i % 10 = 0; pragma integrity_check"
        for i in 1 2 3 4; do sqlite3 -cmd '.timeout 20000' d "begin immediate; insert into t(v) values('w$i'); commit" & done; wait
        sqlite3 d "select count(*) from t; pragma wal_checkpoint(truncate)"; sqlite3 d .dump | tail -2; ls; rm d*
    """),
    bash("bc-file-less", r"""
        echo 'scale=50; 4*a(1)' | bc -l; echo '2^200' | bc; file -b /data/words.txt /data/tree/link /dev/null; less /data/words.txt | head -2;
        vim.tiny -es -u NONE /data/words.txt -c 'g/a/d' -c '%p' -c 'q!'
    """),
    bash("perl", r"""
        perl -MPOSIX -MIO::Select -MSocket -e 'socketpair(A, B, AF_UNIX, SOCK_STREAM, 0); if (!fork) { close A; print B "child $_\n" for 1..3; exit 5 }
          close B; print while <A>; wait; print $? >> 8, "\n"; print strftime("%Y", gmtime 0), "\n"; printf "%s\n", join ",", map { sprintf "%02x", ord } split //, pack "NvC", 1, 2, 3;
          open F, "+>", undef; print F "unnamed"; seek F, 0, 0; print <F>, "\n"; print -s "/data/binary", " ", (stat "/data")[2] & 0777, "\n"'
    """),
    bash("ps", r"""
        sleep 1000 & sleep 1001 & ps -o ppid=,state=,args= -C sleep | tr -s ' '; ps --no-headers -o comm= -p $$; ps aux | head -1 | tr -s ' '; pgrep -c sleep; pkill sleep; wait; pstree 2>&1 | head -1;
        cat /proc/$$/status | grep -E '^(Name|State|PPid|Threads|Uid)' | sed 's/State.*/State/'; kill -0 $$ && echo alive
    """),
    bash("top", "top -b -n 1 | head -7 | sed 's/[0-9.]\\+/N/g'; top -b -n 2 -d 0.1 | grep -c '^top'",
         predicate=lambda outcome: outcome.status == 0 and re.search(r"^Tasks: +N total", outcome.stdout, re.M) is not None and
         re.search(r"^2$", outcome.stdout, re.M) is not None and re.search(r"PID USER", outcome.stdout) is not None,
         reason="the numbers are the machine's"),
    # packages
    bash("dpkg", _PACKAGE + r"""
        dpkg -i /tmp/repo/hello-row_1.0_all.deb; hello-row; dpkg -s hello-row | head -2; dpkg -L hello-row; dpkg -r hello-row; hello-row; echo $?; dpkg -P hello-row
        dpkg --verify coreutils | grep -v ' /usr/share/' | head; dpkg -l | wc -l
    """ + _CLEAN),
    bash("apt", _PACKAGE + r"""
        cd /tmp/repo; { dpkg-deb -f hello-row_1.0_all.deb; echo "Filename: ./hello-row_1.0_all.deb"; echo "Size: $(stat -c %s hello-row_1.0_all.deb)";
          echo "SHA256: $(sha256sum < hello-row_1.0_all.deb | cut -d' ' -f1)"; } > Packages
        mv /etc/apt/sources.list /etc/apt/kept; echo 'deb [trusted=yes] file:/tmp/repo ./' > /etc/apt/sources.list
        mkdir -p /var/cache/apt/archives/partial /var/lib/apt/lists/partial; chmod 755 /tmp
        apt-get -qq update 2>&1; apt-get -qq -y install hello-row 2>&1 | grep -v -E 'debconf|^$|Reading database'; hello-row; apt-cache policy hello-row | head -3; apt-get -qq -y purge hello-row 2>&1 | grep -c Removing
        mv /etc/apt/kept /etc/apt/sources.list; rm -rf /var/lib/apt/lists/*repo*; apt-get check -qq; echo $?
    """ + _CLEAN),
]
