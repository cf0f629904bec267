// SPDX-License-Identifier: Apache-2.0
//
// Single system calls that do next to nothing: what a call costs, by the way it takes.
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cstring>

#include "bench/guest/common.h"
#include "benchmark/benchmark.h"

namespace bench {
namespace {

void Getpid(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(getpid());
}
BENCHMARK(Getpid)->Name("calls/getpid")->UseRealTime();

void Gettid(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(gettid());
}
BENCHMARK(Gettid)->Name("calls/gettid")->UseRealTime();

void Getuid(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(getuid());
}
BENCHMARK(Getuid)->Name("calls/getuid")->UseRealTime();

void ClockGettime(benchmark::State& state) {
  timespec now{};
  for (auto _ : state) Must(clock_gettime(CLOCK_MONOTONIC, &now), "clock_gettime");
}
BENCHMARK(ClockGettime)->Name("calls/clock_gettime")->UseRealTime();

void SchedYield(benchmark::State& state) {
  for (auto _ : state) Must(sched_yield(), "sched_yield");
}
BENCHMARK(SchedYield)->Name("calls/sched_yield")->UseRealTime();

// The library's function: one call site with its number in the instruction before.
void Getppid(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(getppid());
}
BENCHMARK(Getppid)->Name("calls/getppid")->UseRealTime();

// syscall(2): one call site for all numbers.
void GetppidBySyscall(benchmark::State& state) {
  for (auto _ : state) Must(syscall(SYS_getppid), "getppid");
}
BENCHMARK(GetppidBySyscall)->Name("calls/getppid-syscall")->UseRealTime();

// A call site in anonymous memory, which nobody may rewrite: mov $SYS_getppid,%eax; syscall; ret.
void GetppidCold(benchmark::State& state) {
  constexpr unsigned char kCode[] = {0xb8, SYS_getppid, 0, 0, 0, 0x0f, 0x05, 0xc3};
  void* page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) Die("mmap");
  std::memcpy(page, kCode, sizeof kCode);
  Must(mprotect(page, 4096, PROT_READ | PROT_EXEC), "mprotect");
  auto call = reinterpret_cast<int (*)()>(page);
  for (auto _ : state) Must(call(), "getppid");
  munmap(page, 4096);
}
BENCHMARK(GetppidCold)->Name("calls/getppid-cold")->UseRealTime();

}  // namespace
}  // namespace bench
