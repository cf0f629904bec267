// SPDX-License-Identifier: Apache-2.0
// File system calls as lines of text, run by our vfs on filesystems of ours, and by the host's kernel on a tmpfs of its
// own. All must answer what the line says, so an expectation nobody ever saw on Linux does not survive.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "vfs/testing/script_filesystems.h"

namespace vfs {

// Runs single calls. Words of a line:
//   as UID GID [group=G,...] [caps=N,...]   become that user, with these effective capabilities
//   mkdir P MODE | mknod P TYPE(f p s) MODE | symlink TARGET P | link OLD P | unlink P | rmdir P
//   rename A B [noreplace|exchange]
//   chmod P MODE | chown P UID GID (- for unchanged) | lchown | truncate P SIZE
//   access P rwx | touch P (utimensat now) | settime P (utimensat at a given time)
//   open P FLAGS [MODE]        FLAGS: r w rw, +creat +excl +trunc +dir +nofollow +path +append +tmp +noatime +exec
//   hold NAME P FLAGS [MODE]   the same, kept open; `drop NAME`; `fdwhere NAME`; `fdread NAME`; `fdwrite NAME TEXT`
//   resolve P FLAGS            open(O_PATH) with openat2 restrictions +beneath +inroot +nosym +noxdev +nomagic
//   stat P | lstat P           "dir 755 0:0 n=2"
//   where P | lwhere P         the name of what P leads to
//   readlink P | list P | read P | write P TEXT
//   chdir P | chroot P | cwd
//   setx P NAME VALUE [create|replace] | getx P NAME | listx P | removex P NAME
//   mount P OPTIONS | bind A B | rbind A B | move A B | umount P [detach] | remount P ro|rw   (tmpfs, mounts of it)
// A call by name may start at a held directory: "stat@NAME P". "-" is the empty name. The answer is "ok", a value, or
// the errno's name.
class ScriptTarget {
 public:
  virtual ~ScriptTarget() = default;
  virtual std::string Run(const std::vector<std::string>& words) = 0;
};

// Our vfs, on a fresh filesystem of the given kind.
std::unique_ptr<ScriptTarget> MakeVfsTarget(ScriptFilesystem& filesystem);
// The kernel below, in this process, which must be a child made for it: it gets a fresh tmpfs as its root.
std::unique_ptr<ScriptTarget> MakeNativeTarget();
// Whether the native target works here (it needs root).
bool NativeAvailable();

// Runs lines "CALL => ANSWER" (empty ones and # comments apart) by the vfs on every kind of filesystem, and natively;
// reports each difference.
void CheckScript(std::string_view script);
// The answers of the native target to lines without expectations.
std::vector<std::string> RunNative(const std::vector<std::string>& lines);
std::vector<std::string> SplitWords(std::string_view line);

// Parsing shared by the targets.
struct ScriptFlags {
  int open = 0;
  unsigned long resolve = 0;
  bool exec = false;
};
ScriptFlags ParseFlags(const std::string& text);
std::string TypeName(unsigned mode);

}  // namespace vfs
