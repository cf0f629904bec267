// SPDX-License-Identifier: Apache-2.0
//
// The rows that are measured inside a container: a plain Linux program, static, without arguments from its surroundings
// but the names of the rows. Prints one line for each row, "NAME NS NS NS …": the time of one operation in each sample.
//
//   suite [--sample-ms MS] [--samples N] [ROW…]
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

// A file of the root filesystem that bench/run.py puts there.
constexpr char kFile[] = "/bench/file";
constexpr size_t kMapSize = 64 * 1024;

[[noreturn]] void Die(const char* what) {
  std::perror(what);
  std::exit(1);
}

void Getppid() {
  // Through syscall(2): a library that caches the answer would be measured otherwise.
  if (syscall(SYS_getppid) < 0) Die("getppid");
}

// One byte through a pipe, both ends in this thread: two calls that never block.
void PipeWriteRead() {
  static int ends[2] = {-1, -1};
  if (ends[0] < 0 && pipe(ends) != 0) Die("pipe");
  char byte = 0;
  if (write(ends[1], &byte, 1) != 1) Die("write");
  if (read(ends[0], &byte, 1) != 1) Die("read");
}

void OpenClose() {
  int file = open(kFile, O_RDONLY | O_CLOEXEC);
  if (file < 0) Die(kFile);
  if (close(file) != 0) Die("close");
}

// Not touched: the page faults are the host's in every runtime that is measured here.
void MmapMunmap() {
  void* address = mmap(nullptr, kMapSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (address == MAP_FAILED) Die("mmap");
  if (munmap(address, kMapSize) != 0) Die("munmap");
}

void ForkExitWait() {
  pid_t child = fork();
  if (child < 0) Die("fork");
  if (child == 0) _exit(0);
  int status = 0;
  if (waitpid(child, &status, 0) != child || status != 0) Die("waitpid");
}

struct Row {
  const char* name;
  void (*operation)();
};

constexpr Row kRows[] = {
    {"getppid", Getppid},        {"pipe-write-read", PipeWriteRead}, {"open-close", OpenClose},
    {"mmap-munmap", MmapMunmap}, {"fork-exit-wait", ForkExitWait},
};

int64_t NowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

int64_t TimeNs(const Row& row, int64_t count) {
  int64_t start = NowNs();
  for (int64_t i = 0; i < count; ++i) row.operation();
  return NowNs() - start;
}

// Doubles the count until one sample is long enough to be told from noise, which also warms everything up.
void Measure(const Row& row, int64_t sample_ns, int samples) {
  int64_t count = 1;
  while (TimeNs(row, count) < sample_ns) count *= 2;
  std::printf("%s", row.name);
  for (int i = 0; i < samples; ++i) {
    std::printf(" %.1f", static_cast<double>(TimeNs(row, count)) / static_cast<double>(count));
  }
  std::printf("\n");
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  int64_t sample_ns = 10'000'000;
  int samples = 9;
  std::vector<const char*> wanted;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--sample-ms") == 0 && i + 1 < argc) {
      sample_ns = std::atoll(argv[++i]) * 1'000'000;
    } else if (std::strcmp(argv[i], "--samples") == 0 && i + 1 < argc) {
      samples = std::atoi(argv[++i]);
    } else {
      wanted.push_back(argv[i]);
    }
  }
  size_t measured = 0;
  for (const Row& row : kRows) {
    bool is_wanted = wanted.empty();
    for (const char* name : wanted) is_wanted = is_wanted || std::strcmp(name, row.name) == 0;
    if (!is_wanted) continue;
    Measure(row, sample_ns, samples);
    ++measured;
  }
  if (measured < wanted.size()) {
    std::fprintf(stderr, "suite: unknown row among the arguments\n");
    return 1;
  }
  return 0;
}
