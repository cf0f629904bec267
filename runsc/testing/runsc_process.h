// SPDX-License-Identifier: Apache-2.0
// Running the command line of this test program (with the fake sentry) as its users do: in processes of its own.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "gtest/gtest.h"
#include "runsc/state/state.h"

namespace runsc {

struct Outcome {
  int code = -1;  // Exit code, or 128 + signal.
  std::string out;
  std::string err;
};

// A fixture with a bundle and a state directory of its own. After each test nothing may be left of what it started.
class RunscTest : public testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  // Writes the bundle's config.json: the words of the fake sentry, and further members of the top level.
  void WriteConfig(const std::vector<std::string>& args, const std::string& members = "",
                   const std::string& process_members = "");
  // Runs "runsc --root <root> words..." and waits.
  Outcome Runsc(const std::vector<std::string>& words);
  // The same without waiting; its standard output and error go to files that Finish reads.
  pid_t StartRunsc(const std::vector<std::string>& words);
  Outcome Finish(pid_t pid);

  // Waits for a state (a test that waits in vain is ended by the runner's time limit).
  ContainerState WaitForStatus(const std::string& id, ContainerStatus status);
  static void WaitUntilGone(const ProcessId& process);

  // The gofers and sandboxes of a container that are there, zombies apart.
  static std::vector<pid_t> ProcessesOf(const std::string& id);

  const std::string& root() const { return root_; }
  const std::string& bundle() const { return bundle_; }
  std::string PathOf(const std::string& name) const { return top_ + "/" + name; }

 private:
  std::string top_, root_, bundle_;
};

}  // namespace runsc
