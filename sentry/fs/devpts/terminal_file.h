// SPDX-License-Identifier: Apache-2.0
// Open files of a terminal's two sides.
#pragma once

#include <utility>

#include "base/sys_error.h"
#include "sentry/fs/devpts/terminal.h"
#include "vfs/file_description.h"

namespace sentry {

class Task;

class TerminalFile : public vfs::FileDescription {
 public:
  Terminal& terminal() const { return *terminal_; }
  bool is_master() const { return is_master_; }

  vfs::FileKind kind() const override { return vfs::FileKind::kTerminal; }
  base::Result<uint64_t> Ioctl(vfs::Context& context, uint32_t request, uint64_t argument) override;

 protected:
  TerminalFile(vfs::Path path, int flags, base::RefPtr<Terminal> terminal, bool is_master)
      : FileDescription(std::move(path), flags), terminal_(std::move(terminal)), is_master_(is_master) {}

 private:
  const base::RefPtr<Terminal> terminal_;
  const bool is_master_;
};

// The side a terminal emulator holds; one of a terminal.
class MasterFile : public TerminalFile {
 public:
  MasterFile(vfs::Path path, int flags, base::RefPtr<Terminal> terminal)
      : TerminalFile(std::move(path), flags, std::move(terminal), /*is_master=*/true) {}
  ~MasterFile() override { terminal().CloseMaster(); }

  base::Result<size_t> TryRead(vfs::Context& context, vfs::IoSequence& to) override;
  base::Result<size_t> TryWrite(vfs::Context& context, vfs::IoSequence& from) override;
  base::EventMask Readiness() override { return terminal().MasterReadiness(); }
  base::WaitQueue* wait_queue() const override { return &terminal().master_queue(); }
  std::string Details() override;
};

// The side programs use.
class SlaveFile : public TerminalFile {
 public:
  // Opens it for `context`, as its controlling terminal if it is to be (`flags` without O_NOCTTY). EIO, EBUSY.
  static base::Result<base::RefPtr<vfs::FileDescription>> Open(vfs::Context& context, const vfs::Path& path, int flags,
                                                               base::RefPtr<Terminal> terminal);
  ~SlaveFile() override { terminal().CloseSlave(); }

  base::Result<size_t> TryRead(vfs::Context& context, vfs::IoSequence& to) override;
  base::Result<size_t> TryWrite(vfs::Context& context, vfs::IoSequence& from) override;
  base::EventMask Readiness() override { return terminal().SlaveReadiness(); }
  base::WaitQueue* wait_queue() const override { return &terminal().slave_queue(); }

 private:
  template <typename T, typename... Args>
  friend base::RefPtr<T> base::MakeRef(Args&&... args);
  SlaveFile(vfs::Path path, int flags, base::RefPtr<Terminal> terminal)
      : TerminalFile(std::move(path), flags, std::move(terminal), /*is_master=*/false) {}
};

// The task a context is; null for the kernel's own work.
base::RefPtr<Task> TaskOf(Kernel& kernel, const vfs::Context& context);

// Before an ioctl on a terminal: those that change it are for the foreground only (Terminal::CheckForeground). Any
// other file, any other request: success.
base::SysResult<void> CheckTerminalIoctl(Task& task, vfs::FileDescription& file, uint32_t request);

}  // namespace sentry
