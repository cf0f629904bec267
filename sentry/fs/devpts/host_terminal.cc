// SPDX-License-Identifier: Apache-2.0
#include "sentry/fs/devpts/host_terminal.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "sentry/fs/devpts/terminal_file.h"
#include "sentry/kernel.h"
#include "sentry/kernel_context.h"
#include "sentry/sched/parker.h"
#include "vfs/mount.h"
#include "vfs/operations.h"

namespace sentry {
namespace {

using File = base::RefPtr<vfs::FileDescription>;

class ParkingWaiter : public base::Waiter {
 public:
  ParkingWaiter(Parker& parker, base::WaitQueue* queue, base::EventMask mask)
      : Waiter(mask), parker_(parker), queue_(queue) {
    if (queue_ != nullptr) queue_->Register(*this);
  }
  ~ParkingWaiter() override {
    if (queue_ != nullptr) queue_->Unregister(*this);
  }
  void Notified(base::EventMask) override { parker_.Unpark(); }

 private:
  Parker& parker_;
  base::WaitQueue* const queue_;
};

}  // namespace

// Carries characters both ways until one side has ended: a fiber for each way.
class HostTerminal::Pump : public base::RefCounted {
 public:
  Pump(Scheduler& scheduler, base::RefPtr<HostTerminal> owner, File master, File host)
      : scheduler_(scheduler),
        owner_(std::move(owner)),
        master_(std::move(master)),
        host_(std::move(host)),
        typing_(scheduler),
        showing_(scheduler) {}

  // ENOMEM.
  base::Result<void> Start() {
    base::RefPtr<Pump> self(this);
    // What is typed: the engine's end ends the guest's terminal, as a hang-up does.
    bool spawned = scheduler_.Spawn([self] {
      self->Carry(*self->host_, *self->master_, self->typing_);
      self->owner_->terminal()->CloseMaster();
      self->End();
    });
    // What is shown: with nobody left in the guest who could write, the host's terminal is let go, so that the engine
    // sees the end.
    spawned = spawned && scheduler_.Spawn([self] {
      self->Carry(*self->master_, *self->host_, self->showing_);
      self->End();
    });
    if (spawned) return {};
    End();
    return base::Errno(ENOMEM);
  }

 private:
  void End() {
    owner_->control_.With([](base::UniqueFd& fd) { fd.Reset(); });
    ended_.store(true, std::memory_order_release);
    typing_.Unpark();
    showing_.Unpark();
  }

  // Until `attempt` says something else than EAGAIN. Empty: the other way has ended.
  template <typename Attempt>
  base::Result<size_t> WaitFor(vfs::FileDescription& file, base::EventMask mask, Parker& parker, Attempt attempt) {
    ParkingWaiter waiter(parker, file.wait_queue(), mask);
    while (true) {
      base::Result<size_t> result = attempt();
      if (result.ok() || result.error().code() != EAGAIN) return result;
      if (ended_.load(std::memory_order_acquire)) return base::Errno(EPIPE);
      parker.Park();
    }
  }

  void Carry(vfs::FileDescription& from, vfs::FileDescription& to, Parker& parker) {
    constexpr size_t kChunk = 4096;
    KernelContext context;
    auto buffer = std::make_unique<std::byte[]>(kChunk);
    while (true) {
      base::Result<size_t> got = WaitFor(from, POLLIN | POLLHUP, parker, [&] {
        vfs::BufferSequence sequence(std::span(buffer.get(), kChunk));
        return from.TryRead(context, sequence);
      });
      if (!got.ok() || *got == 0) return;
      vfs::BufferSequence sequence(std::span(buffer.get(), *got));
      while (sequence.remaining() > 0) {
        auto put = WaitFor(to, POLLOUT, parker, [&] { return to.TryWrite(context, sequence); });
        if (!put.ok()) return;
      }
    }
  }

  Scheduler& scheduler_;
  const base::RefPtr<HostTerminal> owner_;
  const File master_, host_;
  Parker typing_, showing_;
  std::atomic<bool> ended_{false};
};

base::Result<HostTerminal::Made> HostTerminal::Create(Kernel& kernel, Container& container, vfs::HostPoller& poller,
                                                      base::UniqueFd host, base::KUid owner) {
  termios modes{};
  if (tcgetattr(host.get(), &modes) != 0) return base::Errno(ENOTTY);
  KernelContext context(base::MakeRef<vfs::Credentials>(), &kernel.devices());
  vfs::Path root = container.mounts->root();
  File master = TRY(vfs::Open(context, {root, root}, "/dev/pts/ptmx", {.flags = O_RDWR | O_NOCTTY}));
  if (master->kind() != vfs::FileKind::kTerminal) return base::Errno(ENOENT);
  base::RefPtr<Terminal> terminal(&static_cast<TerminalFile&>(*master).terminal());
  terminal->SetLocked(false);
  std::string name = "/dev/pts/" + std::to_string(terminal->number());
  File slave = TRY(vfs::Open(context, {root, root}, name, {.flags = O_RDWR | O_NOCTTY}));
  TRY(slave->SetAttributes(context, {.uid = owner}));

  cfmakeraw(&modes);
  // Signals and flow control are the guest's terminal's business now.
  if (tcsetattr(host.get(), TCSANOW, &modes) != 0) return base::Errno(errno);
  base::UniqueFd control(fcntl(host.get(), F_DUPFD_CLOEXEC, 0));
  if (!control) return base::Errno(errno);
  File host_file = TRY(vfs::InheritedFile::Create(context, poller, std::move(host), "host:[terminal]"));
  auto relay = base::MakeRef<HostTerminal>(terminal, std::move(control));
  relay->Resize();
  auto pump = base::MakeRef<Pump>(kernel.scheduler(), relay, std::move(master), std::move(host_file));
  TRY(pump->Start());
  return Made{std::move(relay), std::move(slave)};
}

void HostTerminal::FollowSize(Kernel& kernel, vfs::HostPoller& poller, base::UniqueFd signals) {
  KernelContext context;
  auto file = vfs::InheritedFile::Create(context, poller, std::move(signals), "host:[signals]");
  if (!file.ok()) return;
  // For as long as the sandbox lives, as the first process's terminal does.
  bool spawned = kernel.scheduler().Spawn([self = base::RefPtr<HostTerminal>(this), file = *file, &kernel] {
    KernelContext context;
    Parker parker(kernel.scheduler());
    ParkingWaiter waiter(parker, file->wait_queue(), POLLIN);
    while (true) {
      std::byte taken[sizeof(signalfd_siginfo)];
      vfs::BufferSequence sequence(taken);
      base::Result<size_t> got = file->TryRead(context, sequence);
      if (!got.ok() && got.error().code() != EAGAIN) return;
      if (got.ok()) {
        self->Resize();
      } else {
        parker.Park();
      }
    }
  });
  // Without memory for it the size stays what it is.
  static_cast<void>(spawned);
}

void HostTerminal::Resize() {
  winsize size{};
  int result = control_.With([&](const base::UniqueFd& fd) { return ioctl(fd.get(), TIOCGWINSZ, &size); });
  if (result != 0) return;
  terminal_->SetWindowSize(
      {.rows = size.ws_row, .columns = size.ws_col, .width = size.ws_xpixel, .height = size.ws_ypixel});
}

}  // namespace sentry
