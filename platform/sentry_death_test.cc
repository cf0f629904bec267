// SPDX-License-Identifier: Apache-2.0
// What must not outlive the sentry.
#include <dirent.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <thread>

#include "platform/testing/platform_fixture.h"

namespace platform::testing {
namespace {

// Counts processes named so that are not zombies.
int LiveStubs() {
  int count = 0;
  DIR* directory = opendir("/proc");
  while (dirent* entry = readdir(directory)) {
    int pid = atoi(entry->d_name);
    if (pid == 0) continue;
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    FILE* file = fopen(path, "re");
    if (file == nullptr) continue;
    char comm[64] = {};
    char state = 0;
    if (fscanf(file, "%*d (%63[^)]) %c", comm, &state) == 2 && strcmp(comm, "runsc-wallstub") == 0 && state != 'Z')
      count++;
    fclose(file);
  }
  closedir(directory);
  return count;
}

// A sentry with a spinning guest, a blocked one, one asleep, and a forked one; tells by the pipe, then waits.
[[noreturn]] void BeSentry(const std::string& name, int pipe) {
  auto platform = std::move(PreparePlatform(name)).value();
  ThreadExecutor executor;
  if (!platform->Start(executor).ok()) _exit(1);
  executor.Serve(platform->receivers());
  auto container = std::move(platform->NewContainer()).value();
  executor.Call([&] {
    auto space = std::move(container->NewAddressSpace()).value();
    (void)space->MapAnonymous(PlatformFixture::Range(PlatformFixture::kCode, 4096), PROT_READ | PROT_EXEC, false, false,
                              nullptr);
    (void)space->MapAnonymous(PlatformFixture::Range(PlatformFixture::kData, 4096), PROT_READ | PROT_WRITE, false,
                              false, nullptr);
    (void)space->CopyOut(base::GuestAddr(PlatformFixture::kCode),
                         std::as_bytes(std::span(guest_code_begin, guest_code_end)), true);
    space->SetName("runsc-wallstub");
    Registers r = PlatformFixture::StartAt(guest_once);
    r.rax = SYS_getppid;
    auto forked = std::move(space->Fork(r, ExtendedState())).value();
    auto blocked = PlatformFixture::NewThread(*space, r);
    blocked->Run();
    forked.thread->Run();
    r = PlatformFixture::StartAt(guest_spin);
    r.rdi = PlatformFixture::kData;
    auto spinning = PlatformFixture::NewThread(*space, r);
    std::thread fiber = executor.Spawn([&] { spinning->Run(); });
    // Long enough for the blocked ones to fall asleep; were it not, the test would only be weaker.
    usleep(50000);
    (void)!write(pipe, "x", 1);
    for (;;) pause();
  });
  _exit(0);
}

class SentryDeathTest : public ::testing::TestWithParam<std::string> {};

INSTANTIATE_TEST_SUITE_P(Platform, SentryDeathTest, AllPlatforms(), PlatformName);

TEST_P(SentryDeathTest, NoStubOutlivesTheSentry) {
  prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  int sentry = fork();
  if (sentry == 0) {
    close(ends[0]);
    BeSentry(GetParam(), ends[1]);
  }
  close(ends[1]);
  char byte = 0;
  ASSERT_EQ(read(ends[0], &byte, 1), 1);
  EXPECT_GE(LiveStubs(), 2);
  kill(sentry, SIGKILL);
  waitpid(sentry, nullptr, 0);
  PlatformFixture::WaitFor("the stubs to die", [] {
    while (waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    return LiveStubs() == 0;
  });
  close(ends[0]);
  prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
}

}  // namespace
}  // namespace platform::testing
