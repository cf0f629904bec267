// SPDX-License-Identifier: Apache-2.0
#include "sentry/task/fd_table.h"

#include <algorithm>
#include <utility>

#include "vfs/lock/file_lock.h"

namespace sentry {

constinit base::LockClass FdTable::kLock{"FdTable::mutex_"};

FdTable::~FdTable() {
  if (!owns_locks_.load(std::memory_order_relaxed)) return;
  for (const Entry& entry : entries_) {
    if (entry.file) vfs::FileLocks::ReleaseProcess(*entry.file, this);
  }
}

base::Result<void> FdTable::Closed(vfs::Context& context, vfs::FileDescription& file) {
  base::Result<void> flushed = file.Flush(context);
  if (owns_locks_.load(std::memory_order_relaxed)) vfs::FileLocks::ReleaseProcess(file, this);
  return flushed;
}

base::Result<base::RefPtr<vfs::FileDescription>> FdTable::Get(base::Fd fd) const {
  base::MutexLock lock(mutex_);
  size_t index = static_cast<uint32_t>(fd.value());
  if (index >= entries_.size() || !entries_[index].file) return base::Errno(EBADF);
  return entries_[index].file;
}

base::Result<bool> FdTable::CloseOnExec(base::Fd fd) const {
  base::MutexLock lock(mutex_);
  size_t index = static_cast<uint32_t>(fd.value());
  if (index >= entries_.size() || !entries_[index].file) return base::Errno(EBADF);
  return entries_[index].close_on_exec;
}

base::Result<void> FdTable::SetCloseOnExec(base::Fd fd, bool close_on_exec) {
  base::MutexLock lock(mutex_);
  size_t index = static_cast<uint32_t>(fd.value());
  if (index >= entries_.size() || !entries_[index].file) return base::Errno(EBADF);
  entries_[index].close_on_exec = close_on_exec;
  return {};
}

base::Result<base::Fd> FdTable::Install(base::RefPtr<vfs::FileDescription> file, bool close_on_exec, uint64_t limit,
                                        int minimum) {
  limit = std::min<uint64_t>(limit, kMaxDescriptors);
  if (minimum < 0 || static_cast<uint64_t>(minimum) >= limit) return base::Errno(EINVAL);
  base::MutexLock lock(mutex_);
  size_t index = std::max(minimum, first_free_);
  while (index < entries_.size() && entries_[index].file) ++index;
  if (index >= limit) return base::Errno(EMFILE);
  if (index >= entries_.size()) entries_.resize(index + 1);
  entries_[index] = {std::move(file), close_on_exec};
  if (minimum <= first_free_) first_free_ = static_cast<int>(index) + 1;
  return base::Fd(static_cast<int>(index));
}

base::Result<void> FdTable::InstallAt(vfs::Context& context, base::Fd fd, base::RefPtr<vfs::FileDescription> file,
                                      bool close_on_exec, uint64_t limit) {
  limit = std::min<uint64_t>(limit, kMaxDescriptors);
  if (fd.value() < 0 || static_cast<uint64_t>(fd.value()) >= limit) return base::Errno(EBADF);
  size_t index = static_cast<size_t>(fd.value());
  Entry entry{std::move(file), close_on_exec};
  {
    base::MutexLock lock(mutex_);
    if (index >= entries_.size()) entries_.resize(index + 1);
    std::swap(entries_[index], entry);
  }
  // dup2(2) ignores what closing the old file says.
  if (entry.file) [[maybe_unused]]
    auto flushed = Closed(context, *entry.file);
  return {};
}

base::Result<void> FdTable::Close(vfs::Context& context, base::Fd fd) {
  base::RefPtr<vfs::FileDescription> file;
  {
    base::MutexLock lock(mutex_);
    size_t index = static_cast<uint32_t>(fd.value());
    if (index >= entries_.size() || !entries_[index].file) return base::Errno(EBADF);
    file = std::move(entries_[index].file);
    first_free_ = std::min(first_free_, fd.value());
  }
  return Closed(context, *file);
}

void FdTable::CloseRange(vfs::Context& context, uint32_t first, uint32_t last, bool cloexec_only) {
  std::vector<base::RefPtr<vfs::FileDescription>> files;
  {
    base::MutexLock lock(mutex_);
    for (size_t index = first; index <= last && index < entries_.size(); ++index) {
      if (!entries_[index].file) continue;
      if (cloexec_only) {
        entries_[index].close_on_exec = true;
        continue;
      }
      files.push_back(std::move(entries_[index].file));
      first_free_ = std::min(first_free_, static_cast<int>(index));
    }
  }
  for (auto& file : files) [[maybe_unused]] auto flushed = Closed(context, *file);
}

void FdTable::CloseOnExecAll(vfs::Context& context) {
  std::vector<base::RefPtr<vfs::FileDescription>> files;
  {
    base::MutexLock lock(mutex_);
    for (size_t index = 0; index < entries_.size(); ++index) {
      if (!entries_[index].file || !entries_[index].close_on_exec) continue;
      files.push_back(std::move(entries_[index].file));
      first_free_ = std::min(first_free_, static_cast<int>(index));
    }
  }
  for (auto& file : files) [[maybe_unused]] auto flushed = Closed(context, *file);
}

void FdTable::CloseAll(vfs::Context& context) { CloseRange(context, 0, UINT32_MAX, false); }

base::RefPtr<FdTable> FdTable::Copy() const {
  auto copy = base::MakeRef<FdTable>();
  base::MutexLock lock(mutex_);
  // Two tables of one class: the copy is not shared yet.
  base::LockOrder::ScopedNested nested;
  base::MutexLock copy_lock(copy->mutex_);
  size_t used = entries_.size();
  while (used > 0 && !entries_[used - 1].file) --used;
  copy->entries_.assign(entries_.begin(), entries_.begin() + static_cast<ptrdiff_t>(used));
  copy->first_free_ = std::min(first_free_, static_cast<int>(used));
  return copy;
}

void FdTable::ForEach(const std::function<void(base::Fd, vfs::FileDescription&, bool)>& visit) const {
  std::vector<std::pair<int, Entry>> open;
  {
    base::MutexLock lock(mutex_);
    for (size_t index = 0; index < entries_.size(); ++index) {
      if (entries_[index].file) open.emplace_back(static_cast<int>(index), entries_[index]);
    }
  }
  for (auto& [fd, entry] : open) visit(base::Fd(fd), *entry.file, entry.close_on_exec);
}

int FdTable::open_count() const {
  base::MutexLock lock(mutex_);
  return static_cast<int>(
      std::count_if(entries_.begin(), entries_.end(), [](const Entry& entry) { return entry.file != nullptr; }));
}

}  // namespace sentry
