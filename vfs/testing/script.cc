// SPDX-License-Identifier: Apache-2.0
#include "vfs/testing/script.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sstream>

#include "gtest/gtest.h"

namespace vfs {
namespace {

struct Line {
  std::string call;
  std::string answer;
  int number = 0;
};

std::string Trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return std::string(text);
}

std::vector<Line> Parse(std::string_view script) {
  std::vector<Line> lines;
  std::istringstream input{std::string(script)};
  std::string text;
  for (int number = 1; std::getline(input, text); ++number) {
    text = Trim(text);
    if (text.empty() || text.front() == '#') continue;
    size_t arrow = text.find("=>");
    EXPECT_NE(arrow, std::string::npos) << "line without an answer: " << text;
    if (arrow == std::string::npos) continue;
    lines.push_back({Trim(text.substr(0, arrow)), Trim(text.substr(arrow + 2)), number});
  }
  return lines;
}

}  // namespace

std::vector<std::string> SplitWords(std::string_view line) {
  std::istringstream input{std::string(line)};
  std::vector<std::string> words;
  for (std::string word; input >> word;) words.push_back(word == "-" ? "" : word);
  return words;
}

bool NativeAvailable() { return geteuid() == 0; }

std::vector<std::string> RunNative(const std::vector<std::string>& lines) {
  int ends[2];
  if (pipe(ends) != 0) return {};
  pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    auto target = MakeNativeTarget();
    std::string all;
    for (const std::string& line : lines) all += target->Run(SplitWords(line)) + "\n";
    for (size_t done = 0; done < all.size();) {
      ssize_t count = write(ends[1], all.data() + done, all.size() - done);
      if (count <= 0) break;
      done += static_cast<size_t>(count);
    }
    _exit(0);
  }
  close(ends[1]);
  std::string all;
  char buffer[4096];
  for (ssize_t count; (count = read(ends[0], buffer, sizeof(buffer))) > 0;)
    all.append(buffer, static_cast<size_t>(count));
  close(ends[0]);
  waitpid(child, nullptr, 0);
  std::vector<std::string> answers;
  std::istringstream input(all);
  for (std::string answer; std::getline(input, answer);) answers.push_back(answer);
  return answers;
}

void CheckScript(std::string_view script) {
  std::vector<Line> lines = Parse(script);
  for (const auto& filesystem : MakeScriptFilesystems()) {
    auto target = MakeVfsTarget(*filesystem);
    for (const Line& line : lines) {
      EXPECT_EQ(target->Run(SplitWords(line.call)), line.answer)
          << filesystem->name() << ", line " << line.number << ": " << line.call;
    }
  }
  if (!NativeAvailable()) return;
  std::vector<std::string> calls;
  for (const Line& line : lines) calls.push_back(line.call);
  std::vector<std::string> answers = RunNative(calls);
  ASSERT_EQ(answers.size(), lines.size()) << "the native run did not finish";
  for (size_t i = 0; i < lines.size(); ++i) {
    EXPECT_EQ(answers[i], lines[i].answer) << "native, line " << lines[i].number << ": " << lines[i].call;
  }
}

ScriptFlags ParseFlags(const std::string& text) {
  ScriptFlags flags;
  std::istringstream input(text);
  for (std::string word; std::getline(input, word, '+');) {
    if (word == "w") flags.open |= O_WRONLY;
    if (word == "rw") flags.open |= O_RDWR;
    if (word == "creat") flags.open |= O_CREAT;
    if (word == "excl") flags.open |= O_EXCL;
    if (word == "trunc") flags.open |= O_TRUNC;
    if (word == "dir") flags.open |= O_DIRECTORY;
    if (word == "nofollow") flags.open |= O_NOFOLLOW;
    if (word == "path") flags.open |= O_PATH;
    if (word == "append") flags.open |= O_APPEND;
    if (word == "tmp") flags.open |= O_TMPFILE;
    if (word == "noatime") flags.open |= O_NOATIME;
    if (word == "nonblock") flags.open |= O_NONBLOCK;
    if (word == "direct") flags.open |= O_DIRECT;
    if (word == "exec") flags.exec = true;
    if (word == "noxdev") flags.resolve |= 1;
    if (word == "nomagic") flags.resolve |= 2;
    if (word == "nosym") flags.resolve |= 4;
    if (word == "beneath") flags.resolve |= 8;
    if (word == "inroot") flags.resolve |= 16;
  }
  return flags;
}

std::string TypeName(unsigned mode) {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return "file";
    case S_IFDIR:
      return "dir";
    case S_IFLNK:
      return "link";
    case S_IFIFO:
      return "fifo";
    case S_IFSOCK:
      return "socket";
    default:
      return "other";
  }
}

}  // namespace vfs
