// SPDX-License-Identifier: Apache-2.0
//
// Mappings and page faults.
#include <sys/mman.h>

#include "bench/guest/common.h"
#include "benchmark/benchmark.h"

namespace bench {
namespace {

constexpr size_t kPage = 4096;
constexpr size_t kMapSize = 16 * kPage;

char* MapAnonymous(size_t size) {
  void* address = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (address == MAP_FAILED) Die("mmap");
  return static_cast<char*>(address);
}

void MmapMunmap(benchmark::State& state) {
  for (auto _ : state) Must(munmap(MapAnonymous(kMapSize), kMapSize), "munmap");
}
BENCHMARK(MmapMunmap)->Name("memory/mmap-munmap")->UseRealTime();

void MmapTouchMunmap(benchmark::State& state) {
  for (auto _ : state) {
    char* address = MapAnonymous(kMapSize);
    for (size_t offset = 0; offset < kMapSize; offset += kPage) address[offset] = 1;
    Must(munmap(address, kMapSize), "munmap");
  }
}
BENCHMARK(MmapTouchMunmap)->Name("memory/mmap-touch-munmap")->UseRealTime();

// One fault of a small page; the pages are given back in bulk, outside the measured time.
void AnonymousFault(benchmark::State& state) {
  constexpr size_t kArena = 64 << 20;
  char* arena = MapAnonymous(kArena);
  Must(madvise(arena, kArena, MADV_NOHUGEPAGE), "madvise");
  size_t offset = 0;
  for (auto _ : state) {
    arena[offset] = 1;
    offset += kPage;
    if (offset == kArena) {
      state.PauseTiming();
      Must(madvise(arena, kArena, MADV_DONTNEED), "madvise");
      offset = 0;
      state.ResumeTiming();
    }
  }
  munmap(arena, kArena);
}
BENCHMARK(AnonymousFault)->Name("memory/anonymous-fault")->UseRealTime();

}  // namespace
}  // namespace bench
