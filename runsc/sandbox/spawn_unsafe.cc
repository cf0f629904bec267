// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "runsc/sandbox/spawn.h"
#include "runsc/util/files.h"
#include "runsc/util/process.h"

namespace runsc {
namespace {

constexpr size_t kStackSize = 64 << 10;
constexpr int kLastSignal = 64;

// What the child needs, made ready before the clone: it shares our memory until its exec, so it only makes system
// calls.
struct Child {
  const SpawnOptions* options;
  char** arguments;
  char** environment;
  int* high_fds;  // Room for the descriptors' temporary numbers.
  const char* failed_step = nullptr;
  int error = 0;
};

int Fail(Child* child, const char* step) {
  child->error = errno;
  child->failed_step = step;
  return 127;
}

int RunChild(void* argument) {
  auto* child = static_cast<Child*>(argument);
  const SpawnOptions& options = *child->options;
  for (int signal = 1; signal <= kLastSignal; ++signal) {
    struct sigaction action = {};
    action.sa_handler = SIG_DFL;
    sigaction(signal, &action, nullptr);  // Fails for SIGKILL, SIGSTOP and the C library's own: they need no reset.
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  for (int fd : options.join_namespaces) {
    if (setns(fd, 0) != 0) return Fail(child, "entering a namespace");
  }
  if (setsid() < 0) return Fail(child, "setsid");
  // First out of the way of the target numbers, then into place.
  int count = static_cast<int>(options.fds.size());
  int executable = fcntl(options.executable, F_DUPFD_CLOEXEC, count);
  if (executable < 0) return Fail(child, "duplicating the executable's descriptor");
  for (int i = 0; i < count; ++i) {
    child->high_fds[i] = fcntl(options.fds[i], F_DUPFD_CLOEXEC, count);
    if (child->high_fds[i] < 0) return Fail(child, "duplicating a descriptor");
  }
  for (int i = 0; i < count; ++i) {
    if (dup2(child->high_fds[i], i) < 0) return Fail(child, "placing a descriptor");
  }
  if (close_range(static_cast<unsigned>(count), ~0U, CLOSE_RANGE_CLOEXEC) != 0) return Fail(child, "close_range");
  syscall(SYS_execveat, executable, "", child->arguments, child->environment, AT_EMPTY_PATH);
  return Fail(child, "executing runsc's own program");
}

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (const std::string& text : strings) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

StatusOr<Spawned> Spawn(const SpawnOptions& options) {
  std::vector<char*> arguments = Pointers(options.arguments);
  std::vector<char*> environment = Pointers(options.environment);
  std::vector<int> high_fds(options.fds.size());
  Child child{&options, arguments.data(), environment.data(), high_fds.data()};
  void* stack = mmap(nullptr, kStackSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (stack == MAP_FAILED) return SystemError("mmap");
  // No handler of ours may run in the child while it borrows our memory.
  sigset_t all, old;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &old);
  int pidfd = -1;
  int flags = options.new_namespaces | CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD;
  pid_t pid = clone(RunChild, static_cast<char*>(stack) + kStackSize, flags, &child, &pidfd);
  int error = errno;
  sigprocmask(SIG_SETMASK, &old, nullptr);
  munmap(stack, kStackSize);
  if (pid < 0) return SystemError("starting " + options.arguments[0] + " in new namespaces", error);
  Spawned spawned{pid, base::UniqueFd(pidfd)};
  if (child.failed_step != nullptr) {
    WaitForChild(pid);
    return SystemError("starting " + options.arguments[0] + ": " + child.failed_step, child.error);
  }
  return spawned;
}

StatusOr<base::UniqueFd> OpenOwnExecutable() {
  base::UniqueFd fd(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  if (!fd) return SystemError("/proc/self/exe");
  struct stat status;
  if (fstat(fd.get(), &status) != 0) return SystemError("/proc/self/exe");
  int seals = fcntl(fd.get(), F_GET_SEALS);
  bool sealed = seals >= 0 && (seals & F_SEAL_WRITE) != 0;
  bool only_root_writes = status.st_uid == 0 && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
  if (sealed || only_root_writes) return fd;
  return SealedCopy("runsc", fd.get());
}

}  // namespace runsc
