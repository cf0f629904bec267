// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <utility>

#include "vfs/dentry.h"
#include "vfs/ioctl.h"
#include "vfs/permission.h"
#include "vfs/pipe/pipe.h"
#include "vfs/pseudo/anonymous.h"

namespace vfs {
namespace {

Pipe::Ends EndsOf(int flags) {
  int access = flags & O_ACCMODE;
  return {.reads = access != O_WRONLY, .writes = access != O_RDONLY};
}

// One end, or both (O_RDWR), of a pipe or FIFO.
class PipeDescription : public FileDescription {
 public:
  enum class WaitFor { kNobody, kReader, kWriter };

  // `pipe` was opened for the ends of `flags`. `unseen_writers`: writer_opens of the pipe of whose hang-up the reader
  // does not know; `other_opens`: how often the awaited side was opened.
  PipeDescription(Path path, int flags, base::RefPtr<Pipe> pipe, uint64_t unseen_writers, WaitFor wait_for,
                  uint64_t other_opens)
      : FileDescription(std::move(path), flags),
        pipe_(std::move(pipe)),
        ends_(EndsOf(flags)),
        unseen_writers_(unseen_writers),
        wait_for_(wait_for),
        other_opens_(other_opens) {}

  FileKind kind() const override { return FileKind::kPipe; }
  Pipe* pipe() override { return pipe_.get(); }

  base::Result<void> TryFinishOpen(Context&) override {
    uint64_t opens = wait_for_ == WaitFor::kReader ? pipe_->reader_opens() : pipe_->writer_opens();
    if (wait_for_ != WaitFor::kNobody && opens == other_opens_) return base::Errno(EAGAIN);
    return {};
  }
  base::Result<void> SetStatusFlags(Context& context, int flags) override {
    // Packets are not there yet.
    if ((flags & O_DIRECT) != 0) return base::Errno(EINVAL);
    return FileDescription::SetStatusFlags(context, flags);
  }
  base::Result<size_t> TryRead(Context&, IoSequence& to) override { return pipe_->TryRead(to); }
  base::Result<size_t> TryWrite(Context&, IoSequence& from) override { return pipe_->TryWrite(from); }
  base::EventMask Readiness() override { return pipe_->Readiness(ends_, unseen_writers_); }
  base::WaitQueue* wait_queue() const override { return &pipe_->wait_queue(); }
  base::Result<uint64_t> Ioctl(Context& context, uint32_t request, uint64_t argument) override {
    if (request != FIONREAD) return base::Errno(ENOTTY);
    TRY(WriteInt(context, argument, static_cast<int32_t>(pipe_->readable_bytes())));
    return uint64_t{0};
  }
  base::Result<uint64_t> Control(Context& context, int command, uint64_t argument) override {
    // The argument is an unsigned int to Linux.
    if (command == F_SETPIPE_SZ) return pipe_->SetCapacity(context, static_cast<uint32_t>(argument));
    if (command == F_GETPIPE_SZ) return pipe_->capacity();
    return FileDescription::Control(context, command, argument);
  }

 protected:
  ~PipeDescription() override {
    inode().attachment().With([this](base::RefPtr<base::RefCounted>& attached) {
      // A FIFO is as new when it is opened again; the description's own reference keeps the pipe for now.
      if (pipe_->Close(ends_) && attached.get() == pipe_.get()) attached = nullptr;
    });
  }

 private:
  const base::RefPtr<Pipe> pipe_;
  const Pipe::Ends ends_;
  const uint64_t unseen_writers_;
  const WaitFor wait_for_;
  const uint64_t other_opens_;
};

base::Result<base::RefPtr<FileDescription>> OpenEnd(const Path& path, int flags) {
  using WaitFor = PipeDescription::WaitFor;
  Pipe::Ends ends = EndsOf(flags);
  // pipe(2)'s, when it is made and when it is opened through /proc/PID/fd: nobody waits or is refused.
  bool fifo = !IsAnonymousPath(path);
  bool nonblocking = (flags & O_NONBLOCK) != 0;
  base::RefPtr<Pipe> pipe;
  WaitFor wait_for = WaitFor::kNobody;
  uint64_t reader_opens = 0, writer_opens = 0;
  bool no_readers = false, no_writers = false;
  base::Result<void> opened =
      path.dentry->inode()->attachment().With([&](base::RefPtr<base::RefCounted>& attached) -> base::Result<void> {
        // Only pipes are ever attached to FIFOs.
        pipe = attached != nullptr ? base::RefPtr<Pipe>(static_cast<Pipe*>(attached.get())) : base::MakeRef<Pipe>();
        no_readers = !pipe->has_readers();
        no_writers = !pipe->has_writers();
        if (fifo && ends.writes && !ends.reads && nonblocking && no_readers) return base::Errno(ENXIO);
        reader_opens = pipe->reader_opens();
        writer_opens = pipe->writer_opens();
        pipe->Open(ends);
        attached = pipe;
        return {};
      });
  if (!opened.ok()) return opened.error();
  if (fifo && !nonblocking && ends.reads && !ends.writes && no_writers) wait_for = WaitFor::kWriter;
  if (fifo && !nonblocking && ends.writes && !ends.reads && no_readers) wait_for = WaitFor::kReader;
  // A reader that did not wait for a writer sees none hang up before one was there.
  uint64_t unseen_writers = fifo && nonblocking && no_writers ? writer_opens : 0;
  uint64_t other_opens = wait_for == WaitFor::kReader ? reader_opens : writer_opens;
  return base::RefPtr<FileDescription>(
      base::MakeRef<PipeDescription>(path, flags, std::move(pipe), unseen_writers, wait_for, other_opens));
}

}  // namespace

base::Result<base::RefPtr<FileDescription>> OpenFifo(const Path& path, int flags) { return OpenEnd(path, flags); }

base::Result<PipePair> CreatePipe(Context& context, int flags) {
  if ((flags & O_DIRECT) != 0) return base::Errno(EINVAL);
  Path path = MakeNumberedAnonymousPath(context, S_IFIFO | 0600, "pipe");
  base::RefPtr<FileDescription> reader = TRY(OpenEnd(path, O_RDONLY | (flags & O_NONBLOCK)));
  base::RefPtr<FileDescription> writer = TRY(OpenEnd(path, O_WRONLY | (flags & O_NONBLOCK)));
  return PipePair{std::move(reader), std::move(writer)};
}

}  // namespace vfs
