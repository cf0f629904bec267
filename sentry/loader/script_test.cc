// SPDX-License-Identifier: Apache-2.0
#include "sentry/loader/script.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace sentry {
namespace {

std::string Blanks(size_t count) { return std::string(count, ' '); }

struct Case {
  std::string name;
  std::string text;
  // "interpreter", or "interpreter|argument"; empty: ENOEXEC.
  std::string expected;
  bool no_path = false;  // The interpreter is the empty path.
};

std::vector<Case> Cases() {
  return {
      {"plain", "#!/bin/sh\n", "/bin/sh"},
      {"blanks", "#! \t /bin/sh \t\n", "/bin/sh"},
      {"argument", "#!/bin/sh -x\n", "/bin/sh|-x"},
      {"one_argument", "#!/bin/sh \t-a b  c \t\n", "/bin/sh|-a b  c"},
      {"no_newline", "#!/bin/sh", "/bin/sh"},
      {"no_newline_argument", "#!/bin/sh -x", "/bin/sh|-x"},
      {"no_newline_trailing_blanks", "#!/bin/sh -x  ", "/bin/sh|-x  "},
      {"no_newline_blank", "#!/bin/sh ", "/bin/sh|"},
      {"null_before_newline", std::string("#!/bin/sh -x\0y\n", 15), "/bin/sh|-x"},
      {"empty_line", "#!\n", ""},
      {"blank_line", "#!  \t \n", ""},
      {"nothing", "#!", "", true},
      {"blanks_only_short", "#!   ", "", true},
      {"blanks_only_long", "#!" + Blanks(300), ""},
      {"name_cut", "#!/" + std::string(300, 'x'), ""},
      {"name_ends_at_254", "#!/" + std::string(251, 'x') + " y", "/" + std::string(251, 'x')},
      {"name_ends_at_255", "#!/" + std::string(252, 'x') + " y", "/" + std::string(252, 'x')},
      {"name_ends_at_256", "#!/" + std::string(253, 'x') + "\n", ""},
      {"newline_is_byte_256", "#!/" + std::string(252, 'x') + "\n", "/" + std::string(252, 'x')},
      {"argument_cut", "#!/bin/sh " + std::string(300, 'y'), "/bin/sh|" + std::string(245, 'y')},
      {"newline_behind_the_buffer", "#!/bin/sh " + std::string(250, 'y') + "\n", "/bin/sh|" + std::string(245, 'y')},
      {"argument_is_blank_cut", "#!/bin/sh" + Blanks(300), "/bin/sh"},
  };
}

std::string Describe(const base::Result<ScriptLine>& line) {
  if (!line.ok()) return line.error().code() == ENOEXEC ? "" : "?";
  return line->interpreter + (line->argument ? "|" + *line->argument : "");
}

TEST(ScriptTest, ParsesAsLinux) {
  for (const Case& c : Cases()) {
    base::Result<ScriptLine> line = ParseScript(std::string_view(c.text).substr(0, kScriptLine));
    EXPECT_EQ(Describe(line), c.expected) << c.name;
    EXPECT_EQ(line.ok(), c.no_path || !c.expected.empty()) << c.name;
  }
  EXPECT_EQ(ParseScript("").error().code(), ENOEXEC);
  EXPECT_EQ(ParseScript("# !/bin/sh\n").error().code(), ENOEXEC);
}

// The same table against the kernel the test runs on: which scripts it takes for scripts, seen by what it says of an
// interpreter that does not exist (ENOENT), and what it passes to one that does.
class NativeScript : public testing::Test {
 protected:
  NativeScript() {
    std::string pattern = testing::TempDir() + "script_XXXXXX";
    directory_ = mkdtemp(pattern.data());
    path_ = directory_ + "/script";
  }
  ~NativeScript() override {
    unlink(path_.c_str());
    rmdir(directory_.c_str());
  }

  // Runs the text; returns the errno of execve, or 0 with what was written to standard output.
  int Run(const std::string& text, std::string* output) {
    unlink(path_.c_str());
    {
      base::UniqueFd fd(open(path_.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0755));
      EXPECT_EQ(write(fd.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
    }
    int fds[2];
    EXPECT_EQ(pipe2(fds, O_CLOEXEC), 0);
    pid_t child = fork();
    if (child == 0) {
      dup2(fds[1], STDOUT_FILENO);
      close(STDERR_FILENO);
      char* argv[] = {path_.data(), nullptr};
      char* envp[] = {nullptr};
      execve(path_.c_str(), argv, envp);
      int error = errno;
      std::string line = "errno " + std::to_string(error);
      _exit(write(STDOUT_FILENO, line.data(), line.size()) > 0 ? 0 : 1);
    }
    close(fds[1]);
    char buffer[4096];
    ssize_t size = read(fds[0], buffer, sizeof buffer);
    close(fds[0]);
    int status = 0;
    waitpid(child, &status, 0);
    output->assign(buffer, size > 0 ? size : 0);
    return output->starts_with("errno ") ? atoi(output->c_str() + 6) : 0;
  }

  std::string directory_, path_;
};

TEST_F(NativeScript, KernelAgrees) {
  for (Case c : Cases()) {
    // /bin/sh becomes a program that shows its arguments.
    size_t shell = c.text.find("/bin/sh");
    std::string expected = c.expected;
    if (shell != std::string::npos) c.text.replace(shell, 7, "/bin/ls");
    std::string output;
    int error = Run(c.text, &output);
    if (expected.empty() && !c.no_path) {
      EXPECT_EQ(error, ENOEXEC) << c.name;
    } else if (shell == std::string::npos) {
      // Recognised: there is no such interpreter, or its empty path is a directory.
      EXPECT_EQ(error, c.no_path ? EACCES : ENOENT) << c.name;
    } else {
      EXPECT_EQ(error, 0) << c.name << ": " << output;
    }
  }
}

}  // namespace
}  // namespace sentry
