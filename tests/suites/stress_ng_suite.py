# SPDX-License-Identifier: Apache-2.0
"""stress-ng's stressors, each for two seconds with its own verification, as a user without privileges."""

from suites.suite import Program, Suite

# Of Debian 12's stress-ng 0.15.06, those that run natively as a user and need no network and no device.
STRESSORS = """
access affinity aio aiol alarm atomic bad-altstack bigheap branch brk bsearch cache cacheline cap chattr chdir
chmod chown clone close context copy-file cpu crypt daemon dekker dentry dir dirdeep dirmany dnotify dup dynlib
enosys env epoll eventfd exec exit-group fallocate far-branch fault fcntl fiemap fifo file-ioctl filename flock
flushcache fork forkheavy fp fp-error fpunch fsize fstat full funccall funcret futex get getdent getrandom goto
handle hash heapsort hrtimers hsearch icache idle-page inode-flags inotify io io-uring iomix ioprio itimer jpeg
judy kcmp key kill landlock lease link list llc-affinity loadavg locka lockbus lockf lockofd longjmp loop
lsearch madvise malloc matrix matrix-3d mcontend membarrier memcpy memfd memrate memthrash mergesort mincore
misaligned mknod mlock mlockmany mmap mmapaddr mmapfixed mmapfork mmaphuge mmapmany mprotect mq mremap msg msync
msyncmany munmap mutex nanosleep nice nop null numa opcode open pagemove pageswap personality peterson pidfd
pipe pipeherd pkey plugin poll prctl prefetch priv-instr procfs pthread ptrace pty qsort race-sched radixsort
randlist rdrand readahead regs remap rename resched resources revio ring-pipe rlimit rmap rotate rseq
schedpolicy seal seccomp secretmem seek sem sem-sysv sendfile session set shellsort shm shm-sysv sigabrt sigchld
sigfd sigfpe sigio signal signest sigpending sigpipe sigq sigrt sigsegv sigsuspend sigtrap skiplist sleep
sockpair sparsematrix spawn splice stack stackmmap str stream swap switch symlink sync-file syncload sysbadaddr
syscall sysinfo sysinval tee timer timerfd tlb-shootdown touch tree tsc tsearch umount unshare urandom
userfaultfd utime vdso vecfp vecmath vecshuf vecwide vfork vforkmany vm vm-addr vm-rw vm-segv vm-splice wait
waitcpu wcs x86syscall xattr yield zero zlib zombie
""".split()

# stress-ng's exit statuses.
_OUTCOMES = {0: "ok", 2: "failed", 3: "no resource", 4: "not implemented", 5: "killed", 6: "bad exit", 7: "not measured"}


def _programs():
    # On a tmpfs: some fill whatever disk they get.
    return [Program(name, ("sh", "-c", f"cd /tmp && exec stress-ng --verify --timeout 2 --{name} 1"), timeout=60, uid=1000,
                    tmp_size="1g")
            for name in STRESSORS]


def parse(program, status, _output):
    return {program.name: _OUTCOMES.get(status, f"status {status}")}


SUITE = Suite("stress-ng", "debian-suites", _programs, parse)
