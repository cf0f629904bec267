// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/ref.h"
#include "base/result.h"
#include "vfs/context.h"
#include "vfs/dentry.h"
#include "vfs/path.h"
#include "vfs/walk.h"

namespace vfs {

// One walk along a name, step by step, for open(2), which may create the last component on its way. Lives in its
// caller's frame; not thread-safe. Everybody else calls Walk or WalkToParent.
class Walker {
 public:
  static base::Result<Walker> Create(Context& context, const StartPoint& at, std::string_view name, uint64_t resolve);

  // Walks until only the last component is left: it is last(), in the directory current().
  base::Result<void> WalkToLast();
  // Goes on to `child` of current() and to what is mounted on it. True: it was a symbolic link, to be followed by
  // another WalkToLast. A magic link is followed at once.
  base::Result<bool> StepInto(base::RefPtr<Dentry> child, bool follow);
  // Goes where "." or ".." leads; stays for kRoot.
  base::Result<void> StepDots(LastComponent kind);
  // All of the above to the end.
  base::Result<Path> WalkWhole(bool follow, bool directory);

  const Path& current() const { return current_; }
  // Valid until the next step.
  std::string_view last() const { return last_; }
  LastComponent last_kind() const { return last_kind_; }
  bool trailing_slash() const { return trailing_slash_; }

 private:
  Walker(Context& context, const StartPoint& at, std::string_view name, uint64_t resolve);

  bool is_scoped() const { return (resolve_ & (kResolveBeneath | kResolveInRoot)) != 0; }
  base::Result<void> JumpToRoot();
  void SkipSlashes();
  base::Result<void> BeginSegment();
  base::Result<bool> Follow(const Path& link);

  Context* context_;
  uint64_t resolve_;
  Path root_;
  Path current_;
  std::string buffer_;  // The name, or a link's target with what was left of the name.
  size_t position_ = 0;
  std::string_view last_;  // Into buffer_.
  LastComponent last_kind_ = LastComponent::kRoot;
  bool trailing_slash_ = false;
  int links_ = 0;
  uint64_t moves_;
};

}  // namespace vfs
