// SPDX-License-Identifier: Apache-2.0
#include "syscalls/sys_shm.h"

#include <sys/mman.h>

#include <cerrno>
#include <optional>
#include <vector>

#include "sentry/ipc/attachments.h"
#include "sentry/ipc/ipc_namespace.h"
#include "sentry/ipc/shared_memory.h"
#include "sentry/kernel.h"
#include "sentry/mm/memory_manager.h"
#include "sentry/task/memory_limits.h"

namespace syscalls {
namespace {

using base::Errno;
using base::GuestAddr;
using sentry::MemoryManager;
using sentry::SharedMemorySegments;
namespace abi = base::abi;

SharedMemorySegments& Segments(Task& task) { return sentry::IpcNamespace::Of(task.kernel()).shared_memory(); }

}  // namespace

base::Result<int32_t> SysShmget(Task& task, int32_t key, uint64_t size, int32_t flags) {
  return Segments(task).Get(task, key, size, flags);
}

base::Result<GuestAddr> SysShmat(Task& task, int32_t id, GuestAddr address, int32_t flags) {
  MemoryManager::MapRequest request{.flags = MAP_SHARED};
  if (id < 0) return Errno(EINVAL);
  const bool remap = (flags & abi::kShmRemap) != 0;
  if (!address.is_null()) {
    if (!address.page_aligned()) {
      if ((flags & abi::kShmRound) == 0) return Errno(EINVAL);
      address = address.PageDown();
      if (address.is_null() && remap) return Errno(EINVAL);
    }
    request.flags |= remap ? MAP_FIXED : MAP_FIXED_NOREPLACE;
  } else if (remap) {
    return Errno(EINVAL);
  }
  const bool read_only = (flags & abi::kShmReadOnly) != 0;
  const bool execute = (flags & abi::kShmExecute) != 0;
  auto attachment = TRY(Segments(task).Attach(task, id, read_only, execute));
  request.address = address;
  request.length = attachment.size;
  request.protection = PROT_READ;
  if (!read_only) request.protection |= PROT_WRITE;
  if (execute) request.protection |= PROT_EXEC;
  request.file = attachment.file.get();
  if (!address.is_null() && !address.Add(attachment.size)) return Errno(EINVAL);
  auto mapped = task.memory().Map(task, request, sentry::MemoryLimitsOf(task));
  if (!mapped.ok()) return mapped.error().code() == EEXIST ? Errno(EINVAL) : mapped.error();
  Segments(task).NoteAttached(task, *attachment.file);
  return *mapped;
}

base::Result<void> SysShmdt(Task& task, GuestAddr address) {
  MemoryManager& memory = task.memory();
  std::optional<sentry::Vma> first = memory.Find(address);
  if (!first || !first->file || first->range.begin != address || first->offset != 0) return Errno(EINVAL);
  base::RefPtr<vfs::FileDescription> file = first->file;
  first.reset();
  auto known = Segments(task).Identify(*file);
  if (!known) return Errno(EINVAL);
  // Of an attachment that was cut, all pieces that are still at their places.
  const GuestAddr end = address + base::PageRoundUp(known->size).value_or(0);
  std::vector<base::GuestRange> pieces;
  for (GuestAddr from = address; from < end;) {
    std::vector<sentry::MapEntry> entries = memory.Entries(from, 16);
    for (const sentry::MapEntry& entry : entries) {
      if (entry.range.begin < end && entry.file && &entry.file->inode() == &file->inode() &&
          entry.range.begin - address == entry.offset)
        pieces.push_back(entry.range);
    }
    if (entries.empty()) break;
    from = entries.back().range.end;
  }
  for (const base::GuestRange& piece : pieces) TRY(memory.Unmap(piece.begin, piece.length()));
  Segments(task).NoteDetached(task, *file);
  return {};
}

base::Result<int32_t> SysShmctl(Task& task, int32_t id, int32_t command, GuestAddr argument) {
  SharedMemorySegments& segments = Segments(task);
  vfs::UserMemory& memory = task.user_memory();
  if (command < 0 || id < 0) return Errno(EINVAL);
  switch (command & ~abi::kIpc64) {
    case abi::kIpcInfo: {
      abi::ShmUse use{};
      abi::ShmLimits limits{};
      limits.max_size = abi::kShmMax;
      limits.min_size = 1;
      limits.max_count = limits.max_per_process = abi::kShmCount;
      limits.max_pages = abi::kShmAll;
      TRY(sentry::UserOut<abi::ShmLimits>(argument).Write(memory, limits));
      return segments.Info(&use);
    }
    case abi::kShmInfo: {
      abi::ShmUse use{};
      int32_t highest = segments.Info(&use);
      TRY(sentry::UserOut<abi::ShmUse>(argument).Write(memory, use));
      return highest;
    }
    case abi::kIpcStat:
    case abi::kShmStat:
    case abi::kShmStatAny: {
      const int32_t kind = command & ~abi::kIpc64;
      int32_t found = 0;
      auto status = TRY(segments.Status(task, id, kind != abi::kIpcStat, kind == abi::kShmStatAny,
                                        sentry::AttachmentCounter(task.kernel()), &found));
      TRY(sentry::UserOut<abi::ShmidDs>(argument).Write(memory, status));
      return kind == abi::kIpcStat ? 0 : found;
    }
    case abi::kIpcSet: {
      auto wanted = TRY(sentry::UserIn<abi::ShmidDs>(argument).Read(memory));
      TRY(segments.Set(task, id, wanted.permission));
      return 0;
    }
    case abi::kIpcRemove:
      TRY(segments.Remove(task, id));
      return 0;
    case abi::kShmLock:
    case abi::kShmUnlock:
      TRY(segments.Lock(task, id, command == abi::kShmLock));
      return 0;
    default:
      return Errno(EINVAL);
  }
}

}  // namespace syscalls
