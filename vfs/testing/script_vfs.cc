// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <set>
#include <sstream>

#include "base/errno.h"
#include "vfs/dentry.h"
#include "vfs/mount.h"
#include "vfs/operations.h"
#include "vfs/permission.h"
#include "vfs/testing/script.h"
#include "vfs/testing/test_context.h"
#include "vfs/tmpfs/tmpfs.h"

namespace vfs {
namespace {

using Words = std::vector<std::string>;

std::string Name(base::Errno error) { return base::ErrnoName(error.code()); }

template <typename T>
std::string Answer(const base::Result<T>& result) {
  return result.ok() ? "ok" : Name(result.error());
}

class Names : public DirectorySink {
 public:
  bool Add(std::string_view name, uint64_t, uint8_t, int64_t) override {
    names_.emplace(name);
    return true;
  }
  std::string Joined() const {
    std::string all;
    for (const std::string& name : names_) all += (all.empty() ? "" : ",") + name;
    return all;
  }

 private:
  std::set<std::string> names_;
};

class VfsTarget : public ScriptTarget {
 public:
  explicit VfsTarget(ScriptFilesystem& filesystem) {
    auto mount = Mount::Create(filesystem.MakeRoot(context_), kMountRelatime, "test");
    mounts_ = MountNamespace::Create(std::move(mount));
    root_ = cwd_ = mounts_->root();
  }

  std::string Run(const Words& words) override {
    std::string call = words[0];
    StartPoint at{root_, cwd_};
    if (size_t mark = call.find('@'); mark != std::string::npos) {
      at.start = held_[call.substr(mark + 1)]->path();
      call = call.substr(0, mark);
    }
    if (call == "as") return As(words);
    if (call == "hold") return Hold(at, words);
    if (call == "drop") return held_.erase(words[1]) != 0 ? "ok" : "none";
    if (call == "fdwhere") return PathName(held_[words[1]]->path(), root_).Shown();
    if (call == "fdread") return ReadAll(*held_[words[1]]);
    if (call == "fdwrite") return WriteTo(*held_[words[1]], words[2]);
    if (std::string answer; Creates(call, at, words, answer) || Changes(call, at, words, answer) ||
                            Xattrs(call, at, words, answer) || Looks(call, at, words, answer) ||
                            Reads(call, at, words, answer) || Mounts(call, at, words, answer)) {
      return answer;
    }
    return "unknown call " + call;
  }

 private:
  static std::string Arg(const Words& words, size_t i) { return words.size() > i ? words[i] : ""; }
  static uint32_t Mode(const Words& words, size_t i) {
    return static_cast<uint32_t>(strtol(Arg(words, i).c_str(), nullptr, 8));
  }

  std::string As(const Words& words) {
    auto uid = static_cast<uint32_t>(atoi(words[1].c_str()));
    auto gid = static_cast<uint32_t>(atoi(words[2].c_str()));
    CapabilitySet capabilities = uid == 0 ? ~CapabilitySet{0} : 0;
    std::vector<base::KGid> groups;
    for (size_t i = 3; i < words.size(); ++i) {
      std::istringstream input(words[i].substr(words[i].find('=') + 1));
      if (words[i].starts_with("caps=")) capabilities = 0;
      for (std::string number; std::getline(input, number, ',');) {
        if (words[i].starts_with("group=")) groups.emplace_back(static_cast<uint32_t>(atoi(number.c_str())));
        if (words[i].starts_with("caps=")) capabilities |= CapabilitySet{1} << atoi(number.c_str());
      }
    }
    auto credentials = TestContext::Make(uid, gid, capabilities);
    std::sort(groups.begin(), groups.end());
    credentials->groups = groups;
    context_.Become(std::move(credentials));
    return "ok";
  }

  base::Result<base::RefPtr<FileDescription>> Open(const StartPoint& at, const std::string& name,
                                                   const ScriptFlags& flags, uint32_t mode = 0) {
    return vfs::Open(context_, at, name,
                     {.flags = flags.open, .mode = mode, .resolve = flags.resolve, .for_exec = flags.exec});
  }

  std::string Hold(const StartPoint& at, const Words& words) {
    auto opened = Open(at, words[2], ParseFlags(words[3]), Mode(words, 4));
    if (!opened.ok()) return Name(opened.error());
    held_[words[1]] = *opened;
    return "ok";
  }

  std::string ReadAll(FileDescription& file) {
    if (!file.readable()) return "EBADF";
    std::string all;
    for (;;) {
      std::byte buffer[4096];
      BufferSequence to(buffer);
      auto count = file.TryRead(context_, to);
      if (!count.ok()) return Name(count.error());
      if (*count == 0) return "[" + all + "]";
      all.append(reinterpret_cast<char*>(buffer), *count);
    }
  }

  std::string WriteTo(FileDescription& file, std::string text) {
    if (!file.writable()) return "EBADF";
    BufferSequence from(std::as_writable_bytes(std::span<char>(text)));
    return Answer(file.TryWrite(context_, from));
  }

  bool Creates(const std::string& call, const StartPoint& at, const Words& words, std::string& answer) {
    std::string first = Arg(words, 1), second = Arg(words, 2);
    if (call == "mkdir") {
      answer = Answer(MakeDirectory(context_, at, first, Mode(words, 2)));
    } else if (call == "mknod") {
      uint32_t type = second == "p" ? S_IFIFO : second == "s" ? S_IFSOCK : second == "d" ? S_IFDIR : S_IFREG;
      answer = Answer(MakeNode(context_, at, first, type | Mode(words, 3), 0, 0));
    } else if (call == "symlink") {
      answer = Answer(MakeSymlink(context_, first, at, second));
    } else if (call == "link" || call == "linkfollow") {
      auto old = Walk(context_, at, first, {.follow = call == "linkfollow"});
      answer = old.ok() ? Answer(MakeLink(context_, *old, at, second)) : Name(old.error());
    } else if (call == "unlink") {
      answer = Answer(Unlink(context_, at, first));
    } else if (call == "rmdir") {
      answer = Answer(RemoveDirectory(context_, at, first));
    } else if (call == "rename") {
      std::string how = Arg(words, 3);
      unsigned flags = how == "noreplace"  ? RENAME_NOREPLACE
                       : how == "exchange" ? RENAME_EXCHANGE
                       : how == "both"     ? RENAME_EXCHANGE | RENAME_NOREPLACE
                                           : 0;
      answer = Answer(Rename(context_, at, first, at, second, flags));
    } else {
      return false;
    }
    return true;
  }

  bool Changes(const std::string& call, const StartPoint& at, const Words& words, std::string& answer) {
    static const std::set<std::string> kCalls{"chmod", "chown", "lchown", "truncate", "touch", "settime", "halfnow"};
    if (!kCalls.contains(call)) return false;
    auto path = Walk(context_, at, words[1], {.follow = call != "lchown"});
    if (!path.ok()) {
      answer = Name(path.error());
      return true;
    }
    using Kind = TimeChange::Kind;
    if (call == "chmod") {
      answer = Answer(ChangeMode(context_, *path, Mode(words, 2)));
    } else if (call == "chown" || call == "lchown") {
      std::optional<base::KUid> uid;
      std::optional<base::KGid> gid;
      if (!words[2].empty()) uid = base::KUid(static_cast<uint32_t>(atoi(words[2].c_str())));
      if (!words[3].empty()) gid = base::KGid(static_cast<uint32_t>(atoi(words[3].c_str())));
      answer = Answer(ChangeOwner(context_, *path, uid, gid));
    } else if (call == "truncate") {
      answer = Answer(Truncate(context_, *path, atol(words[2].c_str())));
    } else if (call == "touch") {
      answer = Answer(SetTimes(context_, *path, {Kind::kNow, {}}, {Kind::kNow, {}}));
    } else if (call == "settime") {
      answer = Answer(SetTimes(context_, *path, {Kind::kSet, {1, 0}}, {Kind::kSet, {2, 0}}));
    } else {
      answer = Answer(SetTimes(context_, *path, {Kind::kNow, {}}, {Kind::kOmit, {}}));
    }
    return true;
  }

  bool Xattrs(const std::string& call, const StartPoint& at, const Words& words, std::string& answer) {
    if (call != "setx" && call != "removex" && call != "getx" && call != "listx") return false;
    auto path = Walk(context_, at, words[1], {.follow = false});
    std::string name = Arg(words, 2), how = Arg(words, 4);
    if (!path.ok()) {
      answer = Name(path.error());
    } else if (call == "setx") {
      int flags = how == "create" ? XATTR_CREATE : how == "replace" ? XATTR_REPLACE : 0;
      answer = Answer(SetXattr(context_, *path, name, words[3], flags));
    } else if (call == "removex") {
      answer = Answer(RemoveXattr(context_, *path, name));
    } else if (call == "getx") {
      auto value = GetXattr(context_, *path, name);
      answer = value.ok() ? "[" + *value + "]" : Name(value.error());
    } else {
      auto names = ListXattr(context_, *path);
      if (!names.ok()) answer = Name(names.error());
      std::set<std::string> sorted;
      if (names.ok()) sorted.insert(names->begin(), names->end());
      for (const std::string& one : sorted) answer += (answer.empty() ? "" : ",") + one;
    }
    return true;
  }

  static std::string Describe(const Attributes& status) {
    char text[100];
    snprintf(text, sizeof(text), "%s %o %u:%u n=%lu", TypeName(status.mode).c_str(), status.mode & 07777,
             status.uid.value(), status.gid.value(), static_cast<unsigned long>(status.links));
    std::string answer = text;
    if (S_ISREG(status.mode)) answer += " s=" + std::to_string(status.size);
    return answer;
  }

  bool Looks(const std::string& call, const StartPoint& at, const Words& words, std::string& answer) {
    std::string name = Arg(words, 1);
    if (call == "stat" || call == "lstat") {
      auto status = Stat(context_, at, name, {.follow = call == "stat"});
      answer = status.ok() ? Describe(*status) : Name(status.error());
    } else if (call == "where" || call == "lwhere" || call == "resolve") {
      ScriptFlags flags = call == "resolve" ? ParseFlags(words[2]) : ScriptFlags{};
      flags.open |= O_PATH | (call == "lwhere" ? O_NOFOLLOW : 0);
      auto opened = Open(at, name, flags);
      answer = opened.ok() ? PathName((*opened)->path(), root_).Shown() : Name(opened.error());
    } else if (call == "access") {
      unsigned access = 0;
      for (char c : words[2]) access |= c == 'r' ? kMayRead : c == 'w' ? kMayWrite : c == 'x' ? kMayExecute : 0;
      auto credentials = base::RefPtr<Credentials>(const_cast<Credentials*>(&context_.credentials()));
      context_.Become(credentials->WithRealIds());
      answer = Answer(Access(context_, at, name, access, {}));
      context_.Become(std::move(credentials));
    } else if (call == "readlink") {
      auto target = ReadLink(context_, at, name);
      answer = target.ok() ? *target : Name(target.error());
    } else if (call == "chdir" || call == "chroot") {
      auto path = EnterDirectory(context_, at, name);
      answer = Answer(path);
      if (path.ok()) (call == "chdir" ? cwd_ : root_) = *path;
    } else if (call == "cwd") {
      PathText text = PathName(cwd_, root_);
      answer = text.deleted ? "ENOENT" : text.reachable ? text.name : "(unreachable)" + text.name;
    } else {
      return false;
    }
    return true;
  }

  bool Reads(const std::string& call, const StartPoint& at, const Words& words, std::string& answer) {
    if (call != "open" && call != "read" && call != "list" && call != "write") return false;
    ScriptFlags flags = call == "open" ? ParseFlags(words[2]) : ScriptFlags{};
    if (call == "list") flags.open = O_DIRECTORY;
    if (call == "write") flags.open = O_WRONLY;
    auto opened = Open(at, words[1], flags, Mode(words, 3));
    if (!opened.ok()) {
      answer = Name(opened.error());
    } else if (call == "open") {
      if (flags.exec) (*opened)->inode().AllowWriters();
      answer = "ok";
    } else if (call == "read") {
      answer = ReadAll(**opened);
    } else if (call == "write") {
      answer = WriteTo(**opened, words[2]);
    } else {
      class Names names;
      auto result = ReadDirectory(context_, **opened, names);
      answer = result.ok() ? names.Joined() : Name(result.error());
    }
    return true;
  }

  bool Mounts(const std::string& call, const StartPoint& at, const Words& words, std::string& answer) {
    static const std::set<std::string> kCalls{"mount", "bind", "rbind", "move", "remount", "umount"};
    if (!kCalls.contains(call)) return false;
    auto path = Walk(context_, at, words[1], {});
    bool two = call == "bind" || call == "rbind" || call == "move";
    auto other = Walk(context_, at, two ? words[2] : words[1], {});
    if (!path.ok() || !other.ok()) {
      answer = Name(!path.ok() ? path.error() : other.error());
    } else if (call == "mount") {
      auto options = MUST(TmpfsOptions::Parse(Arg(words, 2), 1 << 30));
      answer = Answer(mounts_->Attach(Mount::Create(Tmpfs::Create(context_, options), kMountRelatime, "tmpfs"), *path));
    } else if (call == "move") {
      answer = Answer(mounts_->Move(*path, *other));
    } else if (two) {
      auto clone = mounts_->Clone(*path, call == "rbind");
      answer = clone.ok() ? Answer(mounts_->Attach(*clone, *other)) : Name(clone.error());
    } else if (call == "remount") {
      unsigned flags = kMountRelatime;
      if (words[2] == "ro") flags |= kMountReadOnly;
      if (words[2] == "noexec") flags |= kMountNoExec;
      if (words[2] == "nosymfollow") flags |= kMountNoSymFollow;
      answer = Answer(mounts_->SetFlags(*path, flags));
    } else {
      Path target = std::move(path).value();
      path = base::Errno(ENOENT);
      other = base::Errno(ENOENT);
      answer = Answer(mounts_->Unmount(std::move(target), words.size() > 2 ? MNT_DETACH : 0));
    }
    return true;
  }

  TestContext context_;
  base::RefPtr<MountNamespace> mounts_;
  Path root_, cwd_;
  std::map<std::string, base::RefPtr<FileDescription>> held_;
};

}  // namespace

std::unique_ptr<ScriptTarget> MakeVfsTarget(ScriptFilesystem& filesystem) {
  return std::make_unique<VfsTarget>(filesystem);
}

}  // namespace vfs
