// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <set>
#include <sstream>

#include "base/errno.h"
#include "base/unique_fd.h"
#include "vfs/testing/script.h"

namespace vfs {
namespace {

using Words = std::vector<std::string>;

std::string Answer(long result) { return result < 0 ? base::ErrnoName(errno) : "ok"; }

class NativeTarget : public ScriptTarget {
 public:
  NativeTarget() {
    // A root of its own, which goes with this process.
    Must(unshare(CLONE_NEWNS), "unshare");
    Must(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "private");
    proc_ = base::UniqueFd(open("/proc/self/fd", O_PATH | O_CLOEXEC));
    Must(mount("tmpfs", "/tmp", "tmpfs", 0, "mode=755"), "mount");
    Must(chdir("/tmp"), "chdir");
    Must(static_cast<int>(syscall(SYS_pivot_root, ".", ".")), "pivot_root");
    Must(umount2(".", MNT_DETACH), "umount");
    umask(0);
  }

  std::string Run(const Words& words) override {
    std::string call = words[0];
    int at = AT_FDCWD;
    if (size_t mark = call.find('@'); mark != std::string::npos) {
      at = held_[call.substr(mark + 1)].get();
      call = call.substr(0, mark);
    }
    if (call == "as") return As(words);
    if (call == "hold") return Hold(at, words);
    if (call == "drop") return held_.erase(words[1]) != 0 ? "ok" : "none";
    if (call == "fdwhere") return Where(held_[words[1]].get());
    if (call == "fdread") return ReadAll(held_[words[1]].get());
    if (call == "fdwrite") return Answer(write(held_[words[1]].get(), words[2].data(), words[2].size()));
    if (std::string answer; Names(call, at, words, answer) || Attributes(call, at, words, answer) ||
                            Looks(call, at, words, answer) || Mounts(call, words, answer)) {
      return answer;
    }
    return "unknown call " + call;
  }

 private:
  static void Must(int result, const char* what) {
    if (result >= 0) return;
    perror(what);
    _exit(1);
  }

  static void SetCapabilities(uint64_t capabilities) {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[2];
    Must(static_cast<int>(syscall(SYS_capget, &header, data)), "capget");
    for (int i = 0; i < 2; ++i) data[i].effective = data[i].permitted & static_cast<uint32_t>(capabilities >> (32 * i));
    Must(static_cast<int>(syscall(SYS_capset, &header, data)), "capset");
  }

  std::string As(const Words& words) {
    SetCapabilities(~uint64_t{0});
    Must(static_cast<int>(syscall(SYS_setresuid, 0, 0, 0)), "setresuid");
    auto uid = static_cast<uid_t>(atoi(words[1].c_str()));
    auto gid = static_cast<gid_t>(atoi(words[2].c_str()));
    std::vector<gid_t> groups;
    uint64_t capabilities = uid == 0 ? ~uint64_t{0} : 0;
    for (size_t i = 3; i < words.size(); ++i) {
      std::istringstream input(words[i].substr(words[i].find('=') + 1));
      if (words[i].starts_with("caps=")) capabilities = 0;
      for (std::string number; std::getline(input, number, ',');) {
        if (words[i].starts_with("group=")) groups.push_back(static_cast<gid_t>(atoi(number.c_str())));
        if (words[i].starts_with("caps=")) capabilities |= uint64_t{1} << atoi(number.c_str());
      }
    }
    Must(static_cast<int>(syscall(SYS_setgroups, groups.size(), groups.data())), "setgroups");
    Must(static_cast<int>(syscall(SYS_setresgid, gid, gid, 0)), "setresgid");
    Must(static_cast<int>(syscall(SYS_setresuid, uid, uid, 0)), "setresuid");
    SetCapabilities(capabilities);
    return "ok";
  }

  static int Open(int at, const std::string& name, const ScriptFlags& flags, int mode) {
    if (flags.resolve == 0) return openat(at, name.c_str(), flags.open | O_CLOEXEC, mode);
    open_how how{};
    how.flags = static_cast<uint64_t>(flags.open) | O_CLOEXEC;
    how.mode = static_cast<uint64_t>(mode);
    how.resolve = flags.resolve;
    return static_cast<int>(syscall(SYS_openat2, at, name.c_str(), &how, sizeof(how)));
  }

  std::string Hold(int at, const Words& words) {
    int mode = words.size() > 4 ? static_cast<int>(strtol(words[4].c_str(), nullptr, 8)) : 0;
    base::UniqueFd fd(Open(at, words[2], ParseFlags(words[3]), mode));
    if (!fd) return Answer(-1);
    held_[words[1]] = std::move(fd);
    return "ok";
  }

  std::string Where(int fd) {
    char text[4096];
    ssize_t length = readlinkat(proc_.get(), std::to_string(fd).c_str(), text, sizeof(text));
    if (length < 0) return Answer(-1);
    return std::string(text, static_cast<size_t>(length));
  }

  static std::string ReadAll(int fd) {
    std::string all;
    char buffer[4096];
    ssize_t count;
    while ((count = read(fd, buffer, sizeof(buffer))) > 0) all.append(buffer, static_cast<size_t>(count));
    return count < 0 ? Answer(-1) : "[" + all + "]";
  }

  static bool Names(const std::string& call, int at, const Words& words, std::string& answer) {
    auto arg = [&words](size_t i) { return words.size() > i ? words[i].c_str() : ""; };
    auto mode = [&arg](size_t i) { return static_cast<mode_t>(strtol(arg(i), nullptr, 8)); };
    if (call == "mkdir") {
      answer = Answer(mkdirat(at, arg(1), mode(2)));
    } else if (call == "mknod") {
      mode_t type = *arg(2) == 'p' ? S_IFIFO : *arg(2) == 's' ? S_IFSOCK : *arg(2) == 'd' ? S_IFDIR : S_IFREG;
      answer = Answer(mknodat(at, arg(1), type | mode(3), 0));
    } else if (call == "symlink") {
      answer = Answer(symlinkat(arg(1), at, arg(2)));
    } else if (call == "link" || call == "linkfollow") {
      answer = Answer(linkat(at, arg(1), at, arg(2), call == "link" ? 0 : AT_SYMLINK_FOLLOW));
    } else if (call == "unlink") {
      answer = Answer(unlinkat(at, arg(1), 0));
    } else if (call == "rmdir") {
      answer = Answer(unlinkat(at, arg(1), AT_REMOVEDIR));
    } else if (call == "rename") {
      std::string how = arg(3);
      unsigned flags = how == "noreplace"  ? RENAME_NOREPLACE
                       : how == "exchange" ? RENAME_EXCHANGE
                       : how == "both"     ? RENAME_EXCHANGE | RENAME_NOREPLACE
                                           : 0;
      answer = Answer(renameat2(at, arg(1), at, arg(2), flags));
    } else {
      return false;
    }
    return true;
  }

  static bool Attributes(const std::string& call, int at, const Words& words, std::string& answer) {
    auto arg = [&words](size_t i) { return words.size() > i ? words[i].c_str() : ""; };
    auto id = [&words](size_t i) { return words[i].empty() ? ~0u : static_cast<unsigned>(atoi(words[i].c_str())); };
    if (call == "chmod") {
      answer = Answer(fchmodat(at, arg(1), static_cast<mode_t>(strtol(arg(2), nullptr, 8)), 0));
    } else if (call == "chown" || call == "lchown") {
      answer = Answer(fchownat(at, arg(1), id(2), id(3), call == "chown" ? 0 : AT_SYMLINK_NOFOLLOW));
    } else if (call == "truncate") {
      answer = Answer(truncate(arg(1), atol(arg(2))));
    } else if (call == "touch") {
      answer = Answer(utimensat(at, arg(1), nullptr, 0));
    } else if (call == "settime") {
      timespec times[2] = {{1, 0}, {2, 0}};
      answer = Answer(utimensat(at, arg(1), times, 0));
    } else if (call == "halfnow") {
      timespec times[2] = {{0, UTIME_NOW}, {0, UTIME_OMIT}};
      answer = Answer(utimensat(at, arg(1), times, 0));
    } else if (call == "setx") {
      std::string how = arg(4);
      int flags = how == "create" ? XATTR_CREATE : how == "replace" ? XATTR_REPLACE : 0;
      answer = Answer(lsetxattr(arg(1), arg(2), arg(3), words[3].size(), flags));
    } else if (call == "removex") {
      answer = Answer(lremovexattr(arg(1), arg(2)));
    } else if (call == "getx") {
      char value[256];
      ssize_t length = lgetxattr(arg(1), arg(2), value, sizeof(value));
      answer = length < 0 ? Answer(-1) : "[" + std::string(value, static_cast<size_t>(length)) + "]";
    } else if (call == "listx") {
      char names[1024];
      ssize_t length = llistxattr(arg(1), names, sizeof(names));
      answer = length < 0 ? Answer(-1) : "";
      std::set<std::string> sorted;
      for (const char* name = names; length > 0 && name < names + length; name += strlen(name) + 1) sorted.insert(name);
      for (const std::string& name : sorted) answer += (answer.empty() ? "" : ",") + name;
    } else {
      return false;
    }
    return true;
  }

  static std::string Describe(const struct stat& status) {
    char text[100];
    snprintf(text, sizeof(text), "%s %o %u:%u n=%lu", TypeName(status.st_mode).c_str(), status.st_mode & 07777,
             status.st_uid, status.st_gid, static_cast<unsigned long>(status.st_nlink));
    std::string answer = text;
    if (S_ISREG(status.st_mode)) answer += " s=" + std::to_string(status.st_size);
    return answer;
  }

  bool Looks(const std::string& call, int at, const Words& words, std::string& answer) {
    auto arg = [&words](size_t i) { return words.size() > i ? words[i].c_str() : ""; };
    if (call == "stat" || call == "lstat") {
      struct stat status;
      int result = fstatat(at, arg(1), &status, call == "stat" ? 0 : AT_SYMLINK_NOFOLLOW);
      answer = result < 0 ? Answer(-1) : Describe(status);
    } else if (call == "where" || call == "lwhere" || call == "resolve") {
      ScriptFlags flags = call == "resolve" ? ParseFlags(words[2]) : ScriptFlags{};
      flags.open |= O_PATH | (call == "lwhere" ? O_NOFOLLOW : 0);
      base::UniqueFd fd(Open(at, words[1], flags, 0));
      answer = fd ? Where(fd.get()) : Answer(-1);
    } else if (call == "open") {
      ScriptFlags flags = ParseFlags(words[2]);
      int mode = words.size() > 3 ? static_cast<int>(strtol(arg(3), nullptr, 8)) : 0;
      base::UniqueFd fd(Open(at, words[1], flags, mode));
      answer = Answer(fd.get());
    } else if (call == "access") {
      int mode = 0;
      for (char c : words[2]) mode |= c == 'r' ? R_OK : c == 'w' ? W_OK : c == 'x' ? X_OK : 0;
      answer = Answer(faccessat(at, arg(1), mode, 0));
    } else if (call == "readlink") {
      char text[4096];
      ssize_t length = readlinkat(at, arg(1), text, sizeof(text));
      answer = length < 0 ? Answer(-1) : std::string(text, static_cast<size_t>(length));
    } else if (call == "read" || call == "list") {
      base::UniqueFd fd(openat(at, arg(1), O_RDONLY | O_CLOEXEC | (call == "list" ? O_DIRECTORY : 0)));
      answer = !fd ? Answer(-1) : call == "read" ? ReadAll(fd.get()) : List(fd.release());
    } else if (call == "write") {
      base::UniqueFd fd(openat(at, arg(1), O_WRONLY | O_CLOEXEC));
      answer = !fd ? Answer(-1) : Answer(write(fd.get(), words[2].data(), words[2].size()));
    } else if (call == "chdir") {
      answer = Answer(chdir(arg(1)));
    } else if (call == "chroot") {
      answer = Answer(chroot(arg(1)));
    } else if (call == "cwd") {
      char text[4096];
      answer = syscall(SYS_getcwd, text, sizeof(text)) < 0 ? Answer(-1) : text;
    } else {
      return false;
    }
    return true;
  }

  static std::string List(int fd) {
    DIR* directory = fdopendir(fd);
    std::set<std::string> names;
    errno = 0;
    while (dirent* entry = readdir(directory)) names.insert(entry->d_name);
    // glibc takes the ENOENT of a removed directory for its end.
    char buffer[1024];
    bool failed = names.empty() && syscall(SYS_getdents64, dirfd(directory), buffer, sizeof(buffer)) < 0;
    std::string error = failed ? Answer(-1) : "";
    closedir(directory);
    if (failed) return error;
    std::string answer;
    for (const std::string& name : names) answer += (answer.empty() ? "" : ",") + name;
    return answer;
  }

  static bool Mounts(const std::string& call, const Words& words, std::string& answer) {
    auto arg = [&words](size_t i) { return words.size() > i ? words[i].c_str() : ""; };
    if (call == "mount") {
      answer = Answer(mount("tmpfs", arg(1), "tmpfs", 0, arg(2)));
    } else if (call == "bind" || call == "rbind") {
      answer = Answer(mount(arg(1), arg(2), nullptr, MS_BIND | (call == "rbind" ? MS_REC : 0), nullptr));
    } else if (call == "move") {
      answer = Answer(mount(arg(1), arg(2), nullptr, MS_MOVE, nullptr));
    } else if (call == "remount") {
      unsigned long flags = MS_REMOUNT | MS_BIND;
      if (words[2] == "ro") flags |= MS_RDONLY;
      if (words[2] == "noexec") flags |= MS_NOEXEC;
      if (words[2] == "nosymfollow") flags |= 256;
      answer = Answer(mount(nullptr, arg(1), nullptr, flags, nullptr));
    } else if (call == "umount") {
      answer = Answer(umount2(arg(1), words.size() > 2 ? MNT_DETACH : 0));
    } else {
      return false;
    }
    return true;
  }

  base::UniqueFd proc_;
  std::map<std::string, base::UniqueFd> held_;
};

}  // namespace

std::unique_ptr<ScriptTarget> MakeNativeTarget() { return std::make_unique<NativeTarget>(); }

}  // namespace vfs
