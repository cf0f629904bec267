// SPDX-License-Identifier: Apache-2.0
//
// Bytes from one place to another: pipes and unix sockets, alone and between two threads or processes.
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>
#include <vector>

#include "bench/guest/common.h"
#include "benchmark/benchmark.h"

namespace bench {
namespace {

void ReadAll(int file, char* buffer, size_t size) {
  for (size_t done = 0; done < size;) {
    ssize_t count = Must(read(file, buffer + done, size - done), "read");
    if (count == 0) Die("read: end of file");
    done += static_cast<size_t>(count);
  }
}

// Both ends in this thread: two calls that never block.
void WriteRead(benchmark::State& state, int write_end, int read_end, size_t size) {
  std::vector<char> buffer(size);
  for (auto _ : state) {
    if (write(write_end, buffer.data(), size) != static_cast<ssize_t>(size)) Die("write");
    ReadAll(read_end, buffer.data(), size);
  }
  close(write_end);
  close(read_end);
}

void Pipe(benchmark::State& state, size_t size) {
  int ends[2];
  Must(pipe(ends), "pipe");
  WriteRead(state, ends[1], ends[0], size);
}
BENCHMARK_CAPTURE(Pipe, one, 1)->Name("pipes/1-byte")->UseRealTime();
BENCHMARK_CAPTURE(Pipe, page, 4096)->Name("pipes/4-KiB")->UseRealTime();

void Socketpair(benchmark::State& state, size_t size) {
  int ends[2];
  Must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), "socketpair");
  WriteRead(state, ends[0], ends[1], size);
}
BENCHMARK_CAPTURE(Socketpair, one, 1)->Name("sockets/unix-1-byte")->UseRealTime();
BENCHMARK_CAPTURE(Socketpair, large, 64 * 1024)->Name("sockets/unix-64-KiB")->UseRealTime();

// Answers every byte until the other side closes its end.
void Echo(int from, int to) {
  char byte = 0;
  while (read(from, &byte, 1) == 1) {
    if (write(to, &byte, 1) != 1) return;
  }
}

void PingPong(benchmark::State& state, int to, int from) {
  char byte = 0;
  for (auto _ : state) {
    if (write(to, &byte, 1) != 1) Die("write");
    ReadAll(from, &byte, 1);
  }
}

void PingPongThreads(benchmark::State& state) {
  int there[2], back[2];
  Must(pipe(there), "pipe");
  Must(pipe(back), "pipe");
  std::thread other([&] { Echo(there[0], back[1]); });
  PingPong(state, there[1], back[0]);
  close(there[1]);
  other.join();
  for (int file : {there[0], back[0], back[1]}) close(file);
}
BENCHMARK(PingPongThreads)->Name("pipes/ping-pong-threads")->UseRealTime();

void PingPongProcesses(benchmark::State& state) {
  int there[2], back[2];
  Must(pipe(there), "pipe");
  Must(pipe(back), "pipe");
  pid_t child = Must(fork(), "fork");
  if (child == 0) {
    close(there[1]);
    Echo(there[0], back[1]);
    _exit(0);
  }
  PingPong(state, there[1], back[0]);
  for (int file : {there[0], there[1], back[0], back[1]}) close(file);
  Must(waitpid(child, nullptr, 0), "waitpid");
}
BENCHMARK(PingPongProcesses)->Name("pipes/ping-pong-processes")->UseRealTime();

}  // namespace
}  // namespace bench
