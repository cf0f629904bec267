// SPDX-License-Identifier: Apache-2.0
//
// The making and ending of processes and threads.
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/guest/common.h"
#include "benchmark/benchmark.h"

namespace bench {
namespace {

void WaitFor(pid_t child) {
  int status = 0;
  if (waitpid(child, &status, 0) != child || status != 0) Die("waitpid");
}

void ForkExitWait(benchmark::State& state) {
  for (auto _ : state) {
    pid_t child = Must(fork(), "fork");
    if (child == 0) _exit(0);
    WaitFor(child);
  }
}
BENCHMARK(ForkExitWait)->Name("processes/fork-exit-wait")->UseRealTime();

void VforkExecWait(benchmark::State& state) {
  char* const arguments[] = {const_cast<char*>(kTrueProgram), nullptr};
  for (auto _ : state) {
    pid_t child = Must(vfork(), "vfork");
    if (child == 0) {
      execv(kTrueProgram, arguments);
      _exit(1);
    }
    WaitFor(child);
  }
}
BENCHMARK(VforkExecWait)->Name("processes/vfork-exec-wait")->UseRealTime();

void ThreadCreateJoin(benchmark::State& state) {
  for (auto _ : state) {
    pthread_t thread{};
    if (pthread_create(
            &thread, nullptr, [](void* p) { return p; }, nullptr) != 0)
      Die("pthread_create");
    if (pthread_join(thread, nullptr) != 0) Die("pthread_join");
  }
}
BENCHMARK(ThreadCreateJoin)->Name("processes/pthread-create-join")->UseRealTime();

}  // namespace
}  // namespace bench
