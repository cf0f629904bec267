# SPDX-License-Identifier: Apache-2.0
"""Rows that run busybox applets: sh(...) is a shell line, applet(...) runs the applet itself as the container's init."""

import re

from apps.compare import Row


def applet(*argv, name=None, **compare):
    return Row(f"busybox/{name or argv[0]}", "busybox", ("busybox", *argv), **compare)


def sh(name, script, **compare):
    return Row(f"busybox/{name}", "busybox", ("sh", "-c", script), **compare)


ROWS = [
    applet("ash", "-c", "echo from ash; exit 7"),
    applet("awk", "-F,", "NR > 1 {sum += $2; n++} END {print sum / n}", "/data/table.csv"),
    applet("base64", "/data/binary"),
    applet("basename", "/data/table.csv", ".csv"),
    applet("cal", "2", "2024"),
    applet("cat", "/data/words.txt", "/data/missing"),
    sh("chmod", "cd /tmp; echo x > f; chmod 640 f; stat -c '%a %A' f; chmod u+x,g-r f; stat -c %a f"),
    sh("chown", "cd /tmp; echo x > f; chown 1000:1000 f; stat -c '%u %g %U' f"),
    applet("cmp", "/data/words.txt", "/data/table.csv"),
    sh("cp", "cp -a /data/tree /tmp/copy; cp /data/binary /tmp; ls -1R /tmp; cp /none /tmp"),
    applet("cut", "-d,", "-f1,3", "/data/table.csv"),
    applet("date", "-u", "-d", "@1700000000", "+%Y-%m-%d %H:%M:%S %a"),
    sh("dd", "dd if=/data/binary of=/tmp/part bs=100 skip=3 count=7 2>/dev/null; md5sum /tmp/part"),
    applet("diff", "/data/words.txt", "/data/table.csv"),
    applet("dirname", "/data/tree/one.txt"),
    applet("echo", "-e", "tab\\there", "$HOME"),
    applet("env", "-i", "A=1", "B=two", "env"),
    applet("expr", "17", "*", "3", "+", "length", "abcd", name="expr-length"),
    applet("expr", "17", "*", "3"),
    applet("factor", "1000000007", "720720"),
    applet("false"),
    sh("find", "find /data -type f -name '*.txt' | sort; find /data -size +3 -exec basename {} \\;"),
    applet("fold", "-w", "10", "/data/table.csv"),
    applet("grep", "-n", "a.*a", "/data/words.txt"),
    sh("gzip", "gzip -c /data/binary > /tmp/b.gz; gunzip -c /tmp/b.gz | cmp - /data/binary && echo same"),
    applet("head", "-n", "3", "/data/numbers.txt"),
    applet("hexdump", "-C", "/data/binary"),
    applet("hostname"),
    applet("id"),
    # Whether the shell says "Terminated" depends on whether the child is dead before it waits.
    sh("kill", "sleep 1000 & kill -TERM $!; wait $! 2>/dev/null; echo $?; kill -0 999999"),
    sh("ln", "cd /tmp; echo x > f; ln f hard; ln -s f soft; readlink soft; stat -c %h f; ln f hard"),
    applet("ls", "-1F", "/data", "/data/tree"),
    sh("ls-long", "ls -ln /data/tree"),
    applet("md5sum", "/data/binary", "/data/words.txt"),
    sh("mkdir", "mkdir -p /tmp/a/b/c && ls -d /tmp/a/b/c; mkdir /tmp/a; rmdir /tmp/a; rmdir /tmp/a/b/c; ls /tmp/a/b"),
    sh("mkfifo", "mkfifo /tmp/p; (echo through > /tmp/p) & cat /tmp/p; wait; stat -c %F /tmp/p"),
    sh("mktemp", "f=$(mktemp /tmp/XXXXXX); test -f $f && stat -c %a $f; rm $f"),
    sh("mv", "cd /tmp; echo x > a; mv a b; ls; mkdir d; mv b d; ls d; mv none x"),
    applet("nl", "/data/words.txt"),
    applet("nproc"),
    applet("od", "-A", "x", "-t", "x1", "/data/binary"),
    sh("paste", "cd /tmp; seq 3 > a; seq 4 6 > b; paste -d: a b"),
    applet("printf", "%05d|%x|%-6s|%s\\n", "42", "255", "ab", "end"),
    applet("ps", predicate=lambda outcome: outcome.status == 0 and re.search(r"\bps\b", outcome.stdout) is not None,
           reason="ps lists itself; pids and columns of a process list are its own affair"),
    applet("pwd"),
    sh("realpath", "cd /data; realpath tree/link ../etc/passwd; realpath /none/x"),
    applet("rev", "/data/words.txt"),
    sh("rm", "cp -a /data/tree /tmp/t; rm -r /tmp/t; ls /tmp; rm /tmp/none; rm -f /tmp/none"),
    applet("sed", "-n", "s/\\(a\\)p/[\\1]/p;$=", "/data/words.txt"),
    applet("seq", "-s", " ", "1", "3", "20"),
    applet("sha256sum", "/data/binary"),
    sh("shell-arithmetic", "i=0; while [ $i -lt 500 ]; do i=$((i + 1)); done; echo $i $((i * 3 % 7)) $((0x10))"),
    sh("shell-here-document", "cat <<END\none $((1 + 1))\n$(echo three)\nEND"),
    sh("shell-pipeline", "cat /data/words.txt | sort | uniq -c | sort -rn | head -2; echo ${PIPESTATUS:-none}"),
    sh("shell-subshells", "x=1; (x=2; echo $x); echo $x; { echo group; exit 3; } | cat; echo $?"),
    sh("shell-trap", "trap 'echo caught' USR1; kill -USR1 $$; trap 'echo bye' EXIT; exit 4"),
    sh("shell-wait", "(exit 5) & a=$!; (exit 6) & b=$!; wait $a; echo $?; wait $b; echo $?"),
    applet("sleep", "0"),
    applet("sort", "-n", "-u", "/data/numbers.txt"),
    applet("stat", "-c", "%n %s %F %a %Y %h", "/data/words.txt", "/data/tree/link"),
    applet("tac", "/data/words.txt"),
    applet("tail", "-n", "2", "/data/numbers.txt"),
    sh("tar",
       "cd /data; tar -cf /tmp/t.tar tree; tar -tf /tmp/t.tar | sort; cd /tmp; tar -xf t.tar; rm t.tar; ls -1R tree"),
    applet("tee", "/tmp/copy", stdin="to both\n"),
    sh("test", "[ -d /data ] && [ ! -e /none ] && [ -L /data/tree/link ] && [ 3 -gt 2 ] && echo all; [ a = b ]"),
    sh("timeout", "timeout 1 sleep 1000; echo $?; timeout 100 true; echo $?"),
    sh("touch", "touch -d '2001-02-03 04:05:06' /tmp/f; stat -c %y /tmp/f; touch /none/f"),
    applet("tr", "a-z", "A-Z", stdin="lower Case\n"),
    applet("true"),
    sh("truncate", "cd /tmp; truncate -s 5000 f; stat -c %s f; truncate -s 10 f; od -c f"),
    applet("uname", "-s", "-m", "-n"),
    applet("uniq", "-c", "/data/words.txt"),
    applet("wc", "/data/words.txt", "/data/binary"),
    applet("which", "sh", "ls", "nothing"),
    applet("whoami"),
    sh("xargs", "seq 10 | xargs -n 3 echo; find /data -type f | sort | xargs wc -c"),
    sh("yes", "yes ok | head -n 1000 | md5sum"),
    applet("no-such-applet"),
]
