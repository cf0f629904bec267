// SPDX-License-Identifier: Apache-2.0
#include "sentry/ipc/semaphores.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <map>
#include <utility>

namespace sentry {
namespace {

using base::Errno;
namespace abi = base::abi;

constexpr int64_t kSecond = 1'000'000'000;
// Linux lets a namespace have a thousand million; ours lie in the sentry's memory, 8 bytes each.
constexpr size_t kMaxSemaphores = size_t{4} << 20;

int64_t Now(vfs::Context& context) { return context.RealtimeNow() / kSecond; }

bool Changes(std::span<const abi::SemOperation> operations) {
  return std::any_of(operations.begin(), operations.end(), [](const auto& one) { return one.change != 0; });
}

}  // namespace

class SemaphoreSets::Set : public IpcObject {
 public:
  struct Semaphore {
    int32_t value = 0;
    int32_t last_pid = 0;
  };
  explicit Set(size_t count) : semaphores(count) {}

  // Guarded by the registry's lock.
  std::vector<Semaphore> semaphores;
  std::map<UndoOwner, std::vector<int16_t>> adjustments;
  std::vector<Wait*> waits;
  int64_t operation_time = 0, change_time = 0;

  base::WaitQueue queue;
};

constinit base::LockClass SemaphoreSets::kLock{"SemaphoreSets::mutex_"};

SemaphoreSets::SemaphoreSets() : mutex_(kLock), ids_(abi::kSemSets) {}
SemaphoreSets::~SemaphoreSets() = default;

SemaphoreSets::Wait::Wait(SemaphoreSets& sets, base::RefPtr<Set> set) : sets_(sets), set_(std::move(set)) {
  sets_.mutex_.AssertHeld();
  set_->waits.push_back(this);
}

SemaphoreSets::Wait::~Wait() {
  base::MutexLock lock(sets_.mutex_);
  std::erase(set_->waits, this);
}

base::WaitQueue& SemaphoreSets::Wait::queue() { return set_->queue; }

SemaphoreSets::Set* SemaphoreSets::FindLocked(int32_t id) const { return static_cast<Set*>(ids_.Find(id)); }

base::Result<SemaphoreSets::Set*> SemaphoreSets::FindForReading(vfs::Context& context, int32_t id,
                                                                uint32_t access) const {
  Set* set = FindLocked(id);
  if (set == nullptr) return Errno(EINVAL);
  TRY(set->CheckAccess(context.credentials(), access));
  return set;
}

base::Result<int32_t> SemaphoreSets::Get(vfs::Context& context, int32_t key, int32_t count, int32_t flags) {
  if (count < 0 || count > abi::kSemPerSet) return Errno(EINVAL);
  const int64_t now = Now(context);
  base::MutexLock lock(mutex_);
  return IpcGet(
      ids_, context.credentials(), key, flags,
      [&](IpcObject& object) -> base::Result<void> {
        if (static_cast<size_t>(count) > static_cast<Set&>(object).semaphores.size()) return Errno(EINVAL);
        return {};
      },
      [&]() -> base::Result<base::RefPtr<IpcObject>> {
        mutex_.AssertHeld();
        if (count == 0) return Errno(EINVAL);
        if (all_ + static_cast<size_t>(count) > kMaxSemaphores) return Errno(ENOSPC);
        auto set = base::MakeRef<Set>(static_cast<size_t>(count));
        set->change_time = now;
        all_ += static_cast<size_t>(count);
        return base::RefPtr<IpcObject>(std::move(set));
      });
}

base::Result<std::unique_ptr<SemaphoreSets::Wait>> SemaphoreSets::Begin(vfs::Context& context, int32_t id,
                                                                        std::span<const abi::SemOperation> operations) {
  base::MutexLock lock(mutex_);
  Set* set = FindLocked(id);
  if (set == nullptr) return Errno(EINVAL);
  for (const abi::SemOperation& one : operations) {
    if (one.number >= set->semaphores.size()) return Errno(EFBIG);
  }
  TRY(set->CheckAccess(context.credentials(), Changes(operations) ? IpcObject::kWrite : IpcObject::kRead));
  return std::unique_ptr<Wait>(new Wait(*this, base::RefPtr(set)));
}

base::Result<bool> SemaphoreSets::Try(vfs::Context& context, Wait& wait, std::span<const abi::SemOperation> operations,
                                      UndoOwner owner) {
  const int32_t pid = context.process_id();
  const int64_t now = Now(context);
  Set& set = *wait.set_;
  {
    base::MutexLock lock(mutex_);
    if (set.removed) return Errno(EIDRM);
    wait.blocked_on_ = -1;
    // On copies first: all or nothing.
    std::map<uint16_t, int32_t> values;
    std::map<uint16_t, int32_t> adjustments;
    auto kept = set.adjustments.find(owner);
    for (const abi::SemOperation& one : operations) {
      int32_t& value = values.try_emplace(one.number, set.semaphores[one.number].value).first->second;
      const bool waits = one.change == 0 ? value != 0 : value + one.change < 0;
      if (waits) {
        if ((one.flags & abi::kIpcNoWait) != 0) return Errno(EAGAIN);
        wait.blocked_on_ = one.number;
        wait.for_zero_ = one.change == 0;
        return false;
      }
      if (value + one.change > abi::kSemMaxValue) return Errno(ERANGE);
      value += one.change;
      if ((one.flags & abi::kSemUndo) != 0 && one.change != 0) {
        int32_t before = kept == set.adjustments.end() ? 0 : kept->second[one.number];
        int32_t& adjustment = adjustments.try_emplace(one.number, before).first->second;
        adjustment -= one.change;
        if (adjustment < -abi::kSemMaxValue - 1 || adjustment > abi::kSemMaxValue) return Errno(ERANGE);
      }
    }
    if (!adjustments.empty() && kept == set.adjustments.end()) {
      kept = set.adjustments.emplace(owner, std::vector<int16_t>(set.semaphores.size())).first;
      adjustments_.fetch_add(1, std::memory_order_relaxed);
    }
    for (const auto& [number, adjustment] : adjustments) kept->second[number] = static_cast<int16_t>(adjustment);
    for (const auto& [number, value] : values) set.semaphores[number] = {value, pid};
    set.operation_time = now;
  }
  if (Changes(operations)) set.queue.Notify(POLLIN);
  return true;
}

void SemaphoreSets::Undo(UndoOwner owner, int32_t pid) {
  if (adjustments_.load(std::memory_order_relaxed) == 0) return;
  base::MutexLock lock(mutex_);
  ids_.ForEach([&](IpcObject& object) {
    auto& set = static_cast<Set&>(object);
    auto found = set.adjustments.find(owner);
    if (found == set.adjustments.end()) return;
    for (size_t number = 0; number < set.semaphores.size(); ++number) {
      if (found->second[number] == 0) continue;
      int32_t value = set.semaphores[number].value + found->second[number];
      set.semaphores[number] = {std::clamp(value, 0, abi::kSemMaxValue), pid};
    }
    set.adjustments.erase(found);
    adjustments_.fetch_sub(1, std::memory_order_relaxed);
    set.queue.Notify(POLLIN);
  });
}

base::Result<abi::SemidDs> SemaphoreSets::Status(vfs::Context& context, int32_t which, bool by_index, bool any,
                                                 int32_t* id) const {
  base::MutexLock lock(mutex_);
  auto* set = static_cast<Set*>(by_index ? ids_.FindIndex(which) : ids_.Find(which));
  if (set == nullptr) return Errno(EINVAL);
  if (!any) TRY(set->CheckAccess(context.credentials(), IpcObject::kRead));
  *id = set->id;
  abi::SemidDs to{};
  to.permission = set->permission();
  to.operation_time = set->operation_time;
  to.change_time = set->change_time;
  to.count = set->semaphores.size();
  return to;
}

base::Result<void> SemaphoreSets::SetPermission(vfs::Context& context, int32_t id,
                                                const abi::IpcPermission& permission) {
  base::MutexLock lock(mutex_);
  Set* set = FindLocked(id);
  if (set == nullptr) return Errno(EINVAL);
  TRY(set->CheckOwner(context.credentials()));
  if (permission.uid == UINT32_MAX || permission.gid == UINT32_MAX) return Errno(EINVAL);
  set->SetPermission(permission);
  set->change_time = Now(context);
  return {};
}

base::Result<void> SemaphoreSets::Remove(vfs::Context& context, int32_t id) {
  base::RefPtr<IpcObject> removed;
  {
    base::MutexLock lock(mutex_);
    Set* set = FindLocked(id);
    if (set == nullptr) return Errno(EINVAL);
    TRY(set->CheckOwner(context.credentials()));
    all_ -= set->semaphores.size();
    adjustments_.fetch_sub(set->adjustments.size(), std::memory_order_relaxed);
    set->adjustments.clear();
    removed = ids_.Remove(*set);
  }
  static_cast<Set&>(*removed).queue.Notify(POLLIN);
  return {};
}

base::Result<int32_t> SemaphoreSets::Value(vfs::Context& context, int32_t id, int32_t number, int32_t command) const {
  base::MutexLock lock(mutex_);
  Set* set = TRY(FindForReading(context, id, IpcObject::kRead));
  if (number < 0 || static_cast<size_t>(number) >= set->semaphores.size()) return Errno(EINVAL);
  const Set::Semaphore& semaphore = set->semaphores[static_cast<size_t>(number)];
  if (command == abi::kSemGetValue) return semaphore.value;
  if (command == abi::kSemGetPid) return semaphore.last_pid;
  const bool for_zero = command == abi::kSemGetZero;
  auto count = std::count_if(set->waits.begin(), set->waits.end(), [&](const Wait* wait) {
    return wait->blocked_on_ == number && wait->for_zero_ == for_zero;
  });
  return static_cast<int32_t>(count);
}

base::Result<std::vector<uint16_t>> SemaphoreSets::Values(vfs::Context& context, int32_t id) const {
  base::MutexLock lock(mutex_);
  Set* set = TRY(FindForReading(context, id, IpcObject::kRead));
  std::vector<uint16_t> values;
  for (const Set::Semaphore& semaphore : set->semaphores) values.push_back(static_cast<uint16_t>(semaphore.value));
  return values;
}

base::Result<void> SemaphoreSets::SetValue(vfs::Context& context, int32_t id, int32_t number, int32_t value) {
  base::RefPtr<Set> changed;
  if (value < 0 || value > abi::kSemMaxValue) return Errno(ERANGE);
  {
    base::MutexLock lock(mutex_);
    Set* set = FindLocked(id);
    if (set == nullptr || number < 0 || static_cast<size_t>(number) >= set->semaphores.size()) return Errno(EINVAL);
    TRY(set->CheckAccess(context.credentials(), IpcObject::kWrite));
    set->semaphores[static_cast<size_t>(number)] = {value, context.process_id()};
    for (auto& [owner, adjustments] : set->adjustments) adjustments[static_cast<size_t>(number)] = 0;
    set->change_time = Now(context);
    changed = base::RefPtr(set);
  }
  changed->queue.Notify(POLLIN);
  return {};
}

base::Result<size_t> SemaphoreSets::Count(vfs::Context& context, int32_t id) const {
  base::MutexLock lock(mutex_);
  return TRY(FindForReading(context, id, IpcObject::kWrite))->semaphores.size();
}

base::Result<void> SemaphoreSets::SetValues(vfs::Context& context, int32_t id, std::span<const uint16_t> values) {
  base::RefPtr<Set> changed;
  for (uint16_t value : values) {
    if (value > abi::kSemMaxValue) return Errno(ERANGE);
  }
  {
    base::MutexLock lock(mutex_);
    Set* set = FindLocked(id);
    if (set == nullptr || set->semaphores.size() != values.size()) return Errno(EIDRM);
    for (size_t i = 0; i < values.size(); ++i) set->semaphores[i] = {values[i], context.process_id()};
    for (auto& [owner, adjustments] : set->adjustments) std::fill(adjustments.begin(), adjustments.end(), 0);
    set->change_time = Now(context);
    changed = base::RefPtr(set);
  }
  changed->queue.Notify(POLLIN);
  return {};
}

int32_t SemaphoreSets::Info(int32_t* sets, int32_t* semaphores) const {
  base::MutexLock lock(mutex_);
  *sets = static_cast<int32_t>(ids_.size());
  *semaphores = static_cast<int32_t>(all_);
  return ids_.highest_index();
}

std::string SemaphoreSets::Table() const {
  std::string text;
  base::MutexLock lock(mutex_);
  ids_.ForEach([&](IpcObject& object) {
    auto& set = static_cast<Set&>(object);
    char line[256];
    snprintf(line, sizeof(line), "%10d %10d  %4o %10zu %5u %5u %5u %5u %10ld %10ld\n", set.key, set.id, set.mode,
             set.semaphores.size(), set.uid.value(), set.gid.value(), set.creator_uid.value(), set.creator_gid.value(),
             static_cast<long>(set.operation_time), static_cast<long>(set.change_time));
    text += line;
  });
  return text;
}

}  // namespace sentry
