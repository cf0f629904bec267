// SPDX-License-Identifier: Apache-2.0
#include "vfs/walk.h"

#include <utility>

#include "vfs/dentry.h"
#include "vfs/mount.h"
#include "vfs/permission.h"
#include "vfs/walker.h"

namespace vfs {
namespace {

LastComponent Classify(std::string_view name) {
  if (name == ".") return LastComponent::kDot;
  if (name == "..") return LastComponent::kDotDot;
  return LastComponent::kName;
}

}  // namespace

base::Result<Walker> Walker::Create(Context& context, const StartPoint& at, std::string_view name, uint64_t resolve) {
  if (name.empty()) return base::Errno(ENOENT);
  if (name.size() >= kPathMax) return base::Errno(ENAMETOOLONG);
  if ((resolve & kResolveCached) != 0) return base::Errno(EAGAIN);
  Walker walker(context, at, name, resolve);
  if (name.front() != '/' && !at.start.dentry->is_directory()) return base::Errno(ENOTDIR);
  return walker;
}

Walker::Walker(Context& context, const StartPoint& at, std::string_view name, uint64_t resolve)
    : context_(&context),
      resolve_(resolve),
      root_((resolve & (kResolveBeneath | kResolveInRoot)) != 0 ? at.start : at.root),
      current_(at.start),
      buffer_(name),
      moves_(is_scoped() ? Dentry::MoveCount() : 0) {}

base::Result<void> Walker::JumpToRoot() {
  if ((resolve_ & kResolveBeneath) != 0) return base::Errno(EXDEV);
  // An absolute name may begin anywhere; an absolute link may not lead to another mount.
  if ((resolve_ & kResolveNoCrossMount) != 0 && links_ > 0 && current_.mount != root_.mount) return base::Errno(EXDEV);
  current_ = root_;
  return {};
}

void Walker::SkipSlashes() {
  while (position_ < buffer_.size() && buffer_[position_] == '/') ++position_;
}

base::Result<void> Walker::BeginSegment() {
  if (position_ >= buffer_.size() || buffer_[position_] != '/') return {};
  TRY(JumpToRoot());
  SkipSlashes();
  return {};
}

base::Result<void> Walker::WalkToLast() {
  TRY(BeginSegment());
  last_ = {};
  last_kind_ = LastComponent::kRoot;
  trailing_slash_ = false;
  if (position_ == buffer_.size()) return {};
  for (;;) {
    TRY(CheckPermission(*context_, *current_.dentry->inode(), kMayExecute));
    size_t begin = position_;
    position_ = std::min(buffer_.find('/', begin), buffer_.size());
    std::string_view name = std::string_view(buffer_).substr(begin, position_ - begin);
    LastComponent kind = Classify(name);
    bool slash = position_ < buffer_.size();
    SkipSlashes();
    if (position_ == buffer_.size()) {
      last_ = name;
      last_kind_ = kind;
      trailing_slash_ = slash;
      return {};
    }
    if (kind != LastComponent::kName) {
      TRY(StepDots(kind));
      continue;
    }
    base::RefPtr<Dentry> child = TRY(current_.dentry->Lookup(*context_, name));
    if (TRY(StepInto(std::move(child), true))) {
      TRY(BeginSegment());
      continue;
    }
    if (!current_.dentry->is_directory()) return base::Errno(ENOTDIR);
  }
}

base::Result<bool> Walker::StepInto(base::RefPtr<Dentry> child, bool follow) {
  Path next(current_.mount, std::move(child));
  MountTree::StepDown(next);
  if ((resolve_ & kResolveNoCrossMount) != 0 && next.mount != current_.mount) return base::Errno(EXDEV);
  if (!follow || !next.dentry->inode()->is_symlink()) {
    current_ = std::move(next);
    return false;
  }
  return Follow(next);
}

base::Result<bool> Walker::Follow(const Path& link) {
  if (links_++ >= kSymlinkMax) return base::Errno(ELOOP);
  if ((resolve_ & kResolveNoSymlinks) != 0 || (link.mount->flags() & kMountNoSymFollow) != 0) {
    return base::Errno(ELOOP);
  }
  Inode& inode = *link.dentry->inode();
  Path magic = TRY(inode.FollowMagicLink(*context_));
  if (magic) {
    if ((resolve_ & kResolveNoMagicLinks) != 0) return base::Errno(ELOOP);
    if (is_scoped()) return base::Errno(EXDEV);
    if ((resolve_ & kResolveNoCrossMount) != 0 && magic.mount != current_.mount) return base::Errno(EXDEV);
    current_ = std::move(magic);
    return false;
  }
  std::string target = TRY(inode.ReadLink(*context_));
  if (target.empty()) return base::Errno(ENOENT);
  if (position_ < buffer_.size()) {
    target += '/';
    target.append(buffer_, position_);
  }
  buffer_ = std::move(target);
  position_ = 0;
  return true;
}

base::Result<void> Walker::StepDots(LastComponent kind) {
  if (kind != LastComponent::kDotDot) return {};
  Path up = current_;
  for (;;) {
    if (up == root_) {
      if ((resolve_ & kResolveBeneath) != 0) return base::Errno(EXDEV);
      break;
    }
    if (up.dentry != up.mount->root()) {
      base::RefPtr<Dentry> parent = up.dentry->parent();
      // A directory moved out of the part of the filesystem that is mounted here must not lead to what is outside.
      const base::RefPtr<Dentry>& top = up.mount->root();
      if (!top->is_root() && !top->IsAncestorOf(*parent)) return base::Errno(ENOENT);
      up.dentry = std::move(parent);
      break;
    }
    if (!MountTree::StepUp(up)) {
      if ((resolve_ & kResolveBeneath) != 0) return base::Errno(EXDEV);
      break;
    }
    if ((resolve_ & kResolveNoCrossMount) != 0) return base::Errno(EXDEV);
  }
  MountTree::StepDown(up);
  if ((resolve_ & kResolveNoCrossMount) != 0 && up.mount != current_.mount) return base::Errno(EXDEV);
  // A concurrent rename may have moved us out of the root we must not leave.
  if (is_scoped() && Dentry::MoveCount() != moves_) return base::Errno(EAGAIN);
  current_ = std::move(up);
  return {};
}

base::Result<Path> Walker::WalkWhole(bool follow, bool directory) {
  for (;;) {
    TRY(WalkToLast());
    if (last_kind_ != LastComponent::kName) {
      TRY(StepDots(last_kind_));
      break;
    }
    if (trailing_slash_) follow = directory = true;
    base::RefPtr<Dentry> child = TRY(current_.dentry->Lookup(*context_, last_));
    if (!TRY(StepInto(std::move(child), follow))) break;
  }
  if (directory && !current_.dentry->is_directory()) return base::Errno(ENOTDIR);
  return current_;
}

base::Result<Path> Walk(Context& context, const StartPoint& at, std::string_view name, const WalkOptions& options) {
  if (name.empty() && options.allow_empty) {
    if (options.directory && !at.start.dentry->is_directory()) return base::Errno(ENOTDIR);
    return at.start;
  }
  Walker walker = TRY(Walker::Create(context, at, name, options.resolve));
  return walker.WalkWhole(options.follow, options.directory);
}

base::Result<ParentWalk> WalkToParent(Context& context, const StartPoint& at, std::string_view name, uint64_t resolve) {
  Walker walker = TRY(Walker::Create(context, at, name, resolve));
  TRY(walker.WalkToLast());
  return ParentWalk{walker.current(), std::string(walker.last()), walker.last_kind(), walker.trailing_slash()};
}

}  // namespace vfs
