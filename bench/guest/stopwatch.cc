// SPDX-License-Identifier: Apache-2.0
//
// Times a command from inside a container, so that starting the container is no part of the figure:
//
//   stopwatch RUNS COMMAND [ARGUMENT…]
//
// runs it RUNS times and prints "stopwatch NS NS …" on standard output; the command's own output goes to /dev/null.
// Ends with 1 as soon as the command fails.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "bench/guest/common.h"

namespace {

int64_t RunOnce(char** argv) {
  auto start = std::chrono::steady_clock::now();
  pid_t child = bench::Must(vfork(), "vfork");
  if (child == 0) {
    int null = open("/dev/null", O_WRONLY);
    if (null >= 0) dup2(null, STDOUT_FILENO);
    execvp(argv[0], argv);
    _exit(127);
  }
  int status = 0;
  if (waitpid(child, &status, 0) != child) bench::Die("waitpid");
  auto end = std::chrono::steady_clock::now();
  if (status != 0) {
    std::fprintf(stderr, "stopwatch: %s ended with status %#x\n", argv[0], static_cast<unsigned>(status));
    std::exit(1);
  }
  return std::chrono::duration_cast<std::chrono::nanoseconds>(end - start).count();
}

}  // namespace

int main(int argc, char** argv) {
  int runs = argc >= 3 ? std::atoi(argv[1]) : 0;
  if (runs <= 0) {
    std::fprintf(stderr, "usage: stopwatch RUNS COMMAND [ARGUMENT...]\n");
    return 1;
  }
  std::string line = "stopwatch";
  for (int i = 0; i < runs; ++i) line += " " + std::to_string(RunOnce(argv + 2));
  std::puts(line.c_str());
  return 0;
}
