// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

namespace tests {

// Removes a file or a whole tree; symlinks are not followed.
inline void RemoveTree(const std::string& path) {
  if (unlink(path.c_str()) == 0 || errno == ENOENT) return;
  chmod(path.c_str(), 0700);
  if (DIR* dir = opendir(path.c_str())) {
    while (const dirent* entry = readdir(dir)) {
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") RemoveTree(path + "/" + entry->d_name);
    }
    closedir(dir);
  }
  rmdir(path.c_str());
}

// A path under /tmp that no one else uses, removed with all below it when the owner dies. A forked child never removes
// its parent's path.
//   PASS: TempPath file = TempPath::File("abc"); EXPECT_EQ(access(file.c_str(), R_OK), 0);
//   FAIL: TempPath name = TempPath::Name(); EXPECT_EQ(access(name.c_str(), F_OK), 0);   // nothing is there
class TempPath {
 public:
  // A unique name; nothing exists there.
  static TempPath Name() {
    static std::atomic<int> next{0};
    return TempPath("/tmp/runsc-test-" + std::to_string(getpid()) + "-" + std::to_string(next.fetch_add(1)));
  }

  // A regular file with this content.
  static TempPath File(std::string_view content = "", mode_t mode = 0644) {
    TempPath path = Name();
    const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    EXPECT_GE(fd, 0) << path.path() << ": " << strerror(errno);
    EXPECT_EQ(write(fd, content.data(), content.size()), static_cast<ssize_t>(content.size()));
    EXPECT_EQ(fchmod(fd, mode), 0);
    EXPECT_EQ(close(fd), 0);
    return path;
  }

  // An empty directory.
  static TempPath Directory(mode_t mode = 0755) {
    TempPath path = Name();
    EXPECT_EQ(mkdir(path.c_str(), mode), 0) << path.path() << ": " << strerror(errno);
    EXPECT_EQ(chmod(path.c_str(), mode), 0);
    return path;
  }

  TempPath(TempPath&& other) noexcept : path_(std::move(other.path_)), owner_(std::exchange(other.owner_, 0)) {}
  TempPath& operator=(TempPath&&) = delete;
  ~TempPath() {
    if (owner_ == getpid()) RemoveTree(path_);
  }

  const std::string& path() const { return path_; }
  const char* c_str() const { return path_.c_str(); }
  // The path of an entry below this directory.
  std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }

 private:
  explicit TempPath(std::string path) : path_(std::move(path)), owner_(getpid()) {}

  std::string path_;
  pid_t owner_;
};

// The whole content of a small file.
inline std::string ReadWholeFile(const std::string& path) {
  std::string content;
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  EXPECT_GE(fd, 0) << path << ": " << strerror(errno);
  char buffer[4096];
  for (ssize_t count; (count = read(fd, buffer, sizeof(buffer))) > 0;) content.append(buffer, count);
  close(fd);
  return content;
}

}  // namespace tests
