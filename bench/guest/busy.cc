// SPDX-License-Identifier: Apache-2.0
//
// More busy threads than processors: what spinning costs those who have work to do.
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "bench/guest/common.h"
#include "benchmark/benchmark.h"

namespace bench {
namespace {

// Some microseconds of arithmetic.
uint64_t Work(uint64_t value) {
  for (int i = 0; i < 5000; ++i) value = value * 6364136223846793005u + 1442695040888963407u;
  return value;
}

// A fixed piece of work, cut in four, each with a call now and then; the time until the last is done.
void FourThreads(benchmark::State& state, int pieces_per_call) {
  constexpr int kThreads = 4;
  constexpr int kPieces = 1000;
  for (auto _ : state) {
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([pieces_per_call, i] {
        uint64_t value = static_cast<uint64_t>(i);
        for (int piece = 1; piece <= kPieces; ++piece) {
          value = Work(value);
          if (pieces_per_call != 0 && piece % pieces_per_call == 0) benchmark::DoNotOptimize(getppid());
        }
        benchmark::DoNotOptimize(value);
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
}
BENCHMARK_CAPTURE(FourThreads, none, 0)->Name("busy/4-threads-no-calls")->UseRealTime();
BENCHMARK_CAPTURE(FourThreads, few, 20)->Name("busy/4-threads-few-calls")->UseRealTime();
BENCHMARK_CAPTURE(FourThreads, many, 1)->Name("busy/4-threads-many-calls")->UseRealTime();

}  // namespace
}  // namespace bench
