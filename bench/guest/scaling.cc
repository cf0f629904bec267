// SPDX-License-Identifier: Apache-2.0
//
// One operation while there are 1, 10, 100, 1,000 of something: the cost of the operation, not of making them.
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "bench/guest/common.h"
#include "benchmark/benchmark.h"

namespace bench {
namespace {

constexpr size_t kPage = 4096;

void OneTenHundredThousand(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgName("")->Arg(1)->Arg(10)->Arg(100)->Arg(1000)->UseRealTime();
}

void RaiseFileLimit() {
  rlimit limit{};
  Must(getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
  limit.rlim_cur = limit.rlim_max;
  Must(setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
}

// Threads that wait in read(2) on a pipe until the object goes.
class BlockedThreads {
 public:
  explicit BlockedThreads(int64_t count) {
    Must(pipe(ends_), "pipe");
    for (int64_t i = 0; i < count; ++i) {
      threads_.emplace_back([this] {
        char byte = 0;
        if (read(ends_[0], &byte, 1) < 0) Die("read");
      });
    }
    // Nothing tells from outside when the last of them blocks.
    usleep(50'000);
  }
  ~BlockedThreads() {
    close(ends_[1]);
    for (std::thread& thread : threads_) thread.join();
    close(ends_[0]);
  }

 private:
  int ends_[2];
  std::vector<std::thread> threads_;
};

// Opens and closes one more file.
void OpenFiles(benchmark::State& state) {
  RaiseFileLimit();
  std::vector<int> files;
  for (int64_t i = 0; i < state.range(0); ++i) files.push_back(Must(open(kFile, O_RDONLY | O_CLOEXEC), kFile));
  for (auto _ : state) Must(close(Must(open(kFile, O_RDONLY | O_CLOEXEC), kFile)), "close");
  for (int file : files) close(file);
}
BENCHMARK(OpenFiles)->Name("scaling/open-files")->Apply(OneTenHundredThousand);

// Makes and joins one more thread.
void Threads(benchmark::State& state) {
  BlockedThreads blocked(state.range(0));
  for (auto _ : state) std::thread([] {}).join();
}
BENCHMARK(Threads)->Name("scaling/threads")->Apply(OneTenHundredThousand);

// A call at a site in anonymous memory, which nobody may rewrite.
void ColdCall(benchmark::State& state) {
  constexpr unsigned char kCode[] = {0xb8, SYS_getppid, 0, 0, 0, 0x0f, 0x05, 0xc3};
  void* page = mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) Die("mmap");
  std::memcpy(page, kCode, sizeof kCode);
  Must(mprotect(page, kPage, PROT_READ | PROT_EXEC), "mprotect");
  auto call = reinterpret_cast<int (*)()>(page);
  BlockedThreads blocked(state.range(0));
  for (auto _ : state) Must(call(), "getppid");
  munmap(page, kPage);
}
BENCHMARK(ColdCall)->Name("scaling/cold-call-blocked-threads")->Apply(OneTenHundredThousand);

// Makes, ends and waits for one more process.
void Processes(benchmark::State& state) {
  int ends[2];
  Must(pipe(ends), "pipe");
  std::vector<pid_t> children;
  for (int64_t i = 0; i < state.range(0); ++i) {
    pid_t child = Must(fork(), "fork");
    if (child == 0) {
      close(ends[1]);
      char byte = 0;
      _exit(read(ends[0], &byte, 1) < 0);
    }
    children.push_back(child);
  }
  for (auto _ : state) {
    pid_t child = Must(fork(), "fork");
    if (child == 0) _exit(0);
    Must(waitpid(child, nullptr, 0), "waitpid");
  }
  close(ends[1]);
  for (pid_t child : children) Must(waitpid(child, nullptr, 0), "waitpid");
  close(ends[0]);
}
BENCHMARK(Processes)->Name("scaling/processes")->Apply(OneTenHundredThousand);

// Makes one of the watched descriptors ready, is told of it, takes it back.
void WatchedDescriptors(benchmark::State& state) {
  RaiseFileLimit();
  int poll = Must(epoll_create1(0), "epoll_create1");
  std::vector<int> files;
  for (int64_t i = 0; i < state.range(0); ++i) {
    files.push_back(Must(eventfd(0, 0), "eventfd"));
    epoll_event event{.events = EPOLLIN, .data = {.fd = files.back()}};
    Must(epoll_ctl(poll, EPOLL_CTL_ADD, files.back(), &event), "epoll_ctl");
  }
  size_t next = 0;
  for (auto _ : state) {
    int file = files[next++ % files.size()];
    uint64_t value = 1;
    epoll_event event{};
    if (write(file, &value, sizeof value) != sizeof value) Die("write");
    if (epoll_wait(poll, &event, 1, 0) != 1 || event.data.fd != file) Die("epoll_wait");
    if (read(file, &value, sizeof value) != sizeof value) Die("read");
  }
  for (int file : files) close(file);
  close(poll);
}
BENCHMARK(WatchedDescriptors)->Name("scaling/watched-descriptors")->Apply(OneTenHundredThousand);

// Creates and removes one more entry of a directory on the root filesystem.
void DirectoryEntries(benchmark::State& state) {
  std::string directory = std::string(kRootDirectory) + "/entries";
  Must(mkdir(directory.c_str(), 0700), "mkdir");
  auto path = [&](int64_t i) { return directory + "/" + std::to_string(i); };
  auto create = [](const std::string& name) {
    Must(close(Must(open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), name.c_str())), "close");
  };
  for (int64_t i = 0; i < state.range(0); ++i) create(path(i));
  std::string one = path(-1);
  for (auto _ : state) {
    create(one);
    Must(unlink(one.c_str()), "unlink");
  }
  for (int64_t i = 0; i < state.range(0); ++i) Must(unlink(path(i).c_str()), "unlink");
  Must(rmdir(directory.c_str()), "rmdir");
}
BENCHMARK(DirectoryEntries)->Name("scaling/directory-entries")->Apply(OneTenHundredThousand);

// Makes and removes one more mapping; neighbours differ in their protection, so that none are merged.
void Mappings(benchmark::State& state) {
  std::vector<void*> mappings;
  for (int64_t i = 0; i < state.range(0); ++i) {
    int protection = i % 2 ? PROT_READ : PROT_READ | PROT_WRITE;
    void* address = mmap(nullptr, kPage, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (address == MAP_FAILED) Die("mmap");
    mappings.push_back(address);
  }
  for (auto _ : state) {
    void* address = mmap(nullptr, kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (address == MAP_FAILED) Die("mmap");
    Must(munmap(address, kPage), "munmap");
  }
  for (void* address : mappings) munmap(address, kPage);
}
BENCHMARK(Mappings)->Name("scaling/mappings")->Apply(OneTenHundredThousand);

}  // namespace
}  // namespace bench
