// SPDX-License-Identifier: Apache-2.0
#include "sentry/fs/devpts/terminal.h"

#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/clock.h"
#include "sentry/fs/devpts/devpts.h"
#include "sentry/kernel.h"

namespace sentry {

constinit base::LockClass Terminal::kLock{"Terminal::mutex_"};

Terminal::Terminal(Kernel& kernel, base::RefPtr<Devpts> filesystem, int number)
    : kernel_(kernel),
      filesystem_(std::move(filesystem)),
      number_(number),
      mutex_(kLock),
      read_timer_(kernel.scheduler().timers(), [this] { slave_queue_.Notify(POLLIN); }) {}

Terminal::~Terminal() { filesystem_->ReleaseNumber(number_); }

void Terminal::Settle(Aftermath aftermath) {
  for (int signal : aftermath.signals) SignalForeground(signal);
  slave_queue_.Notify(POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM);
  master_queue_.Notify(POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM | POLLPRI);
}

void Terminal::MarkPacketLocked(uint8_t status) {
  if (packet_mode_) packet_status_ |= status;
}

base::Result<size_t> Terminal::Type(std::string_view text) {
  Aftermath aftermath;
  size_t taken = 0;
  {
    base::MutexLock lock(mutex_);
    bool was_stopped = discipline_.stopped();
    taken = discipline_.Receive(text);
    // Nothing has happened: a writer that is told otherwise would try again for ever.
    if (taken == 0 && !text.empty()) return base::Errno(EAGAIN);
    last_input_ns_ = base::MonotonicNow();
    aftermath.signals.swap(discipline_.signals());
    bool flushed = !aftermath.signals.empty() && (discipline_.termios().base.local & NOFLSH) == 0;
    if (flushed) MarkPacketLocked(TIOCPKT_FLUSHREAD | TIOCPKT_FLUSHWRITE);
    if (discipline_.stopped() != was_stopped) MarkPacketLocked(was_stopped ? TIOCPKT_START : TIOCPKT_STOP);
  }
  Settle(std::move(aftermath));
  return taken;
}

base::Result<size_t> Terminal::TakeOutput(std::span<char> to) {
  size_t count = 0;
  {
    base::MutexLock lock(mutex_);
    std::string& output = discipline_.output();
    if (packet_mode_ && !to.empty()) {
      if (packet_status_ != 0) {
        to[0] = static_cast<char>(std::exchange(packet_status_, 0));
        return size_t{1};
      }
      if (!output.empty()) {
        to[0] = TIOCPKT_DATA;
        count = 1;
      }
    }
    size_t text = std::min(to.size() - count, output.size());
    if (output.empty()) return base::Errno(slave_was_open_ && slaves_ == 0 ? EIO : EAGAIN);
    memcpy(to.data() + count, output.data(), text);
    output.erase(0, text);
    count += text;
  }
  slave_queue_.Notify(POLLOUT | POLLWRNORM);
  return count;
}

base::EventMask Terminal::MasterReadiness() {
  base::MutexLock lock(mutex_);
  base::EventMask events = POLLOUT | POLLWRNORM;
  if (!discipline_.output().empty()) events |= POLLIN | POLLRDNORM;
  if (packet_status_ != 0) events |= POLLIN | POLLRDNORM | POLLPRI;
  if (slave_was_open_ && slaves_ == 0) events |= POLLHUP;
  return events;
}

void Terminal::CloseMaster() {
  {
    base::MutexLock lock(mutex_);
    master_open_ = false;
  }
  filesystem_->Forget(number_);
  HangUp();
  slave_queue_.Notify(POLLIN | POLLOUT | POLLHUP | POLLERR);
}

size_t Terminal::output_size() {
  base::MutexLock lock(mutex_);
  return discipline_.output().size();
}

void Terminal::SetPacketMode(bool on) {
  base::MutexLock lock(mutex_);
  packet_mode_ = on;
  packet_status_ = 0;
}

bool Terminal::packet_mode() {
  base::MutexLock lock(mutex_);
  return packet_mode_;
}

void Terminal::SetLocked(bool locked) {
  base::MutexLock lock(mutex_);
  locked_ = locked;
}

bool Terminal::locked() {
  base::MutexLock lock(mutex_);
  return locked_;
}

base::Result<void> Terminal::OpenSlave(bool may_ignore_exclusive) {
  base::MutexLock lock(mutex_);
  if (locked_ || IsHungUpLocked()) return base::Errno(EIO);
  if (exclusive_ && !may_ignore_exclusive) return base::Errno(EBUSY);
  ++slaves_;
  slave_was_open_ = true;
  return {};
}

void Terminal::CloseSlave() {
  {
    base::MutexLock lock(mutex_);
    if (--slaves_ > 0) return;
    exclusive_ = false;
  }
  master_queue_.Notify(POLLIN | POLLHUP);
}

bool Terminal::MayReadLocked(size_t wanted, base::Tid reader) {
  const base::abi::Termios& termios = discipline_.termios().base;
  int64_t now = base::MonotonicNow();
  // A deadline that passed long ago was left behind by a read that was interrupted.
  constexpr int64_t kStale = 1'000'000'000;
  bool timed = read_deadline_ns_ != 0 && timed_reader_ == reader && now < read_deadline_ns_ + kStale;
  int64_t deadline = std::exchange(read_deadline_ns_, 0);
  if ((termios.local & ICANON) != 0) return discipline_.HasInput(wanted);
  constexpr int64_t kTenth = 100'000'000;
  int64_t time = termios.characters[VTIME] * kTenth;
  size_t minimum = std::min<size_t>(termios.characters[VMIN], std::max<size_t>(wanted, 1));
  size_t available = discipline_.Available();
  if (time == 0 || available >= std::max<size_t>(minimum, 1)) return available >= minimum;
  if (minimum == 0) {
    // From the start of the read.
    if (timed && now >= deadline) return true;
    if (!timed) deadline = now + time;
  } else {
    // Between two characters.
    if (available == 0) return false;
    deadline = last_input_ns_ + time;
    if (now >= deadline) return true;
  }
  read_deadline_ns_ = deadline;
  timed_reader_ = reader;
  read_timer_.Set(deadline);
  return false;
}

base::Result<size_t> Terminal::Read(std::span<char> to, base::Tid reader) {
  size_t count = 0;
  {
    base::MutexLock lock(mutex_);
    if (IsHungUpLocked()) return size_t{0};
    if (!MayReadLocked(to.size(), reader)) return base::Errno(EAGAIN);
    count = discipline_.Read(to);
  }
  master_queue_.Notify(POLLOUT | POLLWRNORM);
  return count;
}

base::Result<size_t> Terminal::Write(std::string_view text) {
  size_t taken = 0;
  {
    base::MutexLock lock(mutex_);
    if (IsHungUpLocked()) return base::Errno(EIO);
    taken = discipline_.Write(text);
  }
  if (taken == 0 && !text.empty()) return base::Errno(EAGAIN);
  master_queue_.Notify(POLLIN | POLLRDNORM);
  return taken;
}

base::EventMask Terminal::SlaveReadiness() {
  base::MutexLock lock(mutex_);
  if (IsHungUpLocked()) return POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDNORM | POLLWRNORM;
  base::EventMask events = 0;
  if (discipline_.HasInput(SIZE_MAX)) events |= POLLIN | POLLRDNORM;
  if (discipline_.CanWrite()) events |= POLLOUT | POLLWRNORM;
  return events;
}

size_t Terminal::input_size() {
  base::MutexLock lock(mutex_);
  return discipline_.Available();
}

bool Terminal::hung_up() {
  base::MutexLock lock(mutex_);
  return IsHungUpLocked();
}

void Terminal::SetExclusive(bool exclusive) {
  base::MutexLock lock(mutex_);
  exclusive_ = exclusive;
}

bool Terminal::exclusive() {
  base::MutexLock lock(mutex_);
  return exclusive_;
}

base::abi::Termios2 Terminal::termios() {
  base::MutexLock lock(mutex_);
  return discipline_.termios();
}

void Terminal::SetTermios(const base::abi::Termios2& termios, bool flush_input) {
  {
    base::MutexLock lock(mutex_);
    const base::abi::Termios old = discipline_.termios().base;
    base::abi::Termios2 wanted = termios;
    // A pseudo-terminal has eight bits and no parity, whatever is asked for.
    wanted.base.control = (wanted.base.control & ~uint32_t{CSIZE | PARENB}) | CS8 | CREAD;
    if (flush_input) {
      discipline_.FlushInput();
      MarkPacketLocked(TIOCPKT_FLUSHREAD);
    }
    discipline_.SetTermios(wanted);
    auto standard_flow = [](const base::abi::Termios& t) {
      return (t.input & IXON) != 0 && t.characters[VSTOP] == 023 && t.characters[VSTART] == 021;
    };
    bool flow = standard_flow(wanted.base);
    if (flow != standard_flow(old)) MarkPacketLocked(flow ? TIOCPKT_DOSTOP : TIOCPKT_NOSTOP);
    bool extproc = ((old.local | wanted.base.local) & base::abi::kExtproc) != 0;
    if (extproc) MarkPacketLocked(TIOCPKT_IOCTL);
  }
  Settle({});
}

base::abi::WindowSize Terminal::window_size() {
  base::MutexLock lock(mutex_);
  return window_size_;
}

void Terminal::SetWindowSize(const base::abi::WindowSize& size) {
  {
    base::MutexLock lock(mutex_);
    if (window_size_ == size) return;
    window_size_ = size;
  }
  SignalForeground(SIGWINCH);
}

void Terminal::Flush(bool input, bool output) {
  {
    base::MutexLock lock(mutex_);
    if (input) discipline_.FlushInput();
    if (output) discipline_.FlushOutput();
    MarkPacketLocked(static_cast<uint8_t>((input ? TIOCPKT_FLUSHREAD : 0) | (output ? TIOCPKT_FLUSHWRITE : 0)));
  }
  Settle({});
}

void Terminal::SetStopped(bool stopped) {
  {
    base::MutexLock lock(mutex_);
    if (discipline_.stopped() == stopped) return;
    if (stopped) {
      discipline_.Stop();
    } else {
      discipline_.Start();
    }
    MarkPacketLocked(stopped ? TIOCPKT_STOP : TIOCPKT_START);
  }
  Settle({});
}

}  // namespace sentry
