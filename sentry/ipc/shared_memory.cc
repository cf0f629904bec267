// SPDX-License-Identifier: Apache-2.0
#include "sentry/ipc/shared_memory.h"

#include <fcntl.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "vfs/inode.h"
#include "vfs/tmpfs/memfd.h"

namespace sentry {
namespace {

using base::Errno;
namespace abi = base::abi;

constexpr int64_t kSecond = 1'000'000'000;
constexpr int kCapIpcLock = 14;

int64_t Now(vfs::Context& context) { return context.RealtimeNow() / kSecond; }

uint64_t PagesOf(uint64_t size) { return base::PageRoundUp(size).value_or(0) / base::kPageSize; }

}  // namespace

class SharedMemorySegments::Segment : public IpcObject {
 public:
  Segment(base::RefPtr<vfs::FileDescription> file, uint64_t size) : file(std::move(file)), size(size) {}

  const base::RefPtr<vfs::FileDescription> file;
  const uint64_t size;
  // Guarded by the registry's lock.
  int64_t attach_time = 0, detach_time = 0, change_time = 0;
  int32_t creator_pid = 0, last_pid = 0;
  int files = 0;  // Descriptions of it that are there.
};

class SharedMemorySegments::File : public vfs::FileDescription {
 public:
  File(SharedMemorySegments& registry, base::RefPtr<Segment> segment, int flags)
      : FileDescription(segment->file->path(), flags), registry_(&registry), segment_(std::move(segment)) {}

  base::Result<base::RefPtr<vfs::Mappable>> Map(vfs::Context& context, bool shared, bool writable) override {
    return segment_->file->Map(context, shared, writable);
  }

 protected:
  ~File() override { registry_->FileGone(std::move(segment_)); }

 private:
  const base::RefPtr<SharedMemorySegments> registry_;
  base::RefPtr<Segment> segment_;
};

constinit base::LockClass SharedMemorySegments::kLock{"SharedMemorySegments::mutex_"};

SharedMemorySegments::SharedMemorySegments() : mutex_(kLock), ids_(abi::kShmCount) {}
SharedMemorySegments::~SharedMemorySegments() = default;

SharedMemorySegments::Segment* SharedMemorySegments::FindLocked(int32_t id) const {
  return static_cast<Segment*>(ids_.Find(id));
}

base::Result<int32_t> SharedMemorySegments::Get(vfs::Context& context, int32_t key, uint64_t size, int32_t flags) {
  base::RefPtr<Segment> fresh;
  auto needs_new = [&] {
    base::MutexLock lock(mutex_);
    return key == abi::kIpcPrivate || ((flags & abi::kIpcCreate) != 0 && ids_.FindKey(key) == nullptr);
  };
  // Made before the lock is taken; another may be quicker with the same key.
  if (needs_new()) {
    if (size < 1 || size > abi::kShmMax || size > INT64_MAX) return Errno(EINVAL);
    // No huge page is ever reserved here.
    if ((flags & abi::kShmHugeTlb) != 0) return Errno(ENOMEM);
    char name[32];
    snprintf(name, sizeof(name), "/SYSV%08x", static_cast<uint32_t>(key));
    auto file = TRY(vfs::CreateUnnamedFile(context, name, 0777));
    TRY(file->SetAttributes(context, {.size = size}));
    fresh = base::MakeRef<Segment>(std::move(file), size);
    fresh->creator_pid = context.process_id();
    fresh->change_time = Now(context);
  }
  base::MutexLock lock(mutex_);
  return IpcGet(
      ids_, context.credentials(), key, flags,
      [&](IpcObject& object) -> base::Result<void> {
        if (static_cast<Segment&>(object).size < size) return Errno(EINVAL);
        return {};
      },
      [&]() -> base::Result<base::RefPtr<IpcObject>> {
        mutex_.AssertHeld();
        if (!fresh) return Errno(ENOENT);  // Removed in between.
        pages_ += PagesOf(size);
        return base::RefPtr<IpcObject>(fresh);
      });
}

base::Result<SharedMemorySegments::Attachment> SharedMemorySegments::Attach(vfs::Context& context, int32_t id,
                                                                            bool read_only, bool execute) {
  base::RefPtr<Segment> segment;
  {
    base::MutexLock lock(mutex_);
    Segment* found = FindLocked(id);
    if (found == nullptr) return Errno(EINVAL);
    uint32_t wanted = IpcObject::kRead;
    if (!read_only) wanted |= IpcObject::kWrite;
    if (execute) wanted |= 0111;
    TRY(found->CheckAccess(context.credentials(), wanted));
    ++found->files;
    segment = base::RefPtr(found);
  }
  uint64_t size = segment->size;
  return Attachment{base::MakeRef<File>(*this, std::move(segment), read_only ? O_RDONLY : O_RDWR), size};
}

void SharedMemorySegments::FileGone(base::RefPtr<Segment> segment) {
  base::RefPtr<IpcObject> removed;
  base::MutexLock lock(mutex_);
  if (--segment->files > 0) return;
  if ((segment->mode & abi::kShmDestroyed) == 0 || segment->removed) return;
  pages_ -= PagesOf(segment->size);
  removed = ids_.Remove(*segment);
}

void SharedMemorySegments::NoteAttached(vfs::Context& context, vfs::FileDescription& file) {
  base::MutexLock lock(mutex_);
  ids_.ForEach([&](IpcObject& object) {
    auto& segment = static_cast<Segment&>(object);
    if (&segment.file->inode() != &file.inode()) return;
    segment.attach_time = Now(context);
    segment.last_pid = context.process_id();
  });
}

void SharedMemorySegments::NoteDetached(vfs::Context& context, vfs::FileDescription& file) {
  base::MutexLock lock(mutex_);
  ids_.ForEach([&](IpcObject& object) {
    auto& segment = static_cast<Segment&>(object);
    if (&segment.file->inode() != &file.inode()) return;
    segment.detach_time = Now(context);
    segment.last_pid = context.process_id();
  });
}

std::optional<SharedMemorySegments::Known> SharedMemorySegments::Identify(const vfs::FileDescription& file) const {
  std::optional<Known> known;
  base::MutexLock lock(mutex_);
  ids_.ForEach([&](IpcObject& object) {
    auto& segment = static_cast<Segment&>(object);
    if (&segment.file->inode() == &file.inode()) known = {segment.id, segment.size};
  });
  return known;
}

base::Result<abi::ShmidDs> SharedMemorySegments::Status(vfs::Context& context, int32_t which, bool by_index, bool any,
                                                        const CountAttachments& attachments, int32_t* id) const {
  abi::ShmidDs to{};
  base::RefPtr<Segment> segment;
  {
    base::MutexLock lock(mutex_);
    IpcObject* found = by_index ? ids_.FindIndex(which) : ids_.Find(which);
    if (found == nullptr) return Errno(EINVAL);
    if (!any) TRY(found->CheckAccess(context.credentials(), IpcObject::kRead));
    segment = base::RefPtr(static_cast<Segment*>(found));
    *id = segment->id;
    to.permission = segment->permission();
    to.size = segment->size;
    to.attach_time = segment->attach_time;
    to.detach_time = segment->detach_time;
    to.change_time = segment->change_time;
    to.creator_pid = segment->creator_pid;
    to.last_pid = segment->last_pid;
  }
  to.attachments = attachments(segment->file->inode());
  return to;
}

base::Result<void> SharedMemorySegments::Set(vfs::Context& context, int32_t id, const abi::IpcPermission& permission) {
  base::MutexLock lock(mutex_);
  Segment* segment = FindLocked(id);
  if (segment == nullptr) return Errno(EINVAL);
  TRY(segment->CheckOwner(context.credentials()));
  if (permission.uid == UINT32_MAX || permission.gid == UINT32_MAX) return Errno(EINVAL);
  segment->SetPermission(permission);
  segment->change_time = Now(context);
  return {};
}

base::Result<void> SharedMemorySegments::Remove(vfs::Context& context, int32_t id) {
  base::RefPtr<IpcObject> removed;  // Its file goes after the lock.
  base::MutexLock lock(mutex_);
  Segment* segment = FindLocked(id);
  if (segment == nullptr) return Errno(EINVAL);
  TRY(segment->CheckOwner(context.credentials()));
  if (segment->files > 0) {
    segment->mode |= abi::kShmDestroyed;
    ids_.DropKey(*segment);
    return {};
  }
  pages_ -= PagesOf(segment->size);
  removed = ids_.Remove(*segment);
  return {};
}

base::Result<void> SharedMemorySegments::Lock(vfs::Context& context, int32_t id, bool lock) {
  base::MutexLock guard(mutex_);
  Segment* segment = FindLocked(id);
  if (segment == nullptr) return Errno(EINVAL);
  const vfs::Credentials& credentials = context.credentials();
  if (!credentials.HasCapability(kCapIpcLock) && credentials.euid != segment->uid &&
      credentials.euid != segment->creator_uid)
    return Errno(EPERM);
  segment->mode = lock ? segment->mode | abi::kShmLocked : segment->mode & ~abi::kShmLocked;
  return {};
}

int32_t SharedMemorySegments::Info(abi::ShmUse* use) const {
  base::MutexLock lock(mutex_);
  use->count = static_cast<int32_t>(ids_.size());
  use->pages = use->resident = pages_;
  return ids_.highest_index();
}

std::string SharedMemorySegments::Table(const CountAttachments& attachments) const {
  std::vector<base::RefPtr<Segment>> segments;
  {
    base::MutexLock lock(mutex_);
    ids_.ForEach([&](IpcObject& object) { segments.emplace_back(static_cast<Segment*>(&object)); });
  }
  std::string text;
  for (const base::RefPtr<Segment>& segment : segments) {
    uint64_t count = attachments(segment->file->inode());
    char line[256];
    base::MutexLock lock(mutex_);
    snprintf(line, sizeof(line), "%10d %10d  %4o %21zu %5u %5u  %5lu %5u %5u %5u %5u %10ld %10ld %10ld %21lu %21lu\n",
             segment->key, segment->id, segment->mode, static_cast<size_t>(segment->size), segment->creator_pid,
             segment->last_pid, static_cast<unsigned long>(count), segment->uid.value(), segment->gid.value(),
             segment->creator_uid.value(), segment->creator_gid.value(), static_cast<long>(segment->attach_time),
             static_cast<long>(segment->detach_time), static_cast<long>(segment->change_time),
             static_cast<unsigned long>(PagesOf(segment->size) * base::kPageSize), 0UL);
    text += line;
  }
  return text;
}

}  // namespace sentry
