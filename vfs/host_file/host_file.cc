// SPDX-License-Identifier: Apache-2.0
#include "vfs/host_file/host_file.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <new>

#include "vfs/host_file/host_poller.h"
#include "vfs/pseudo/anonymous.h"

namespace vfs {
namespace {

// One host read or write of a file that is always ready.
constexpr size_t kRegularChunk = 64 * 1024;
// What a stream that polls as writable takes without waiting (PIPE_BUF).
constexpr size_t kStreamChunk = 4096;

class InheritedFileDescription : public FileDescription {
 public:
  InheritedFileDescription(Path path, int flags, HostPoller::State& state, base::UniqueFd fd, uint32_t type)
      : FileDescription(std::move(path), flags), fd_(std::move(fd)), type_(type), watched_(state, fd_.get()) {}

  base::Result<size_t> TryRead(Context&, IoSequence& to) override {
    if (!Ready(POLLIN)) return base::Errno(EAGAIN);
    std::byte small[kStreamChunk];
    std::unique_ptr<std::byte[]> large;
    std::span<std::byte> buffer(small);
    if (to.remaining() > sizeof(small)) {
      large.reset(new (std::nothrow) std::byte[kRegularChunk]);
      if (large) buffer = std::span(large.get(), kRegularChunk);
    }
    buffer = buffer.first(std::min(buffer.size(), to.remaining()));
    ssize_t count = read(fd_.get(), buffer.data(), buffer.size());
    if (count < 0) return HostError(POLLIN);
    return to.CopyOut(buffer.first(static_cast<size_t>(count)));
  }

  base::Result<size_t> TryWrite(Context&, IoSequence& from) override {
    size_t written = 0;
    std::byte buffer[kStreamChunk];
    while (from.remaining() > 0) {
      if (!Ready(POLLOUT)) break;
      auto copied = from.CopyIn(std::span(buffer).first(std::min(sizeof(buffer), from.remaining())));
      if (!copied.ok()) {
        if (written > 0) return written;
        return copied.error();
      }
      ssize_t count = write(fd_.get(), buffer, *copied);
      if (count < 0) {
        if (written > 0) return written;
        return HostError(POLLOUT);
      }
      written += static_cast<size_t>(count);
      if (static_cast<size_t>(count) < *copied) return written;
    }
    if (written == 0 && from.remaining() > 0) return base::Errno(EAGAIN);
    return written;
  }

  base::Result<size_t> TryReadAt(Context&, IoSequence& to, int64_t offset) override {
    if (type_ != S_IFREG) return base::Errno(ESPIPE);
    std::byte buffer[kStreamChunk];
    ssize_t count = pread(fd_.get(), buffer, std::min(sizeof(buffer), to.remaining()), offset);
    if (count < 0) return base::Errno(errno);
    return to.CopyOut(std::span(buffer).first(static_cast<size_t>(count)));
  }

  base::Result<size_t> TryWriteAt(Context&, IoSequence& from, int64_t offset) override {
    if (type_ != S_IFREG) return base::Errno(ESPIPE);
    std::byte buffer[kStreamChunk];
    size_t copied = TRY(from.CopyIn(std::span(buffer).first(std::min(sizeof(buffer), from.remaining()))));
    ssize_t count = pwrite(fd_.get(), buffer, copied, offset);
    if (count < 0) return base::Errno(errno);
    return static_cast<size_t>(count);
  }

  base::Result<int64_t> Seek(Context&, int64_t offset, int whence) override {
    off_t result = lseek(fd_.get(), offset, whence);
    if (result < 0) return base::Errno(errno);
    return int64_t{result};
  }

  base::EventMask Readiness() override {
    constexpr short kAll = POLLIN | POLLOUT | POLLPRI | POLLRDHUP;
    pollfd request{fd_.get(), kAll, 0};
    poll(&request, 1, 0);
    auto events = static_cast<base::EventMask>(request.revents);
    base::EventMask missing = (POLLIN | POLLOUT) & ~events;
    if (missing != 0) watched_.Arm(missing);
    return events;
  }
  base::WaitQueue* wait_queue() const override { return watched_.watchable() ? &watched_.queue() : nullptr; }

  base::Result<Attributes> Stat(Context& context) override {
    Attributes attributes = TRY(FileDescription::Stat(context));
    struct stat host {};
    if (fstat(fd_.get(), &host) != 0) return base::Errno(errno);
    attributes.size = static_cast<uint64_t>(host.st_size);
    attributes.blocks = static_cast<uint64_t>(host.st_blocks);
    attributes.block_size = static_cast<uint32_t>(host.st_blksize);
    attributes.rdevice_major = static_cast<uint32_t>(host.st_rdev >> 8 & 0xfff);
    attributes.rdevice_minor = static_cast<uint32_t>(host.st_rdev & 0xff);
    attributes.modify_time = {host.st_mtim.tv_sec, static_cast<uint32_t>(host.st_mtim.tv_nsec)};
    return attributes;
  }

  base::Result<void> Sync(Context&, bool data_only) override {
    if ((data_only ? fdatasync(fd_.get()) : fsync(fd_.get())) != 0) return base::Errno(errno);
    return {};
  }

  base::Result<void> SetAttributes(Context& context, const AttributeChange& change) override {
    if (change.size && ftruncate(fd_.get(), static_cast<off_t>(*change.size)) != 0) return base::Errno(errno);
    return change.size ? base::Result<void>() : FileDescription::SetAttributes(context, change);
  }

  base::Result<uint64_t> Ioctl(Context& context, uint32_t request, uint64_t argument) override {
    base::GuestAddr address(argument);
    switch (request) {
      case TCGETS:
        return Get<KernelTermios>(context, request, address);
      case TCSETS:
      case TCSETSW:
      case TCSETSF:
        return Set<KernelTermios>(context, request, address);
      case TIOCGWINSZ:
        return Get<winsize>(context, request, address);
      case TIOCSWINSZ:
        return Set<winsize>(context, request, address);
      case FIONREAD:
        return Get<int32_t>(context, request, address);
      case TCFLSH:
      case TCSBRK:
      case TCXONC:
        if (ioctl(fd_.get(), request, argument) != 0) return base::Errno(errno);
        return uint64_t{0};
      default:
        return base::Errno(ENOTTY);
    }
  }

 private:
  // The kernel's struct termios.
  struct KernelTermios {
    uint32_t modes[4];
    uint8_t line;
    uint8_t characters[19];
  };
  static_assert(sizeof(KernelTermios) == 36);

  bool Ready(short events) {
    if (!watched_.watchable()) return true;
    // Armed first: an event between the look and the arming must not be lost.
    pollfd request{fd_.get(), events, 0};
    if (poll(&request, 1, 0) == 1) return true;
    watched_.Arm(static_cast<uint32_t>(events));
    return poll(&request, 1, 0) == 1;
  }

  base::Errno HostError(short events) {
    int error = errno;
    if (error == EAGAIN || error == EINTR) {
      watched_.Arm(static_cast<uint32_t>(events));
      return base::Errno(EAGAIN);
    }
    return base::Errno(error);
  }

  template <typename T>
  base::Result<uint64_t> Get(Context& context, uint32_t request, base::GuestAddr to) {
    T value{};
    if (ioctl(fd_.get(), request, &value) != 0) return base::Errno(errno);
    TRY(context.user_memory().CopyOut(to, std::as_bytes(std::span(&value, 1))));
    return uint64_t{0};
  }

  template <typename T>
  base::Result<uint64_t> Set(Context& context, uint32_t request, base::GuestAddr from) {
    T value{};
    TRY(context.user_memory().CopyIn(from, std::as_writable_bytes(std::span(&value, 1))));
    if (ioctl(fd_.get(), request, &value) != 0) return base::Errno(errno);
    return uint64_t{0};
  }

  const base::UniqueFd fd_;
  const uint32_t type_;
  mutable HostPoller::Watched watched_;
};

}  // namespace

base::Result<base::RefPtr<FileDescription>> InheritedFile::Create(Context& context, HostPoller& poller,
                                                                  base::UniqueFd fd, std::string name) {
  int flags = fcntl(fd.get(), F_GETFL);
  struct stat host {};
  if (flags < 0 || fstat(fd.get(), &host) != 0) return base::Errno(errno);
  Path path = MakeAnonymousPath(context, host.st_mode, std::move(name));
  flags &= O_ACCMODE | O_APPEND;
  return base::RefPtr<FileDescription>(base::MakeRef<InheritedFileDescription>(std::move(path), flags, *poller.state_,
                                                                               std::move(fd), host.st_mode & S_IFMT));
}

}  // namespace vfs
