// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace platform {

// What runs in a fresh zygote before it takes its filter: raw system calls only, nothing allocated, no libc state
// touched (the process has another stack, and is about to lose all its memory). Each returns 0 or -errno.

// Own session, no controlling terminal; SIGKILL when the thread that forked it dies.
int Detach();
// Own, empty network, ipc, uts and mount namespaces. With `required`, the first refusal is returned; otherwise it goes
// on.
int IsolateNamespaces(bool required);
// No capability, no new privileges, a Landlock domain that allows nothing (where there is Landlock), readable by our
// own user still.
int DropPrivileges();
// No core dumps of guest memory by way of a piped core pattern; no limits on memory.
int SetLimits(int proc, std::optional<int> oom_score_adj);
// The signals of a stub: what handles `handled` (rt_sigaction's fields; all signals are blocked meanwhile unless
// `nested`), and what is blocked.
struct StubSignals {
  std::span<const int> handled;
  uint64_t handler;
  uint64_t flags;
  uint64_t restorer;
  bool nested;
  uint64_t blocked;
};
// Every signal back to its default but those; no alternate stack.
int SetSignals(const StubSignals& signals);
// What the C library registered with the kernel: restartable sequences, thread id and robust list.
int Unregister();

}  // namespace platform
