# SPDX-License-Identifier: Apache-2.0
"""What config.json says about the process, its root and its mounts, seen from inside."""

import array
import json
import os
import shutil
import socket
import stat

from oci.box import bundle, case, check, equal


@case
def process_settings(box):
    box.config("id -u; id -g; id -G; pwd; umask; echo $A:$B; hostname", process__user={"uid": 12, "gid": 34,
               "additionalGids": [56, 78], "umask": 0o27}, process__cwd="/tmp",
               process__env=["PATH=/bin", "A=1", "B=a b"], hostname="some.host")
    box.prints("12\n34\n34 56 78\n/tmp\n0027\n1:a b\nsome.host\n")


@case
def home_comes_from_passwd(box):
    box.config("echo $HOME", process__env=["PATH=/bin"])
    box.prints("/root\n")


@case
def rlimits(box):
    box.config("ulimit -n; ulimit -H -n; ulimit -c; ulimit -H -t; ulimit -s", process__rlimits=[
        {"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200}, {"type": "RLIMIT_CORE", "soft": 0, "hard": 0},
        {"type": "RLIMIT_CPU", "soft": 1000, "hard": 2000}, {"type": "RLIMIT_STACK", "soft": 1 << 20, "hard": 1 << 21}])
    box.prints("100\n200\n0\n2000\n1024\n")


@case
def capabilities(box):
    sets = {"bounding": ["CAP_KILL", "CAP_CHOWN"], "permitted": ["CAP_KILL", "CAP_CHOWN"], "effective": ["CAP_KILL"],
            "inheritable": ["CAP_CHOWN"], "ambient": ["CAP_CHOWN"]}
    box.config("cat", "/proc/self/status", process__capabilities=sets, process__user={"uid": 1000, "gid": 1000})
    status, out, err = box.run()
    equal((status, err), (0, ""), "run")
    found = {line.split()[0]: int(line.split()[1], 16) for line in out.splitlines() if line.startswith("Cap")}
    # An exec by somebody who is not root leaves what is ambient.
    equal(found, {"CapInh:": 1, "CapPrm:": 1, "CapEff:": 1, "CapBnd:": 0x21, "CapAmb:": 1}, "capabilities")


@case
def without_a_capability_there_is_no_power(box):
    box.config("chown 5 /tests; echo $?; hostname other; echo $?; cat /etc/passwd >/dev/null; echo $?",
               process__capabilities={name: [] for name in ("bounding", "permitted", "effective")})
    equal(box.run()[1], "1\n1\n0\n", "output")


@case
def no_new_privileges(box):
    box.config("grep NoNewPrivs /proc/self/status", process__noNewPrivileges=True)
    box.prints("NoNewPrivs:\t1\n")


@case
def a_read_only_root(box):
    box.config("touch /x; echo $?; touch /dev/shm/x; echo $?", root__readonly=True)
    equal(box.run()[1], "1\n0\n", "output")


@case
def a_readonly_root_gets_its_mount_points(box):
    (box.rootfs / "to-tmp").symlink_to("/tmp")
    shared = box.directory / "shared"
    shared.mkdir()
    (shared / "file").write_text("shared\n")
    binds = [{"destination": place, "type": "bind", "source": str(source), "options": ["rbind", "ro"]}
             for place, source in (("/new/place", shared), ("/to-tmp/one", shared / "file"), ("/new/place2/two", shared))]
    configuration = box.config("cat /new/place/file /tmp/one /new/place2/two/file; touch /x || echo refused", root__readonly=True)
    configuration["mounts"] += binds
    bundle.write(box.directory, configuration)
    try:
        status, out, err = box.run()
        equal((status, out), (0, "shared\n" * 3 + "refused\n"), err.strip())
        check((box.rootfs / "tmp/one").is_file(), "what a file is mounted on is a file")
    finally:
        (box.rootfs / "to-tmp").unlink()
        (box.rootfs / "tmp/one").unlink(missing_ok=True)
        shutil.rmtree(box.rootfs / "new", ignore_errors=True)


@case
def masked_and_read_only_paths(box):
    box.config("cat /etc/passwd; ls -A /tests; touch /tests/x; echo $?; touch /tmp/x; echo $?; ls /nowhere 2>/dev/null; "
               "echo $?", linux__maskedPaths=["/etc/passwd", "/tests", "/nowhere"], linux__readonlyPaths=["/tmp", "/nowhere"])
    equal(box.run()[1], "1\n1\n1\n", "output")


@case
def mounts(box):
    host = box.directory / "host"
    host.mkdir()
    (host / "file").write_text("from the host\n")
    box.config("cat /mnt/a/file /single; touch /mnt/a/new; echo $?; touch /mnt/b/new; echo $?; echo x > /scratch/y; "
               "cat /scratch/y; dd if=/dev/zero of=/scratch/big bs=1M count=2 2>/dev/null; echo $?", mounts=[
                   {"destination": "/proc", "type": "proc", "source": "proc"},
                   {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["mode=755"]},
                   {"destination": "/mnt/a", "type": "bind", "source": str(host), "options": ["rbind", "rw"]},
                   {"destination": "/mnt/b", "type": "bind", "source": str(host), "options": ["bind", "ro"]},
                   {"destination": "/single", "type": "bind", "source": str(host / "file"), "options": ["bind", "ro"]},
                   {"destination": "/scratch", "type": "tmpfs", "source": "tmpfs", "options": ["size=1m", "mode=700"]}])
    equal(box.run()[1], "from the host\nfrom the host\n0\n1\nx\n1\n", "output")
    equal(sorted(os.listdir(host)), ["file", "new"], "the host's directory")
    for name in ("mnt/a", "mnt/b", "mnt", "scratch"):
        os.rmdir(box.rootfs / name)
    os.unlink(box.rootfs / "single")


@case
def default_devices(box):
    box.config("for d in null zero full random urandom tty; do stat -c '%n %F %t:%T %a' /dev/$d; done; "
               "for l in fd stdin stdout stderr; do readlink /dev/$l; done; echo x > /dev/null; head -c 3 /dev/zero | wc -c")
    box.prints("".join(f"/dev/{name} character special file {number} 666\n" for name, number in (
        ("null", "1:3"), ("zero", "1:5"), ("full", "1:7"), ("random", "1:8"), ("urandom", "1:9"), ("tty", "5:0"))) +
               "/proc/self/fd\n/proc/self/fd/0\n/proc/self/fd/1\n/proc/self/fd/2\n3\n")


@case
def listed_devices(box):
    box.config("stat -c '%F %t:%T %a %u:%g' /dev/other/null /dev/net/tun", linux__devices=[
        {"path": "/dev/other/null", "type": "c", "major": 1, "minor": 3, "fileMode": 0o640, "uid": 5, "gid": 6},
        {"path": "/dev/net/tun", "type": "c", "major": 10, "minor": 200}])
    box.prints("character special file 1:3 640 5:6\ncharacter special file a:c8 666 0:0\n")


@case(ours="runc gives what the host has")
def other_devices_are_refused(box):
    box.config("exit 0", linux__devices=[{"path": "/dev/null", "type": "c", "major": 1, "minor": 3},
                                         {"path": "/dev/sda", "type": "b", "major": 8, "minor": 0}])
    box.bad("run", "--bundle", box.directory, box.id, message="linux.devices[1]: /dev/sda")
    box.config("exit 0", linux__devices=[{"path": "/dev/mem", "type": "c", "major": 1, "minor": 1}])
    box.bad("run", "--bundle", box.directory, box.id, message="linux.devices[0]: /dev/mem")


@case(ours="runc knows each type that the kernel knows")
def mounts_of_an_unknown_type_are_refused(box):
    box.config("exit 0", mounts=[{"destination": "/mnt", "type": "nofs", "source": "x"}])
    box.bad("run", "--bundle", box.directory, box.id, message='mounts[0].type: unknown filesystem type "nofs"')


@case
def inherited_descriptors(box):
    source, target = os.pipe()
    try:
        box.config("cat <&3; ls /proc/self/fd | wc -l")
        os.write(target, b"by descriptor 3\n")
        os.close(target)
        target = -1

        def place():
            os.dup2(source, 3)
            os.set_inheritable(3, True)
        status, out, err = box.run("--preserve-fds", "1", preexec_fn=place, close_fds=False)
        # 0, 1, 2, 3 and the directory.
        equal((status, out), (0, "by descriptor 3\n5\n"), err)
    finally:
        os.close(source)
        if target >= 0:
            os.close(target)


@case
def no_descriptor_of_the_callers_gets_in(box):
    box.config("ls /proc/self/fd")
    with open("/etc/passwd", "rb") as extra:
        os.set_inheritable(extra.fileno(), True)
        status, out, _ = box.run(close_fds=False)
    equal((status, out.split()), (0, ["0", "1", "2", "3"]), "descriptors")


@case
def a_terminal_goes_to_the_console_socket(box):
    path = str(box.directory / "console")
    box.config("test -t 0 && test -t 1 && echo on a terminal; read line; echo got $line; exit 4", process__terminal=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(path)
        listener.listen()
        box.create("--console-socket", path, "--pid-file", box.directory / "pid")
        with listener.accept()[0] as connection:
            _, ancillary, _, _ = connection.recvmsg(100, socket.CMSG_SPACE(4))
    master = array.array("i", ancillary[0][2])[0]
    try:
        box.start()
        text = b""
        while b"on a terminal\r\n" not in text:
            text += os.read(master, 1000)
        os.write(master, b"typed\n")
        while b"got typed\r\n" not in text:
            text += os.read(master, 1000)
    finally:
        os.close(master)
    box.until("stopped")


@case
def a_detached_terminal_needs_a_console_socket(box):
    box.config("exit 0", process__terminal=True)
    box.bad("create", "--bundle", box.directory, box.id, message="--console-socket")


@case
def spec_writes_a_bundle_that_runs(box):
    box.good("spec", "--bundle", box.directory)
    path = box.directory / "config.json"
    configuration = json.loads(path.read_text())
    configuration["process"].update(terminal=False, args=["sh", "-c", "echo it runs; touch /x"])
    configuration["root"]["path"] = str(box.rootfs)
    path.write_text(json.dumps(configuration))
    if box.is_ours:
        equal(box.run()[:2], (1, "it runs\n"), "run")
    box.bad("spec", "--bundle", box.directory)


@case
def a_file_of_the_root_is_written_through(box):
    box.config("echo written > /tmp/through; ls -l /tmp/through >/dev/null; cat /tmp/before", )
    (box.rootfs / "tmp/before").write_text("before\n")
    box.prints("before\n")
    equal((box.rootfs / "tmp/through").read_text(), "written\n", "the host's file")
    equal(stat.S_IMODE((box.rootfs / "tmp/through").stat().st_mode), 0o644, "mode")
    os.unlink(box.rootfs / "tmp/through")
    os.unlink(box.rootfs / "tmp/before")
