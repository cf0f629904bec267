// SPDX-License-Identifier: Apache-2.0
// ioctl_tty(2).
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <optional>

#include "sentry/fs/devpts/devpts.h"
#include "sentry/fs/devpts/terminal_file.h"
#include "sentry/kernel.h"
#include "sentry/mm/user_memory.h"
#include "sentry/task/task.h"
#include "vfs/mount.h"
#include "vfs/operations.h"

namespace sentry {
namespace {

using base::abi::Termios;
using base::abi::Termios2;
using base::abi::WindowSize;

constexpr int kCapSysAdmin = 21;
constexpr uint32_t kTiocgptpeer = 0x5441;
constexpr uint32_t kTiocgdev = 0x80045432;
constexpr uint32_t kTiocgpkt = 0x80045438, kTiocgptlck = 0x80045439, kTiocgexcl = 0x80045440;

// One ioctl.
class Request {
 public:
  Request(vfs::Context& context, TerminalFile& file, uint64_t argument)
      : context_(context), file_(file), terminal_(file.terminal()), argument_(argument) {}

  base::Result<uint64_t> Run(uint32_t request);

 private:
  template <typename T>
  base::Result<T> Get() {
    T value{};
    TRY(context_.user_memory().CopyIn(base::GuestAddr(argument_), std::as_writable_bytes(std::span(&value, 1))));
    return value;
  }
  template <typename T>
  base::Result<uint64_t> Put(const T& value) {
    TRY(context_.user_memory().CopyOut(base::GuestAddr(argument_), std::as_bytes(std::span(&value, 1))));
    return uint64_t{0};
  }
  base::Result<base::RefPtr<Task>> Caller() {
    base::RefPtr<Task> task = TaskOf(terminal_.kernel(), context_);
    if (!task) return base::Errno(ENOTTY);
    return task;
  }

  base::Result<uint64_t> SetTermios(const Termios2& termios, bool flush);
  std::optional<base::Result<uint64_t>> Termio(uint32_t request);
  std::optional<base::Result<uint64_t>> Jobs(uint32_t request);
  std::optional<base::Result<uint64_t>> MasterOnly(uint32_t request);
  base::Result<uint64_t> GetOldTermio();
  base::Result<uint64_t> SetOldTermio(bool flush);
  base::Result<uint64_t> SetForeground();
  base::Result<uint64_t> OpenPeer();
  base::Result<uint64_t> Flush();
  base::Result<uint64_t> FlowControl();
  base::Result<uint64_t> TypeCharacter();

  vfs::Context& context_;
  TerminalFile& file_;
  Terminal& terminal_;
  const uint64_t argument_;
};

base::Result<uint64_t> Request::SetTermios(const Termios2& termios, bool flush) {
  terminal_.SetTermios(termios, flush);
  return uint64_t{0};
}

base::Result<uint64_t> Request::GetOldTermio() {
  const Termios termios = terminal_.termios().base;
  base::abi::Termio old;
  old.input = static_cast<uint16_t>(termios.input);
  old.output = static_cast<uint16_t>(termios.output);
  old.control = static_cast<uint16_t>(termios.control);
  old.local = static_cast<uint16_t>(termios.local);
  old.line = termios.line;
  std::copy_n(termios.characters, std::size(old.characters), old.characters);
  return Put(old);
}

base::Result<uint64_t> Request::SetOldTermio(bool flush) {
  constexpr uint32_t kUpperHalf = 0xffff0000;
  auto old = TRY(Get<base::abi::Termio>());
  Termios2 termios = terminal_.termios();
  termios.base.input = (termios.base.input & kUpperHalf) | old.input;
  termios.base.output = (termios.base.output & kUpperHalf) | old.output;
  termios.base.control = (termios.base.control & kUpperHalf) | old.control;
  termios.base.local = (termios.base.local & kUpperHalf) | old.local;
  std::copy_n(old.characters, std::size(old.characters), termios.base.characters);
  return SetTermios(termios, flush);
}

std::optional<base::Result<uint64_t>> Request::Termio(uint32_t request) {
  Termios2 termios = terminal_.termios();
  switch (request) {
    case TCGETS:
      return Put(termios.base);
    case base::abi::kTcgets2:
      return Put(termios);
    case TCGETA:
      return GetOldTermio();
    case TCSETA:
    case TCSETAW:
    case TCSETAF:
      return SetOldTermio(request == TCSETAF);
    case TIOCGLCKTRMIOS:  // Nothing is ever locked here.
      return Put(Termios());
    case TCSETS:
    case TCSETSW:
    case TCSETSF: {
      auto wanted = Get<Termios>();
      if (!wanted.ok()) return wanted.error();
      termios.base = *wanted;
      return SetTermios(termios, request == TCSETSF);
    }
    case base::abi::kTcsets2:
    case base::abi::kTcsetsw2:
    case base::abi::kTcsetsf2: {
      auto wanted = Get<Termios2>();
      if (!wanted.ok()) return wanted.error();
      return SetTermios(*wanted, request == base::abi::kTcsetsf2);
    }
    default:
      return std::nullopt;
  }
}

base::Result<uint64_t> Request::SetForeground() {
  base::RefPtr<Task> task = TRY(Caller());
  auto id = TRY(Get<int32_t>());
  TRY(terminal_.SetForegroundGroup(*task, base::Pid(id)));
  return uint64_t{0};
}

std::optional<base::Result<uint64_t>> Request::Jobs(uint32_t request) {
  switch (request) {
    case TIOCSCTTY:
    case TIOCNOTTY:
    case TIOCGPGRP:
    case TIOCSPGRP:
    case TIOCGSID:
      break;
    default:
      return std::nullopt;
  }
  auto caller = Caller();
  if (!caller.ok()) return caller.error();
  Task& task = **caller;
  base::Result<base::Pid> id = base::Pid(0);
  base::Result<void> done;
  switch (request) {
    case TIOCSCTTY:
      done = terminal_.Acquire(task, argument_ == 1, file_.readable());
      break;
    case TIOCNOTTY:
      done = file_.is_master() ? base::Errno(ENOTTY) : terminal_.Relinquish(task);
      break;
    case TIOCGPGRP:
      id = terminal_.ForegroundGroup(task, file_.is_master());
      if (!id.ok()) return id.error();
      return Put(id->value());
    case TIOCGSID:
      id = terminal_.SessionId(task, file_.is_master());
      if (!id.ok()) return id.error();
      return Put(id->value());
    default:
      return SetForeground();
  }
  if (!done.ok()) return done.error();
  return uint64_t{0};
}

base::Result<uint64_t> Request::OpenPeer() {
  base::RefPtr<Task> task = TRY(Caller());
  vfs::Path root = file_.path().mount->root_path();
  auto flags = static_cast<int>(argument_);
  auto peer = TRY(vfs::Open(context_, {root, root}, std::to_string(terminal_.number()), {.flags = flags & ~O_CREAT}));
  base::Fd fd = TRY(task->InstallFd(std::move(peer), (flags & O_CLOEXEC) != 0));
  return static_cast<uint64_t>(fd.value());
}

std::optional<base::Result<uint64_t>> Request::MasterOnly(uint32_t request) {
  if (!file_.is_master()) return std::nullopt;
  switch (request) {
    case TIOCGPTN:
      return Put(terminal_.number());
    case kTiocgptlck:
      return Put(int32_t{terminal_.locked() ? 1 : 0});
    case kTiocgpkt:
      return Put(int32_t{terminal_.packet_mode() ? 1 : 0});
    case kTiocgptpeer:
      return OpenPeer();
    case TIOCSPTLCK:
    case TIOCPKT: {
      auto on = Get<int32_t>();
      if (!on.ok()) return on.error();
      if (request == TIOCPKT) {
        terminal_.SetPacketMode(*on != 0);
      } else {
        terminal_.SetLocked(*on != 0);
      }
      return uint64_t{0};
    }
    case TIOCSIG:
      if (argument_ != SIGINT && argument_ != SIGQUIT && argument_ != SIGTSTP) return base::Errno(EINVAL);
      terminal_.SignalForeground(static_cast<int>(argument_));
      return uint64_t{0};
    default:
      return std::nullopt;
  }
}

base::Result<uint64_t> Request::Flush() {
  if (argument_ > TCIOFLUSH) return base::Errno(EINVAL);
  bool both = argument_ == TCIOFLUSH;
  terminal_.Flush(both || argument_ == TCIFLUSH, both || argument_ == TCOFLUSH);
  return uint64_t{0};
}

base::Result<uint64_t> Request::FlowControl() {
  const Termios termios = terminal_.termios().base;
  switch (argument_) {
    case TCOOFF:
    case TCOON:
      terminal_.SetStopped(argument_ == TCOOFF);
      return uint64_t{0};
    case TCIOFF:
    case TCION: {
      char c = static_cast<char>(termios.characters[argument_ == TCIOFF ? VSTOP : VSTART]);
      if (c != base::abi::kNoCharacter) TRY(terminal_.Write(std::string_view(&c, 1)));
      return uint64_t{0};
    }
    default:
      return base::Errno(EINVAL);
  }
}

base::Result<uint64_t> Request::TypeCharacter() {
  // As Linux does unless dev.tty.legacy_tiocsti is set.
  if (!context_.credentials().HasCapability(kCapSysAdmin)) return base::Errno(EIO);
  char c = TRY(Get<char>());
  TRY(terminal_.Type(std::string_view(&c, 1)));
  return uint64_t{0};
}

base::Result<uint64_t> Request::Run(uint32_t request) {
  if (!file_.is_master() && terminal_.hung_up()) return base::Errno(request == TIOCSPGRP ? ENOTTY : EIO);
  for (auto family : {&Request::Termio, &Request::Jobs, &Request::MasterOnly}) {
    if (std::optional<base::Result<uint64_t>> result = (this->*family)(request)) return *result;
  }
  switch (request) {
    case TIOCGWINSZ:
      return Put(terminal_.window_size());
    case TIOCSWINSZ:
      terminal_.SetWindowSize(TRY(Get<WindowSize>()));
      return uint64_t{0};
    case FIONREAD:
      return Put(static_cast<int32_t>(file_.is_master() ? terminal_.output_size() : terminal_.input_size()));
    case TIOCOUTQ:
      return Put(int32_t{0});
    case TCFLSH:
      return Flush();
    case TCXONC:
      return FlowControl();
    // A pseudo-terminal has no line that could be broken, and its output is out at once.
    case TCSBRK:
    case TCSBRKP:
    case TIOCSBRK:
    case TIOCCBRK:
      return uint64_t{0};
    case TIOCSTI:
      return TypeCharacter();
    case TIOCEXCL:
    case TIOCNXCL:
      terminal_.SetExclusive(request == TIOCEXCL);
      return uint64_t{0};
    case kTiocgexcl:
      return Put(int32_t{terminal_.exclusive() ? 1 : 0});
    case TIOCGETD:
      return Put(int32_t{N_TTY});
    case TIOCSETD:
      if (TRY(Get<int32_t>()) != N_TTY) return base::Errno(EINVAL);
      return uint64_t{0};
    case kTiocgdev:
      return Put(static_cast<uint32_t>(file_.is_master() ? Devpts::kMasterMajor << 8 | terminal_.number()
                                                         : Devpts::kSlaveMajor << 8 | terminal_.number()));
    default:
      return base::Errno(ENOTTY);
  }
}

}  // namespace

base::Result<uint64_t> TerminalFile::Ioctl(vfs::Context& context, uint32_t request, uint64_t argument) {
  return Request(context, *this, argument).Run(request);
}

base::SysResult<void> CheckTerminalIoctl(Task& task, vfs::FileDescription& file, uint32_t request) {
  if (file.kind() != vfs::FileKind::kTerminal) return {};
  switch (request) {
    case TCSETS:
    case TCSETSW:
    case TCSETSF:
    case TCSETA:
    case TCSETAW:
    case TCSETAF:
    case base::abi::kTcsets2:
    case base::abi::kTcsetsw2:
    case base::abi::kTcsetsf2:
    case TIOCSPGRP:
    case TIOCSETD:
    case TIOCSBRK:
    case TIOCCBRK:
    case TCSBRK:
    case TCSBRKP:
    case TCXONC:
    case TCFLSH:
      break;
    default:
      return {};
  }
  auto& terminal_file = static_cast<TerminalFile&>(file);
  if (terminal_file.terminal().hung_up()) return {};
  base::SysResult<void> allowed = terminal_file.terminal().CheckForeground(task, SIGTTOU);
  if (!allowed.ok() && !allowed.error().is_restart() && request == TIOCSPGRP) return base::Errno(ENOTTY);
  return allowed;
}

}  // namespace sentry
