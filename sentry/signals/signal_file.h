// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <string>

#include "base/abi/signal.h"
#include "base/ref.h"
#include "vfs/file_description.h"

namespace sentry {

class Kernel;
class ThreadGroup;

// A description that signals are read from (signalfd(2)). Reading takes the pending signals of whoever reads; readiness
// tells of those of the process that made it. Thread-safe.
class SignalFile : public vfs::FileDescription {
 public:
  // `flags`: O_NONBLOCK.
  static base::RefPtr<SignalFile> Create(vfs::Context& context, ThreadGroup& group, base::abi::SignalSet mask,
                                         int flags);

  void set_mask(base::abi::SignalSet mask);

  vfs::FileKind kind() const override { return vfs::FileKind::kSignal; }
  base::Result<size_t> TryRead(vfs::Context& context, vfs::IoSequence& to) override;
  base::Result<size_t> TryWrite(vfs::Context&, vfs::IoSequence&) override { return base::Errno(EINVAL); }
  // Does nothing, successfully.
  base::Result<int64_t> Seek(vfs::Context&, int64_t, int) override { return int64_t{0}; }
  base::EventMask Readiness() override;
  base::WaitQueue* wait_queue() const override;
  std::string Details() override;

 private:
  template <typename T, typename... Args>
  friend base::RefPtr<T> base::MakeRef(Args&&... args);
  SignalFile(vfs::Path path, int flags, ThreadGroup& group, base::abi::SignalSet mask);

  const base::RefPtr<ThreadGroup> group_;
  std::atomic<base::abi::SignalSet> mask_;
};

}  // namespace sentry
