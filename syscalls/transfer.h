// SPDX-License-Identifier: Apache-2.0
// What the calls that move bytes share.
#pragma once

#include <fcntl.h>
#include <poll.h>

#include <cstdint>

#include "base/clock.h"
#include "base/result.h"
#include "sentry/task/task.h"
#include "vfs/file_description.h"
#include "vfs/io_sequence.h"

namespace syscalls {

using sentry::Task;
using File = base::RefPtr<vfs::FileDescription>;

// EBADF, also when not open for it.
base::Result<File> ReadableFile(Task& task, base::Fd fd);
base::Result<File> WritableFile(Task& task, base::Fd fd);

inline bool IsNonblocking(const vfs::FileDescription& file) { return (file.flags() & O_NONBLOCK) != 0; }

// SIGPIPE for EPIPE, SIGXFSZ for EFBIG.
void RaiseForWrite(Task& task, base::Errno error);
// Tells who watches the file of a transfer (inotify); `count`.
uint64_t Told(const vfs::FileDescription& file, uint64_t count, uint32_t event);

// A blocking write to a stream goes on until everything is written or something ends it (pipe(7)).
template <typename Step>
base::SysResult<uint64_t> WriteFully(Task& task, vfs::FileDescription& file, vfs::IoSequence& from, bool nonblocking,
                                     Step step) {
  uint64_t written = 0;
  bool stream = file.wait_queue() != nullptr;
  while (true) {
    auto result = task.BlockingOp(file, POLLOUT, nonblocking, base::kForever, step);
    if (!result.ok()) {
      if (!result.error().is_restart()) RaiseForWrite(task, result.error().error());
      if (written > 0) return written;
      return result.error();
    }
    written += *result;
    if (!stream || nonblocking || *result == 0 || from.remaining() == 0) return written;
  }
}

}  // namespace syscalls
