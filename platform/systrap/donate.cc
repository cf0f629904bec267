// SPDX-License-Identifier: Apache-2.0
#include "platform/systrap/donate.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include <memory>
#include <vector>

#include "platform/syscall_unsafe.h"

namespace platform::systrap {

namespace {

constexpr int kAttempts = 16;

// Numbers that are closed by the zygote's helper and then free again.
struct CloseCommand {
  explicit CloseCommand(Command::Finish done) : command(done, this) {}
  Shard* shard = nullptr;
  std::vector<int> numbers;
  Command command;
};

}  // namespace

base::Result<base::RefPtr<DonatedFile>> Donated::Create(Shard& shard, base::UniqueFd fd, bool writable) {
  TRY(CheckDonation(fd, writable));
  int number = TRY(shard.TakeNumber());
  Stub& zygote = shard.zygote();
  auto claimed = zygote.Claim();
  if (!claimed.ok()) {
    shard.ReturnNumber(number);
    return base::Errno(EAGAIN);
  }
  long result = -ENOENT;
  for (int i = 0; i < kAttempts && result == -ENOENT; i++) {
    // The helper may have been interrupted; then it asks again, by a new notification.
    if (i > 0) RawSyscall(SYS_sched_yield);
    seccomp_notif_addfd request{zygote.claimed_notification(), SECCOMP_ADDFD_FLAG_SETFD,
                                static_cast<uint32_t>(fd.get()), static_cast<uint32_t>(number), O_CLOEXEC};
    result = RawSyscall(SYS_ioctl, shard.listener().fd(), SECCOMP_IOCTL_NOTIF_ADDFD, &request);
  }
  zygote.Unclaim();
  if (result < 0) {
    shard.ReturnNumber(number);
    return base::Errno(result == -EMFILE || result == -EBADF ? EMFILE : EAGAIN);
  }
  return base::RefPtr<DonatedFile>(base::AdoptRef(new Donated(shard, number, writable)));
}

base::Result<int> Shard::TakeNumber() {
  base::MutexLock lock(mutex_);
  if (!free_numbers_.empty()) {
    int number = free_numbers_.back();
    free_numbers_.pop_back();
    return number;
  }
  if (next_number_ >= kMaxNumbers) return base::Errno(EMFILE);
  return next_number_++;
}

void Shard::ReturnNumber(int number) {
  base::MutexLock lock(mutex_);
  returned_numbers_.push_back(number);
}

bool Shard::CloseReturned() {
  auto close = std::make_unique<CloseCommand>([](Command& command) {
    std::unique_ptr<CloseCommand> self(static_cast<CloseCommand*>(command.context));
    base::MutexLock lock(self->shard->mutex_);
    for (int number : self->numbers) self->shard->free_numbers_.push_back(number);
  });
  close->shard = this;
  {
    base::MutexLock lock(mutex_);
    if (returned_numbers_.empty()) return false;
    while (!returned_numbers_.empty() && close->numbers.size() < Command::kMax) {
      close->numbers.push_back(returned_numbers_.back());
      returned_numbers_.pop_back();
    }
  }
  for (int number : close->numbers) close->command.Add(SYS_close, static_cast<uint64_t>(number));
  zygote_->Submit(close.release()->command);
  return true;
}

}  // namespace platform::systrap
