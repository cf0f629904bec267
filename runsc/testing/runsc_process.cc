// SPDX-License-Identifier: Apache-2.0
#include "runsc/testing/runsc_process.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "runsc/util/files.h"

namespace runsc {
namespace {

std::string JsonList(const std::vector<std::string>& words) {
  std::string text = "[";
  for (const std::string& word : words) text += (text.size() > 1 ? ",\"" : "\"") + word + "\"";
  return text + "]";
}

std::string Contents(const std::string& path) {
  StatusOr<std::string> text = ReadFile(path);
  return text.ok() ? *text : Message(text.status());
}

}  // namespace

void RunscTest::SetUp() {
  if (geteuid() != 0) GTEST_SKIP() << "namespaces need root";
  char name[] = "/tmp/runsc-test-XXXXXX";
  ASSERT_NE(mkdtemp(name), nullptr);
  top_ = name;
  root_ = top_ + "/root";
  bundle_ = top_ + "/bundle";
  ASSERT_EQ(mkdir(bundle_.c_str(), 0755), 0);
  ASSERT_EQ(mkdir((bundle_ + "/rootfs").c_str(), 0755), 0);
}

void RunscTest::TearDown() {
  if (top_.empty()) return;
  StatusOr<std::vector<std::string>> left = ListContainers(root_);
  ASSERT_TRUE(left.ok());
  for (const std::string& id : *left) {
    ADD_FAILURE() << "left behind: " << id;
    Runsc({"delete", "--force", id});
  }
  EXPECT_EQ(system(("rm -r " + top_).c_str()), 0);
}

void RunscTest::WriteConfig(const std::vector<std::string>& args, const std::string& members,
                            const std::string& process_members) {
  std::string text = R"({"ociVersion":"1.0.2","root":{"path":"rootfs"},"process":{"cwd":"/","args":)" + JsonList(args) +
                     (process_members.empty() ? "" : "," + process_members) + "}" +
                     (members.empty() ? "" : "," + members) + "}";
  ASSERT_TRUE(ReplaceFile(bundle_, "config.json", text, 0644).ok());
}

pid_t RunscTest::StartRunsc(const std::vector<std::string>& words) {
  std::vector<std::string> all = {"runsc_test", "runsc", "--root", root_};
  all.insert(all.end(), words.begin(), words.end());
  std::vector<char*> pointers;
  for (const std::string& word : all) pointers.push_back(const_cast<char*>(word.c_str()));
  pointers.push_back(nullptr);
  // The files are named after the process: it opens them itself.
  pid_t pid = fork();
  if (pid == 0) {
    std::string base = top_ + "/" + std::to_string(getpid());
    int input = open("/dev/null", O_RDONLY);
    int output = open((base + ".out").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    int error = open((base + ".err").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(input, 0);
    dup2(output, 1);
    dup2(error, 2);
    closefrom(3);
    execv("/proc/self/exe", pointers.data());
    _exit(127);
  }
  return pid;
}

Outcome RunscTest::Finish(pid_t pid) {
  Outcome outcome;
  outcome.code = ExitCode(WaitForChild(pid));
  std::string base = top_ + "/" + std::to_string(pid);
  outcome.out = Contents(base + ".out");
  outcome.err = Contents(base + ".err");
  return outcome;
}

Outcome RunscTest::Runsc(const std::vector<std::string>& words) { return Finish(StartRunsc(words)); }

ContainerState RunscTest::WaitForStatus(const std::string& id, ContainerStatus status) {
  for (;;) {
    StatusOr<ContainerState> state = ReadState(root_, id);
    if (state.ok() && state->status == status) return *state;
    sched_yield();
  }
}

void RunscTest::WaitUntilGone(const ProcessId& process) {
  StatusOr<base::UniqueFd> fd = OpenProcess(process);
  if (!fd.ok()) return;
  struct pollfd poll_fd = {fd->get(), POLLIN, 0};
  poll(&poll_fd, 1, -1);
}

std::vector<pid_t> RunscTest::ProcessesOf(const std::string& id) {
  std::vector<pid_t> found;
  DIR* proc = opendir("/proc");
  while (struct dirent* entry = proc != nullptr ? readdir(proc) : nullptr) {
    pid_t pid = atoi(entry->d_name);
    if (pid <= 0) continue;
    // Words that end in NUL each; a zombie has none.
    StatusOr<std::string> words = ReadFile("/proc/" + std::to_string(pid) + "/cmdline");
    for (const char* start : {"runsc-sandbox sentry ", "runsc-gofer gofer "}) {
      std::string wanted = start + id + " ";
      std::replace(wanted.begin(), wanted.end(), ' ', '\0');
      if (words.ok() && *words == wanted) found.push_back(pid);
    }
  }
  if (proc != nullptr) closedir(proc);
  return found;
}

}  // namespace runsc
