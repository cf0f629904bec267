// SPDX-License-Identifier: Apache-2.0
//
// A guest program that makes many processes or threads and stops at given moments, so that its runtime can be measured
// from outside: it prints a line and goes on when it has read one.
//   storm fork N,M...     forks, ends and reaps one child after another; stops after N, after M, ...
//   storm thread N,M...   the same with threads, created and joined
//   storm alive N         has N children alive at once, each of which has answered; stops; ends them all
//   storm blocked N       prints what a system call costs at the median, "quiet NS"; then has N threads blocked
//                         (half in reads, half in futexes), stops, and prints the cost again, "beside NS"
//   storm busy            processes and threads that compute, fork, write files and talk over pipes, for ever
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

namespace {

[[noreturn]] void Fail(const char* what) {
  perror(what);
  _exit(1);
}

void Stop(const char* what, long count) {
  printf("%s %ld\n", what, count);
  fflush(stdout);
  char line[64];
  if (!fgets(line, sizeof(line), stdin)) _exit(2);
}

void ForkOne(long i) {
  const pid_t pid = fork();
  if (pid < 0) Fail("fork");
  if (pid == 0) _exit(static_cast<int>(i % 100));
  int status = 0;
  if (waitpid(pid, &status, 0) != pid) Fail("waitpid");
  if (!WIFEXITED(status) || WEXITSTATUS(status) != i % 100) Fail("the child's status");
}

void ThreadOne(long i) {
  long seen = -1;
  std::thread([&] { seen = i; }).join();
  if (seen != i) Fail("the thread's result");
}

int Sequence(const char* what, char* stops, void (*one)(long)) {
  long done = 0;
  for (char* word = strtok(stops, ","); word; word = strtok(nullptr, ",")) {
    for (const long until = atol(word); done < until; ++done) one(done);
    Stop(what, done);
  }
  return 0;
}

int Alive(int count) {
  int answers[2];
  int release[2];
  if (pipe(answers) || pipe(release)) Fail("pipe");
  for (int i = 0; i < count; ++i) {
    const pid_t pid = fork();
    if (pid < 0) Fail("fork");
    if (pid == 0) {
      close(release[1]);
      char byte = 'x';
      if (write(answers[1], &byte, 1) != 1) _exit(1);
      _exit(read(release[0], &byte, 1) == 0 ? 0 : 1);
    }
  }
  char byte;
  for (int i = 0; i < count; ++i) {
    if (read(answers[0], &byte, 1) != 1) Fail("read");
  }
  Stop("alive", count);
  close(release[1]);
  for (int i = 0; i < count; ++i) {
    int status = 0;
    if (wait(&status) < 0 || status != 0) Fail("wait");
  }
  Stop("ended", count);
  return 0;
}

long MedianCallNs() {
  constexpr int kCalls = 5001;
  std::vector<long> costs;
  for (int i = 0; i < kCalls; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    syscall(SYS_getppid);
    costs.push_back(std::chrono::nanoseconds(std::chrono::steady_clock::now() - begin).count());
  }
  std::nth_element(costs.begin(), costs.begin() + kCalls / 2, costs.end());
  return costs[kCalls / 2];
}

int Blocked(int count) {
  printf("quiet %ld\n", MedianCallNs());
  int release[2];
  if (pipe(release)) Fail("pipe");
  static std::atomic<int> word{0};
  static std::atomic<int> begun{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) {
    threads.emplace_back([&, i] {
      ++begun;
      if (i % 2 == 0) {
        char byte;
        if (read(release[0], &byte, 1) != 0) Fail("read");
      } else {
        while (word == 0) syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, nullptr, nullptr, 0);
      }
    });
  }
  while (begun != count) usleep(1000);
  Stop("blocked", count);
  printf("beside %ld\n", MedianCallNs());
  word = 1;
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
  close(release[1]);
  for (std::thread& thread : threads) thread.join();
  Stop("ended", count);
  return 0;
}

void WriteFiles(int which) {
  const std::string path = "/tmp/busy-" + std::to_string(which);
  for (int i = 0;; ++i) {
    const int fd = open(path.c_str(), O_CREAT | O_RDWR | O_TRUNC, 0600);
    if (fd < 0 || write(fd, &i, sizeof(i)) != sizeof(i) || fsync(fd)) Fail(path.c_str());
    void* page = mmap(nullptr, 4096, PROT_READ, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED || *static_cast<int*>(page) != i) Fail("mmap");
    munmap(page, 4096);
    close(fd);
    unlink(path.c_str());
  }
}

void Talk() {
  int there[2];
  int back[2];
  if (pipe(there) || pipe(back)) Fail("pipe");
  if (fork() == 0) {
    for (char byte; read(there[0], &byte, 1) == 1 && write(back[1], &byte, 1) == 1;) {
    }
    _exit(0);
  }
  for (char byte = 'x'; write(there[1], &byte, 1) == 1 && read(back[0], &byte, 1) == 1;) {
  }
}

int Busy() {
  signal(SIGCHLD, SIG_IGN);
  for (int i = 0; i < 2; ++i) {
    if (fork() == 0) WriteFiles(i);
    if (fork() == 0) Talk();
  }
  if (fork() == 0) {
    for (volatile long i = 0;;) i = i + 1;
  }
  std::thread([] {
    for (long i = 0;; ++i) ThreadOne(i);
  }).detach();
  printf("ready\n");
  fflush(stdout);
  for (;;) {
    const pid_t pid = fork();
    if (pid == 0) _exit(0);
    if (pid < 0) Fail("fork");
    waitpid(pid, nullptr, 0);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "busy") return Busy();
  if (argc == 3 && mode == "fork") return Sequence("fork", argv[2], ForkOne);
  if (argc == 3 && mode == "thread") return Sequence("thread", argv[2], ThreadOne);
  if (argc == 3 && mode == "alive") return Alive(atoi(argv[2]));
  if (argc == 3 && mode == "blocked") return Blocked(atoi(argv[2]));
  fprintf(stderr, "usage: %s fork|thread N,M... | alive N | blocked N | busy\n", argv[0]);
  return 2;
}
