// SPDX-License-Identifier: Apache-2.0
#include "vfs/dentry.h"

#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "base/log.h"
#include "vfs/inotify/notify.h"

namespace vfs {
namespace {

constinit base::LockClass kNamesLock{"Dentry::directory_mutex_"};
constinit base::LockClass kChildrenLock{"Dentry::children_mutex_"};
constinit base::LockClass kTreeLock{"Dentry::TreeMutex"};
std::atomic<uint64_t> move_count{0};

absl::string_view Key(std::string_view name) { return {name.data(), name.size()}; }

// Both children locks of a rename, which may be one; by address.
class ChildrenLocks {
 public:
  ChildrenLocks(base::Mutex& one, base::Mutex& other) ABSL_NO_THREAD_SAFETY_ANALYSIS
      : first_(&one < &other ? one : other),
        second_(&one == &other ? nullptr : (&one < &other ? &other : &one)) {
    first_.Lock();
    if (second_ != nullptr) second_->Lock();
  }
  ~ChildrenLocks() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    if (second_ != nullptr) second_->Unlock();
    first_.Unlock();
  }
  ChildrenLocks(const ChildrenLocks&) = delete;
  ChildrenLocks& operator=(const ChildrenLocks&) = delete;

 private:
  base::LockOrder::ScopedNested nested_;
  base::Mutex& first_;
  base::Mutex* const second_;
};

}  // namespace

// The keys are the dentries' own names.
struct Dentry::Children {
  absl::flat_hash_map<absl::string_view, Dentry*> map;
};

Dentry::Directory::Directory()
    : names_mutex(kNamesLock), children_mutex(kChildrenLock), children(std::make_unique<Children>()) {}
Dentry::Directory::~Directory() = default;

Dentry::Dentry(Kind kind, Filesystem& filesystem, base::RefPtr<Dentry> parent, std::string name,
               base::RefPtr<Inode> inode)
    : filesystem_(&filesystem),
      inode_(std::move(inode)),
      directory_(inode_ != nullptr && inode_->is_directory() ? std::make_unique<Directory>() : nullptr),
      kind_(kind),
      parent_(std::move(parent)),
      name_(std::move(name)) {}

Dentry::~Dentry() = default;

base::RefPtr<Dentry> Dentry::CreateRoot(base::RefPtr<Inode> inode) {
  Filesystem& filesystem = inode->filesystem();
  return base::AdoptRef(new Dentry(Kind::kRoot, filesystem, nullptr, "/", std::move(inode)));
}

base::RefPtr<Dentry> Dentry::CreateAnonymous(base::RefPtr<Inode> inode, std::string name) {
  Filesystem& filesystem = inode->filesystem();
  return base::AdoptRef(new Dentry(Kind::kAnonymous, filesystem, nullptr, std::move(name), std::move(inode)));
}

base::RefPtr<Dentry> Dentry::CreateUnnamed(base::RefPtr<Dentry> parent, base::RefPtr<Inode> inode, std::string name,
                                           bool linkable) {
  Filesystem& filesystem = inode->filesystem();
  auto dentry =
      base::AdoptRef(new Dentry(Kind::kNamed, filesystem, std::move(parent), std::move(name), std::move(inode)));
  dentry->linkable_ = linkable;
  dentry->deleted_.store(true, std::memory_order_release);
  return dentry;
}

base::Mutex& Dentry::TreeMutex() {
  static base::Mutex& mutex = *new base::Mutex(kTreeLock);
  return mutex;
}

uint64_t Dentry::MoveCount() { return move_count.load(std::memory_order_acquire); }

// A chain of parents may be as deep as a guest likes, so it is taken down in a loop. Nobody else can reach a dentry
// without references, so its parent and name hold still.
void Dentry::LastReferenceGone() {
  Dentry* dentry = this;
  while (dentry != nullptr) {
    if (dentry->last_link_.load(std::memory_order_relaxed)) NotifyInodeGone(*dentry->inode_);
    Dentry* parent = dentry->parent_.release();
    if (parent != nullptr) parent->Unhash(*dentry);
    delete dentry;
    dentry = parent != nullptr && parent->DropReference() ? parent : nullptr;
  }
}

base::RefPtr<Dentry> Dentry::parent() const {
  base::MutexLock lock(TreeMutex());
  return parent_ != nullptr ? parent_ : base::RefPtr<Dentry>(const_cast<Dentry*>(this));
}

std::string Dentry::name() const {
  base::MutexLock lock(TreeMutex());
  return name_;
}

bool Dentry::IsAncestorOf(const Dentry& other) const {
  base::MutexLock lock(TreeMutex());
  for (const Dentry* dentry = &other; dentry != nullptr; dentry = dentry->parent_.get()) {
    if (dentry == this) return true;
  }
  return false;
}

base::RefPtr<Dentry> Dentry::FindCached(std::string_view name) {
  base::MutexLock lock(directory_->children_mutex);
  auto& map = directory_->children->map;
  auto it = map.find(Key(name));
  if (it == map.end() || !it->second->TryRef()) return nullptr;
  it->second->MarkUsed();
  return base::RefPtr<Dentry>::Adopt(it->second);
}

base::RefPtr<Dentry> Dentry::FindValid(Context& context, std::string_view name) {
  base::RefPtr<Dentry> child = FindCached(name);
  if (child == nullptr || filesystem_->name_cache() == NameCache::kTrusted) return child;
  // What is mounted on must stay findable; the mount hides what the filesystem says anyway.
  if (child->may_be_mountpoint()) return child;
  if (child->inode_ != nullptr && filesystem_->Revalidate(context, *inode_, name, *child->inode_)) return child;
  Unhash(*child);
  child->deleted_.store(true, std::memory_order_release);
  child->Forget();
  return nullptr;
}

base::Result<base::RefPtr<Dentry>> Dentry::Lookup(Context& context, std::string_view name) {
  if (name.size() > kNameMax) return base::Errno(ENAMETOOLONG);
  base::RefPtr<Dentry> child = FindValid(context, name);
  if (child == nullptr) {
    base::MutexLock lock(directory_mutex());
    child = FindValid(context, name);
    if (child == nullptr) return AskFilesystem(context, name);
  }
  if (child->inode_ == nullptr) return base::Errno(ENOENT);
  return child;
}

base::Result<base::RefPtr<Dentry>> Dentry::LookupLocked(Context& context, std::string_view name) {
  directory_mutex().AssertHeld();
  if (name.size() > kNameMax) return base::Errno(ENAMETOOLONG);
  base::RefPtr<Dentry> child = FindValid(context, name);
  if (child == nullptr) return AskFilesystem(context, name);
  if (child->inode_ == nullptr) return base::Errno(ENOENT);
  return child;
}

base::Result<base::RefPtr<Dentry>> Dentry::AskFilesystem(Context& context, std::string_view name) {
  if (is_dead()) return base::Errno(ENOENT);
  base::Result<base::RefPtr<Inode>> inode = inode_->Lookup(context, name);
  if (inode.ok()) return Insert(name, std::move(inode).value());
  if (inode.error().code() == ENOENT && filesystem_->CachesMissingNames()) Insert(name, nullptr);
  return inode.error();
}

base::RefPtr<Dentry> Dentry::TakeOutLocked(std::string_view name) {
  auto& map = directory_->children->map;
  auto it = map.find(Key(name));
  if (it == map.end()) return nullptr;
  base::RefPtr<Dentry> old;
  if (it->second->TryRef()) old = base::RefPtr<Dentry>::Adopt(it->second);
  map.erase(it);
  return old;
}

void Dentry::EnterLocked(Dentry& child) { directory_->children->map.emplace(Key(child.name_), &child); }

base::RefPtr<Dentry> Dentry::Insert(std::string_view name, base::RefPtr<Inode> inode) {
  auto child = base::AdoptRef(
      new Dentry(Kind::kNamed, *filesystem_, base::RefPtr<Dentry>(this), std::string(name), std::move(inode)));
  base::RefPtr<Dentry> old;
  {
    base::MutexLock lock(directory_->children_mutex);
    old = TakeOutLocked(name);
    EnterLocked(*child);
  }
  if (old != nullptr) old->Forget();
  if (filesystem_->name_cache() != NameCache::kUncached) filesystem_->dentry_cache().Add(*child);
  return child;
}

void Dentry::Unhash(Dentry& child) {
  base::MutexLock lock(directory_->children_mutex);
  auto& map = directory_->children->map;
  auto it = map.find(Key(child.name_));
  if (it != map.end() && it->second == &child) map.erase(it);
}

void Dentry::Forget() { filesystem_->dentry_cache().Remove(*this); }

void Dentry::DropMissingChildren() {
  std::vector<base::RefPtr<Dentry>> children;
  {
    base::MutexLock lock(directory_->children_mutex);
    for (auto& [name, child] : directory_->children->map) {
      if (child->inode_ == nullptr && child->TryRef()) children.push_back(base::RefPtr<Dentry>::Adopt(child));
    }
  }
  for (auto& child : children) child->Forget();
}

void Dentry::Remove(Dentry& child) {
  Unhash(child);
  child.deleted_.store(true, std::memory_order_release);
  child.Forget();
  if (child.directory_ != nullptr) child.DropMissingChildren();
  // Names that were removed are often looked for, or made, again.
  if (filesystem_->CachesMissingNames()) Insert(child.name(), nullptr);
}

void Dentry::Move(Dentry& child, Dentry& new_parent, std::string_view new_name,
                  Dentry* replaced) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  base::RefPtr<Dentry> old_parent = child.parent();
  base::RefPtr<Dentry> stale;
  {
    base::MutexLock tree(TreeMutex());
    ChildrenLocks locks(old_parent->directory_->children_mutex, new_parent.directory_->children_mutex);
    old_parent->directory_->children->map.erase(Key(child.name_));
    stale = new_parent.TakeOutLocked(new_name);
    child.name_ = std::string(new_name);
    child.parent_ = base::RefPtr<Dentry>(&new_parent);
    new_parent.EnterLocked(child);
    move_count.fetch_add(1, std::memory_order_acq_rel);
  }
  if (replaced != nullptr) replaced->deleted_.store(true, std::memory_order_release);
  if (stale == nullptr) return;
  stale->Forget();
  if (stale->directory_ != nullptr) stale->DropMissingChildren();
}

void Dentry::Exchange(Dentry& one, Dentry& other) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  base::RefPtr<Dentry> one_parent = one.parent();
  base::RefPtr<Dentry> other_parent = other.parent();
  base::MutexLock tree(TreeMutex());
  ChildrenLocks locks(one_parent->directory_->children_mutex, other_parent->directory_->children_mutex);
  one_parent->directory_->children->map.erase(Key(one.name_));
  other_parent->directory_->children->map.erase(Key(other.name_));
  std::swap(one.name_, other.name_);
  std::swap(one.parent_, other.parent_);
  other_parent->EnterLocked(one);
  one_parent->EnterLocked(other);
  move_count.fetch_add(1, std::memory_order_acq_rel);
}

}  // namespace vfs
