// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/ref.h"
#include "vfs/file_description.h"

namespace sentry {

class ThreadGroup;

// A description that stands for a process (pidfd_open(2)): readable once the process has ended. Thread-safe.
class ProcessFile : public vfs::FileDescription {
 public:
  // `flags`: O_NONBLOCK.
  static base::RefPtr<ProcessFile> Create(vfs::Context& context, ThreadGroup& group, int flags);

  ThreadGroup& group() const { return *group_; }

  vfs::FileKind kind() const override { return vfs::FileKind::kProcess; }
  base::Result<size_t> TryRead(vfs::Context&, vfs::IoSequence&) override { return base::Errno(EINVAL); }
  base::Result<size_t> TryWrite(vfs::Context&, vfs::IoSequence&) override { return base::Errno(EINVAL); }
  base::EventMask Readiness() override;
  base::WaitQueue* wait_queue() const override;
  std::string Details() override;

 private:
  template <typename T, typename... Args>
  friend base::RefPtr<T> base::MakeRef(Args&&... args);
  ProcessFile(vfs::Path path, int flags, ThreadGroup& group);

  const base::RefPtr<ThreadGroup> group_;
};

}  // namespace sentry
