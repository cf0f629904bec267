// SPDX-License-Identifier: Apache-2.0
//
// Makes random system calls in several processes and threads, as the first process of a container made for that. Never
// run it anywhere else: it takes what it can get.
//   syscall_fuzzer --seed N --seconds S [--workers P]     the supervisor: prints "fuzz: calls N" every second, at the
//   end
//                                                         "fuzz: done N"; "fuzz: hung ..." when a process cannot be
//                                                         killed
//   syscall_fuzzer --worker SEED [--print]                one worker, one thread, a few thousand calls
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

#include "tests/fuzz/arguments.h"
#include "tests/fuzz/call_table.h"
#include "tests/fuzz/raw_call_amd64.h"

namespace fuzz {
namespace {

constexpr int kMaxWorkers = static_cast<int>(Pids::kMax);
constexpr int kMaxThreads = 4;
constexpr int64_t kSweepNs = 3'000'000'000;  // Every so often all processes are killed.
constexpr int64_t kLifeNs = 900'000'000;     // Of a worker.
constexpr int64_t kIdleNs = 120'000'000;     // A worker that makes no call for so long is blocked for good: killed.
constexpr int64_t kTickNs = 20'000'000;
constexpr uint64_t kMostCallsOfTick = 1'000'000;
constexpr int64_t kGoneNs = 60'000'000'000;  // Killed processes that are not gone by then never will be.
constexpr long kCallsOfChild = 60;
constexpr long kCallsOfLoneWorker = 5000;
constexpr int kMaxNumber = 480;

// Shared by the supervisor and all workers.
struct Shared {
  std::atomic<uint64_t> calls[kMaxWorkers];
  Pids pids;
};

int64_t Now() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

void OnNudge(int) {}

// The supervisor does nothing that could earn it such a signal.
void OnFault(int signal, siginfo_t* info, void* context) {
  if (info->si_code <= 0) return;  // Sent by a worker.
  const auto ip = static_cast<uintptr_t>(static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP]);
  char text[256];
  int length =
      snprintf(text, sizeof(text), "fuzz: failed: the supervisor had signal %d, code %d, at %#lx, address %p\n", signal,
               info->si_code, ip, info->si_addr);
  (void)!write(1, text, static_cast<size_t>(length));
  _exit(1);
}

void SetFaultAction(bool catch_them) {
  struct sigaction action = {};
  action.sa_flags = SA_SIGINFO;
  if (catch_them) action.sa_sigaction = &OnFault;
  for (const int signal : {SIGSEGV, SIGILL, SIGBUS, SIGTRAP, SIGFPE, SIGSYS}) sigaction(signal, &action, nullptr);
}

// What the threads of one worker have in common.
struct Worker {
  Arena arena;
  Pids* pids;
  std::atomic<uint64_t>* calls;
  bool print = false;
};

// A thread makes calls out of a selection of its own: more of them meet than if all were equally likely.
struct Selection {
  static constexpr size_t kMax = 64;
  const CallShape* calls[kMax];
  size_t count = 0;

  explicit Selection(Random& random) {
    count = 8 + random.Below(kMax - 8);
    for (size_t i = 0; i < count; ++i) calls[i] = &Calls()[random.Below(CallCount())];
  }
};

void Loop(const Worker& worker, Random& random, char* scratch, long limit);

// The child of a fork. It has this thread only.
[[noreturn]] void Child(const Worker& worker, uint64_t seed, char* scratch) {
  Random random(seed);
  Loop(worker, random, scratch, kCallsOfChild);
  _exit(0);
}

void MakeCall(const Worker& worker, Random& random, Arguments& make, const CallShape& call, char* scratch) {
  unsigned long arguments[6];
  const size_t shaped = strlen(call.shape);
  for (size_t i = 0; i < 6; ++i) arguments[i] = i < shaped ? make.Make(call.shape[i]) : 0;
  if (worker.print) {
    char line[256];
    const int length = snprintf(line, sizeof(line), "%s(%#lx, %#lx, %#lx, %#lx, %#lx, %#lx)\n", call.name, arguments[0],
                                arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
    if (write(2, line, static_cast<size_t>(length)) < 0) _exit(3);
  }
  worker.calls->fetch_add(1, std::memory_order_relaxed);
  if (call.number == SYS_fork) {
    const uint64_t seed = random.Next();
    if (RawCall(SYS_fork, arguments) == 0) Child(worker, seed, scratch);
  } else if (call.number == SYS_clone || call.number == SYS_clone3 || call.number == SYS_vfork) {
    RawCloneCall(call.number, arguments);
  } else {
    RawCall(call.number, arguments);
  }
}

// Makes `limit` calls, or goes on for ever if that is negative.
void Loop(const Worker& worker, Random& random, char* scratch, long limit) {
  Arguments make(random, worker.arena, *worker.pids, scratch);
  Selection selection(random);
  for (long made = 0; limit < 0 || made < limit; ++made) {
    if (random.Once(256)) {
      // Of a number that has no row, or not this shape. Those that make processes need their own care.
      const CallShape any{static_cast<int>(random.Below(kMaxNumber)), "any", "~~~~~~"};
      if (any.number != SYS_fork && any.number != SYS_clone && any.number != SYS_vfork && any.number != SYS_clone3 &&
          any.number != SYS_exit_group && any.number != SYS_kill && any.number != SYS_fallocate) {
        MakeCall(worker, random, make, any, scratch);
      }
      continue;
    }
    // One call of three is out of all.
    const CallShape& call =
        random.Once(3) ? Calls()[random.Below(CallCount())] : *selection.calls[random.Below(selection.count)];
    if (random.Once(static_cast<uint64_t>(call.rarity))) MakeCall(worker, random, make, call, scratch);
  }
}

// Files and descriptors for the calls to find, and a user.
void Prepare(Random& random) {
  if (mkdir("/tmp/fuzz", 01777) == 0) (void)!symlink("a", "/tmp/fuzz/s");
  chmod("/tmp/fuzz", 01777);
  (void)!chdir(random.Once(3) ? "/dev/shm" : "/tmp/fuzz");
  open("a", O_RDWR | O_CREAT, 0666);
  int pair[2];
  (void)!pipe(pair);
  (void)!socketpair(AF_UNIX, random.Once(2) ? SOCK_STREAM : SOCK_DGRAM, 0, pair);
  open(".", O_RDONLY | O_DIRECTORY);
  const rlimit files{1 << 26, 1 << 26};
  setrlimit(RLIMIT_FSIZE, &files);
  const rlimit descriptors{64 + random.Below(512), 1024};
  setrlimit(RLIMIT_NOFILE, &descriptors);
  struct sigaction action = {};
  action.sa_handler = &OnNudge;
  sigaction(SIGUSR1, &action, nullptr);
  if (random.Once(3)) setpgid(0, 0);
  if (random.Once(3)) (void)!setuid(1000);
}

[[noreturn]] void Work(uint64_t seed, Pids* pids, std::atomic<uint64_t>* calls) {
  Random random(seed);
  Worker worker{{}, pids, calls};
  if (!worker.arena.Map()) _exit(1);
  Prepare(random);
  const auto threads = static_cast<int>(random.Below(kMaxThreads));
  for (int i = 0; i < threads; ++i) {
    std::thread([&worker, i, own = random.Next()] {
      Random mine(own);
      Loop(worker, mine, worker.arena.buffers + static_cast<size_t>(i + 1) * Arguments::kScratch, -1);
    }).detach();
  }
  Loop(worker, random, worker.arena.buffers, -1);
  _exit(0);
}

int WorkAlone(uint64_t seed, bool print) {
  static std::atomic<uint64_t> calls{0};
  static Pids pids;
  Random random(seed);
  Worker worker{{}, &pids, &calls, print};
  if (!worker.arena.Map()) return 1;
  if (!print) Prepare(random);
  Loop(worker, random, worker.arena.buffers, kCallsOfLoneWorker);
  return 0;
}

class Supervisor {
 public:
  Supervisor(uint64_t seed, int workers) : seed_(seed), workers_(workers) {
    void* memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) Fail("mmap");
    shared_ = new (memory) Shared;
    SetFaultAction(true);
    // What is said goes to the sandbox's output from here only: workers have none.
    null_ = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null_ < 0 || dup2(null_, 0) != 0 || dup2(null_, 2) != 2) Fail("/dev/null");
  }

  int Run(int64_t seconds) {
    const int64_t end = Now() + seconds * 1'000'000'000;
    int64_t swept = Now();
    int64_t told = Now();
    while (Now() < end) {
      while (Reap() > 0) {
      }
      for (int i = 0; i < workers_; ++i) Tend(i);
      if (Now() - swept > kSweepNs) {
        Sweep();
        swept = Now();
      }
      if (Now() - told > 1'000'000'000) {
        printf("fuzz: calls %lu\n", calls_);
        fflush(stdout);
        told = Now();
      }
      const timespec tick{0, kTickNs};
      nanosleep(&tick, nullptr);
    }
    Sweep();
    printf("fuzz: done %lu\n", calls_);
    fflush(stdout);
    return 0;
  }

 private:
  struct Slot {
    pid_t pid = 0;
    int64_t started = 0, moved = 0;
    uint64_t calls = 0;
  };

  [[noreturn]] static void Fail(const char* what) {
    printf("fuzz: failed: %s: %s\n", what, strerror(errno));
    fflush(stdout);
    _exit(1);
  }

  // Reaps one process. 0: none is dead; -1: there is none.
  pid_t Reap() {
    int status = 0;
    const pid_t pid = waitpid(-1, &status, WNOHANG | __WALL);
    if (pid < 0) return errno == ECHILD ? -1 : 0;
    for (Slot& slot : slots_) {
      if (pid > 0 && slot.pid == pid) slot.pid = 0;
    }
    return pid;
  }

  void Tend(int index) {
    Slot& slot = slots_[index];
    const int64_t now = Now();
    if (slot.pid == 0) {
      Start(index);
      return;
    }
    const uint64_t calls = shared_->calls[index].load(std::memory_order_relaxed);
    if (calls != slot.calls) {
      // A worker may overwrite its counter: what cannot be true does not count.
      if (calls - slot.calls < kMostCallsOfTick) calls_ += calls - slot.calls;
      slot.calls = calls;
      slot.moved = now;
    }
    const bool over = now - slot.started > kLifeNs || now - slot.moved > kIdleNs;
    kill(slot.pid, over ? SIGKILL : SIGUSR1);
  }

  void Start(int index) {
    const uint64_t seed = Random(seed_ + ++generation_).Next();
    const pid_t pid = fork();
    if (pid == 0) {
      SetFaultAction(false);
      if (dup2(null_, 1) != 1) _exit(1);
      Work(seed, &shared_->pids, &shared_->calls[index]);
    }
    if (pid < 0) return;  // Too many processes for now: at the next tick.
    slots_[index] = {pid, Now(), Now(), shared_->calls[index].load(std::memory_order_relaxed)};
    shared_->pids.pids[index] = pid;
  }

  // Kills everything. Does not return when something does not die.
  void Sweep() {
    const int64_t begun = Now();
    while (true) {
      kill(-1, SIGKILL);
      pid_t pid = 0;
      while ((pid = Reap()) > 0) {
      }
      if (pid < 0) return;
      if (Now() - begun > kGoneNs) break;
      const timespec tick{0, 1'000'000};
      nanosleep(&tick, nullptr);
    }
    printf("fuzz: hung: processes that were killed %ld s ago are there\n", kGoneNs / 1'000'000'000);
    for (int pid = 2; pid < 32768; ++pid) Describe(pid);
    printf("fuzz: hung: that is all\n");
    fflush(stdout);
    // Whoever looks shall find it as it is.
    while (true) pause();
  }

  // Prints what the kernel says of a process, if there is one.
  static void Describe(int pid) {
    char path[64];
    char text[4096];
    snprintf(path, sizeof(path), "/proc/%d/status", pid);
    const int fd = open(path, O_RDONLY);
    if (fd < 0) return;
    const ssize_t length = read(fd, text, sizeof(text) - 1);
    close(fd);
    text[length < 0 ? 0 : length] = 0;
    for (const char* line = strtok(text, "\n"); line != nullptr; line = strtok(nullptr, "\n")) {
      for (const char* wanted :
           {"Name", "State", "Tgid", "PPid", "TracerPid", "Threads", "SigPnd", "ShdPnd", "SigBlk"}) {
        if (strncmp(line, wanted, strlen(wanted)) == 0) printf("fuzz: %d: %s\n", pid, line);
      }
    }
  }

  const uint64_t seed_;
  const int workers_;
  Shared* shared_ = nullptr;
  int null_ = -1;
  Slot slots_[kMaxWorkers];
  uint64_t generation_ = 0;
  uint64_t calls_ = 0;
};

int Main(int argc, char** argv) {
  uint64_t seed = 1;
  long seconds = 10;
  int workers = 4;
  bool print = false;
  bool alone = false;
  for (int i = 1; i < argc; ++i) {
    const std::string option = argv[i];
    const char* value = i + 1 < argc ? argv[i + 1] : "";
    if (option == "--print") {
      print = true;
      continue;
    }
    if (option == "--worker") alone = true;
    if (option == "--seed" || option == "--worker") seed = strtoull(value, nullptr, 0);
    if (option == "--seconds") seconds = atol(value);
    if (option == "--workers") workers = atoi(value);
    ++i;
  }
  if (alone) return WorkAlone(seed, print);
  if (getpid() != 1 || workers < 1 || workers > kMaxWorkers) {
    fprintf(stderr, "syscall_fuzzer: only as the first process of a container, with 1 to %d workers\n", kMaxWorkers);
    return 2;
  }
  printf("fuzz: seed %lu\n", seed);
  fflush(stdout);
  return Supervisor(seed, workers).Run(seconds);
}

}  // namespace
}  // namespace fuzz

int main(int argc, char** argv) { return fuzz::Main(argc, argv); }
