# SPDX-License-Identifier: Apache-2.0
"""Rows that run programs of Debian 12: bash, coreutils, grep, sed, gawk and their neighbours."""

import re
import textwrap

from apps.compare import Row


def without_pids(output):
    """Bash names the pid of a job that a signal ended."""
    return re.sub(r"(line \d+:) +\d+", r"\1 PID", output)


NO_PIDS = {"normalise": without_pids, "reason": "which pid comes next depends on the threads the runtime starts first"}


def run(name, *argv, **compare):
    return Row(f"debian/{name}", "debian", argv, **compare)


def text(script):
    """A script written as an indented block."""
    return textwrap.dedent(script).strip()


def bash(name, script, **compare):
    return run(f"bash-{name}", "bash", "-c", text(script), **compare)


ROWS = [
    # bash
    bash("pipeline", r"""
        seq 1000 | grep 7 | sort -r | head -5; echo ${PIPESTATUS[@]}; false | true; echo ${PIPESTATUS[@]}
    """),
    bash("arrays", r"""
        declare -A m=([x]=1 [y]=2); a=(one 'two three' four); echo ${#a[@]} "${a[1]}" ${m[y]} ${a[@]: -1}
    """),
    bash("expansion", r"""
        s=hello-world; echo ${s^^} ${s#*-} ${s/l/L} ${s:1:3} {a..e} {01..10..3} $((2 ** 40)) ${none:-default}
    """),
    bash("here-string", r"""
        read -r a b <<< 'first second third'; echo "$b|$a"; mapfile -t lines < /data/words.txt;
        echo ${#lines[@]}
    """),
    bash("process-substitution", r"""
        diff <(sort /data/words.txt) <(sort -u /data/words.txt); echo $?; paste <(seq 3) <(seq 4 6)
    """),
    bash("trap", r"""
        trap 'echo term' TERM; trap 'echo exit $?' EXIT; kill -TERM $$; (trap 'echo sub' USR1;
        kill -USR1 $BASHPID); exit 9
    """),
    bash("jobs", r"""
        for i in 1 2 3; do (exit $i) & p+=($!); done; for i in ${p[@]}; do wait $i; echo $?; done;
        (exit 7) & wait -n; echo $?
    """),
    bash("coproc", r"""
        coproc cat; echo ping >&${COPROC[1]}; read -u ${COPROC[0]} answer; echo $answer;
        kill $COPROC_PID; wait $COPROC_PID; echo $?
    """),
    bash("redirections", r"""
        exec 5> /tmp/out; echo five >&5; exec 5>&-; cat /tmp/out; ls /none 2>&1 >/dev/null | wc -l;
        cat < /none; echo $?
    """),
    bash("limits", "ulimit -n; ulimit -n 64; ulimit -n; ulimit -Sn 32; ulimit -Hn; ulimit -n 100000000"),
    bash("errors", "set -eu; echo before; unset_command_name; echo never"),
    bash("signals-of-children", r"""
        sh -c 'kill -SEGV $$'; echo $?; sh -c 'kill -KILL $$'; echo $?; sh -c 'exit 300'; echo $?
    """, **NO_PIDS),
    bash("fork-tree", r"""
        f() { [ $1 -gt 0 ] && { f $(($1 - 1)) & f $(($1 - 1)) & wait; }; echo $1; }; f 4 | sort | uniq -c
    """),
    bash("globs", "shopt -s globstar nullglob; cd /data; echo **/*.txt [tw]* *.none"),
    bash("exec", "exec -a renamed bash -c 'echo $0 $BASH_ARGV0; exec true'"),
    bash("big-pipe", "head -c 3000000 /dev/zero | tr '\\0' x | wc -c; yes | head -n 100000 | md5sum"),
    # coreutils and neighbours
    bash("ls", "cd /data; ls -lnR --time-style=+%s --block-size=1 tree | grep -v ^total; ls -1 | LC_ALL=C sort"),
    bash("sort-join", r"""
        cd /tmp; sort -t, -k3,3 -k2n /data/table.csv; sort /data/words.txt | uniq -c | sort -k1,1nr -k2;
        seq 5 | tac | shuf --random-source=/data/binary
    """),
    bash("cp-mv-install", r"""
        cd /tmp; cp -a /data/tree t; mv t u; install -m 750 /data/binary u/prog; ln u/one.txt hard;
        stat -c '%n %a %h %s' u/prog hard; rm -r u; ls
    """),
    bash("checksums", r"""
        cd /data; sha512sum binary; md5sum words.txt | md5sum -c --status - ; echo $?; b2sum numbers.txt;
        cksum binary; base32 < words.txt
    """),
    bash("text", r"""
        cd /data; cut -d, -f2 table.csv | paste -sd+ ; tr -s a-z < words.txt; fmt -w 20 words.txt;
        expand -t 4 table.csv; numfmt --to=iec 1048576; nl -ba words.txt | od -c | head -5
    """),
    bash("dd-truncate", r"""
        cd /tmp; truncate -s 1M f; dd if=/data/binary of=f bs=1 seek=500000 conv=notrunc status=none;
        md5sum f; stat -c %s f; split -b 300K f p; ls; cat p* | cmp - f
    """),
    bash("env-timeout", r"""
        env -i X=1 /usr/bin/env; timeout 0.2 sleep 1000; echo $?; timeout -s KILL 0.2 sleep 1000;
        echo $?; nice -n 5 nice; nohup true
    """, **NO_PIDS),
    bash("tar-gzip", r"""
        cd /data; tar -cf - tree | gzip -9n > /tmp/t.gz; cd /tmp;
        gunzip -c t.gz | tar -tvf - --numeric-owner --utc; mkdir x; tar -xzf t.gz -C x;
        diff -r x/tree /data/tree && echo same; rm t.gz
    """),
    bash("find", r"""
        cd /data; find . -printf '%y %m %p %l\n' | sort; find . -name '*.txt' -exec grep -H . {} +;
        find tree -type d -empty; find / -maxdepth 1 -name 'n*'
    """),
    bash("xargs-parallel", "seq 40 | xargs -P 4 -n 5 sh -c 'echo $(($1 + $5))' sh | sort -n"),
    bash("mkfifo", r"""
        cd /tmp; mkfifo p; (for i in 1 2 3; do echo line $i; done > p) & while read l; do echo got $l;
        done < p; wait
    """),
    bash("permissions", r"""
        cd /tmp; umask 027; touch f; mkdir d; stat -c '%a %n' f d; chmod 4755 f; stat -c %A f;
        touch -d @1000000000 f; stat -c %y f
    """),
    bash("grep", r"""
        cd /data; grep -c a words.txt; grep -rn two . | sort; grep -P '^(\w)\w*\1$' words.txt;
        grep -oE '[0-9]+' table.csv; grep nothing words.txt; echo $?
    """),
    bash("sed", r"""
        cd /tmp; cp /data/table.csv .; sed -i.bak -e '1d' -e 's/\(.*\),\(.*\),/\2:\1:/' table.csv;
        cat table.csv; ls; sed -n '/bob/,/cid/p;$=' table.csv.bak
    """),
    run("awk", "gawk", "-F,", text(r"""
        NR > 1 {n[$3]++; s[$3] += $2}
        END {
          PROCINFO["sorted_in"] = "@ind_str_asc"
          for (c in n) printf "%s %d %.2f\n", c, n[c], s[c] / n[c]
          while (("seq 3" | getline l) > 0) print l
          print strftime("%F", 86400, 1)
        }
    """), "/data/table.csv"),
    bash("date-cal", r"""
        date -u -d @1700000000 +'%F %T %a %j'; TZ=UTC0 date -d '2024-02-28 + 2 days' +%F;
        date -u -d 'not a date'
    """),
    bash("procfs", r"""
        readlink /proc/self/exe; tr '\0' ' ' < /proc/self/cmdline; echo; ls /proc/self/fd | wc -l;
        cat /proc/self/comm; readlink /proc/self/cwd; grep -c . /proc/self/maps > /dev/null && echo maps
    """),
    run("ps", "ps", "-eo", "pid,ppid,comm",
        predicate=lambda outcome: outcome.status == 0 and re.search(r"^ +1 +0 ps$", outcome.stdout, re.M) is not None,
        reason="ps is pid 1 of its own list and has no parent there"),
    bash("missing-program", "/usr/bin/none; echo $?; /data; echo $?; /data/words.txt; echo $?"),
]
