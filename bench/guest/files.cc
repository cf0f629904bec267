// SPDX-License-Identifier: Apache-2.0
//
// Files: metadata and data, on the root filesystem and on a tmpfs.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "bench/guest/common.h"
#include "benchmark/benchmark.h"

namespace bench {
namespace {

constexpr size_t kFileSize = 1 << 20;  // of kFile
constexpr size_t kPage = 4096;

void Stat(benchmark::State& state) {
  struct stat status {};
  for (auto _ : state) Must(stat(kFile, &status), "stat");
}
BENCHMARK(Stat)->Name("files/stat")->UseRealTime();

void OpenClose(benchmark::State& state) {
  for (auto _ : state) Must(close(Must(open(kFile, O_RDONLY | O_CLOEXEC), kFile)), "close");
}
BENCHMARK(OpenClose)->Name("files/open-close")->UseRealTime();

void OpenReadClose(benchmark::State& state) {
  std::vector<char> buffer(kPage);
  for (auto _ : state) {
    int file = Must(open(kFile, O_RDONLY | O_CLOEXEC), kFile);
    if (read(file, buffer.data(), kPage) != static_cast<ssize_t>(kPage)) Die("read");
    Must(close(file), "close");
  }
}
BENCHMARK(OpenReadClose)->Name("files/open-read-close")->UseRealTime();

void Pread(benchmark::State& state, size_t size) {
  std::vector<char> buffer(size);
  int file = Must(open(kFile, O_RDONLY | O_CLOEXEC), kFile);
  size_t offset = 0;
  for (auto _ : state) {
    if (pread(file, buffer.data(), size, static_cast<off_t>(offset)) != static_cast<ssize_t>(size)) Die("pread");
    offset = (offset + size) % kFileSize;
  }
  close(file);
}
BENCHMARK_CAPTURE(Pread, page, kPage)->Name("files/pread-4-KiB")->UseRealTime();
BENCHMARK_CAPTURE(Pread, large, 64 * 1024)->Name("files/pread-64-KiB")->UseRealTime();

void CreateUnlink(benchmark::State& state, const char* directory) {
  std::string path = std::string(directory) + "/created";
  for (auto _ : state) {
    Must(close(Must(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), path.c_str())), "close");
    Must(unlink(path.c_str()), "unlink");
  }
}
BENCHMARK_CAPTURE(CreateUnlink, tmpfs, kTmpfsDirectory)->Name("files/create-unlink-tmpfs")->UseRealTime();
BENCHMARK_CAPTURE(CreateUnlink, root, kRootDirectory)->Name("files/create-unlink-root")->UseRealTime();

// Over a file that has its size already.
void Pwrite(benchmark::State& state, const char* directory) {
  std::string path = std::string(directory) + "/written";
  std::vector<char> buffer(kPage, 'x');
  int file = Must(open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), path.c_str());
  for (size_t offset = 0; offset < kFileSize; offset += kPage) {
    Must(pwrite(file, buffer.data(), kPage, static_cast<off_t>(offset)), "pwrite");
  }
  size_t offset = 0;
  for (auto _ : state) {
    if (pwrite(file, buffer.data(), kPage, static_cast<off_t>(offset)) != static_cast<ssize_t>(kPage)) Die("pwrite");
    offset = (offset + kPage) % kFileSize;
  }
  close(file);
  unlink(path.c_str());
}
BENCHMARK_CAPTURE(Pwrite, tmpfs, kTmpfsDirectory)->Name("files/pwrite-4-KiB-tmpfs")->UseRealTime();
BENCHMARK_CAPTURE(Pwrite, root, kRootDirectory)->Name("files/pwrite-4-KiB-root")->UseRealTime();

}  // namespace
}  // namespace bench
