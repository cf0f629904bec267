// SPDX-License-Identifier: Apache-2.0
#include "sentry/ipc/attachments.h"

#include <set>
#include <vector>

#include "sentry/kernel.h"
#include "sentry/mm/memory_manager.h"
#include "sentry/task/task.h"

namespace sentry {
namespace {

constexpr size_t kEntriesAtOnce = 256;

uint64_t CountIn(const MemoryManager& memory, const vfs::Inode& inode) {
  uint64_t count = 0;
  base::GuestAddr from;
  while (true) {
    std::vector<MapEntry> entries = memory.Entries(from, kEntriesAtOnce);
    for (const MapEntry& entry : entries) count += entry.file && &entry.file->inode() == &inode ? 1 : 0;
    if (entries.size() < kEntriesAtOnce) return count;
    from = entries.back().range.end;
  }
}

}  // namespace

SharedMemorySegments::CountAttachments AttachmentCounter(Kernel& kernel) {
  return [&kernel](const vfs::Inode& inode) {
    std::vector<base::RefPtr<Task>> tasks;
    {
      base::MutexLock lock(kernel.tree_mutex());
      kernel.ForEachGroup([&](ThreadGroup& group) {
        if (!group.tasks.empty()) tasks.emplace_back(group.tasks.front());
      });
    }
    std::set<base::RefPtr<MemoryManager>, decltype([](const auto& a, const auto& b) { return a.get() < b.get(); })>
        memories;
    for (const base::RefPtr<Task>& task : tasks) {
      if (base::RefPtr<MemoryManager> memory = task->SharedMemory()) memories.insert(std::move(memory));
    }
    tasks.clear();
    uint64_t count = 0;
    for (const base::RefPtr<MemoryManager>& memory : memories) count += CountIn(*memory, inode);
    return count;
  };
}

}  // namespace sentry
