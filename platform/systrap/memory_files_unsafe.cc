// SPDX-License-Identifier: Apache-2.0
#include "platform/systrap/memory_files.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <cstring>

#include "platform/memory_file.h"
#include "platform/syscall_unsafe.h"
#include "platform/systrap/stub_image.h"

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

namespace platform::systrap {

namespace {

base::Result<void*> MapWhole(int fd, uint64_t size) {
  long result = RawSyscall(SYS_mmap, 0, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
  if (result < 0 && result > -4096) return base::Errno(static_cast<int>(-result));
  return reinterpret_cast<void*>(result);
}

}  // namespace

constinit base::LockClass SlotFile::kLock{"systrap::SlotFile::mutex_"};
constinit base::LockClass CommandFile::kLock{"systrap::CommandFile::mutex_"};

SlotFile::SlotFile(base::UniqueFd fd, std::byte* memory)
    : fd_(std::move(fd)), memory_(memory), used_(kSlots / kUnit, false) {}

SlotFile::~SlotFile() { RawSyscall(SYS_munmap, memory_, uint64_t{kSlots} * STUB_SLOT_SIZE); }

base::Result<std::unique_ptr<SlotFile>> SlotFile::Create() {
  uint64_t size = uint64_t{kSlots} * STUB_SLOT_SIZE;
  base::UniqueFd fd = TRY(MakeMemoryFile("runsc-slots", size, false));
  long result = RawSyscall(SYS_fcntl, fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
  if (result < 0) return base::Errno(static_cast<int>(-result));
  void* memory = TRY(MapWhole(fd.get(), size));
  return std::unique_ptr<SlotFile>(new SlotFile(std::move(fd), static_cast<std::byte*>(memory)));
}

std::byte* SlotFile::At(uint32_t slot) const { return memory_ + uint64_t{slot} * STUB_SLOT_SIZE; }

base::Result<uint32_t> SlotFile::Allocate(uint32_t count) {
  size_t units = count / kUnit;
  base::MutexLock lock(mutex_);
  while (first_free_ < used_.size() && used_[first_free_]) first_free_++;
  size_t length = 0;
  for (size_t i = first_free_; i < used_.size(); i++) {
    length = used_[i] ? 0 : length + 1;
    if (length < units) continue;
    size_t first = i + 1 - units;
    for (size_t unit = first; unit <= i; unit++) used_[unit] = true;
    return static_cast<uint32_t>(first * kUnit);
  }
  return base::Errno(EAGAIN);
}

void SlotFile::Free(uint32_t first, uint32_t count) {
  // The next owner must not see what the old one left.
  RawSyscall(SYS_fallocate, fd_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, uint64_t{first} * STUB_SLOT_SIZE,
             uint64_t{count} * STUB_SLOT_SIZE);
  base::MutexLock lock(mutex_);
  for (size_t unit = first / kUnit; unit < (first + count) / kUnit; unit++) used_[unit] = false;
  if (first / kUnit < first_free_) first_free_ = first / kUnit;
}

CommandFile::CommandFile(base::UniqueFd fd, CommandPage* memory) : fd_(std::move(fd)), memory_(memory) {}

CommandFile::~CommandFile() { RawSyscall(SYS_munmap, memory_, uint64_t{kPages} * sizeof(CommandPage)); }

base::Result<std::unique_ptr<CommandFile>> CommandFile::Create() {
  uint64_t size = uint64_t{kPages} * sizeof(CommandPage);
  base::UniqueFd fd = TRY(MakeMemoryFile("runsc-commands", size, false));
  void* memory = TRY(MapWhole(fd.get(), size));
  // From here on nobody else can map it writable or write to it: our mapping is the last.
  long result =
      RawSyscall(SYS_fcntl, fd.get(), F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
  if (result < 0) {
    RawSyscall(SYS_munmap, memory, size);
    return base::Errno(static_cast<int>(-result));
  }
  return std::unique_ptr<CommandFile>(new CommandFile(std::move(fd), static_cast<CommandPage*>(memory)));
}

CommandPage* CommandFile::At(uint32_t page) const { return memory_ + page; }

base::Result<uint32_t> CommandFile::Allocate() {
  base::MutexLock lock(mutex_);
  if (!free_.empty()) {
    uint32_t page = free_.back();
    free_.pop_back();
    return page;
  }
  if (next_ == kPages) return base::Errno(EAGAIN);
  return next_++;
}

void CommandFile::Free(uint32_t page) {
  memset(static_cast<void*>(At(page)), 0, sizeof(CommandPage));
  base::MutexLock lock(mutex_);
  free_.push_back(page);
}

}  // namespace platform::systrap
