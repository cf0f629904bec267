// SPDX-License-Identifier: Apache-2.0
#include "vfs/dev/memory_devices.h"

#include <poll.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "vfs/file_description.h"
#include "vfs/operations.h"

namespace vfs {
namespace {

constexpr size_t kChunk = 4096;

enum class Kind { kNull, kZero, kFull, kRandom };

class MemoryDeviceFile : public FileDescription {
 public:
  MemoryDeviceFile(Path path, int flags, Kind kind) : FileDescription(std::move(path), flags), kind_(kind) {}

  base::Result<size_t> TryRead(Context&, IoSequence& to) override {
    if (kind_ == Kind::kNull) return size_t{0};
    std::byte buffer[kChunk] = {};
    size_t done = 0;
    while (to.remaining() > 0) {
      size_t want = std::min(sizeof(buffer), to.remaining());
      if (kind_ == Kind::kRandom) {
        ssize_t got = getrandom(buffer, want, 0);
        if (got < 0) return base::Errno(errno);
        want = static_cast<size_t>(got);
      }
      auto copied = to.CopyOut(std::span(buffer).first(want));
      if (!copied.ok()) {
        if (done > 0) return done;
        return copied.error();
      }
      done += *copied;
      if (*copied < want) break;
    }
    return done;
  }

  base::Result<size_t> TryWrite(Context&, IoSequence& from) override {
    if (kind_ == Kind::kFull) return base::Errno(ENOSPC);
    size_t count = from.remaining();
    // Entropy is stirred in on the host by others; the bytes are only taken.
    if (kind_ == Kind::kRandom) {
      std::byte buffer[kChunk];
      size_t done = 0;
      while (from.remaining() > 0) {
        size_t want = std::min(sizeof(buffer), from.remaining());
        auto copied = from.CopyIn(std::span(buffer).first(want));
        if (!copied.ok()) {
          if (done > 0) return done;
          return copied.error();
        }
        done += *copied;
        if (*copied < want) break;
      }
      return done;
    }
    from.Truncate(0);
    return count;
  }

  base::Result<size_t> TryReadAt(Context& context, IoSequence& to, int64_t) override { return TryRead(context, to); }
  base::Result<size_t> TryWriteAt(Context& context, IoSequence& from, int64_t) override {
    return TryWrite(context, from);
  }
  base::Result<int64_t> Seek(Context&, int64_t, int) override { return int64_t{0}; }
  bool MapsAsAnonymous() const override { return kind_ == Kind::kZero; }

 private:
  const Kind kind_;
};

class MemoryDevice : public Device {
 public:
  explicit MemoryDevice(Kind kind) : kind_(kind) {}
  base::Result<base::RefPtr<FileDescription>> Open(Context&, const Path& path, int flags) override {
    return base::RefPtr<FileDescription>(base::MakeRef<MemoryDeviceFile>(path, flags, kind_));
  }

 private:
  const Kind kind_;
};

struct Node {
  const char* name;
  uint32_t major, minor;
  uint32_t permissions;
};

constexpr uint32_t kMemoryMajor = 1;
constexpr uint32_t kTtyMajor = 5;
constexpr Node kNodes[] = {{"null", kMemoryMajor, 3, 0666},    {"zero", kMemoryMajor, 5, 0666},
                           {"full", kMemoryMajor, 7, 0666},    {"random", kMemoryMajor, 8, 0666},
                           {"urandom", kMemoryMajor, 9, 0666}, {"tty", kTtyMajor, 0, 0666}};
constexpr struct {
  const char* name;
  const char* target;
} kLinks[] = {{"fd", "/proc/self/fd"},
              {"stdin", "/proc/self/fd/0"},
              {"stdout", "/proc/self/fd/1"},
              {"stderr", "/proc/self/fd/2"},
              {"ptmx", "pts/ptmx"}};

}  // namespace

void AddMemoryDevices(DeviceTable& table) {
  table.AddCharacter(kMemoryMajor, 3, base::MakeRef<MemoryDevice>(Kind::kNull));
  table.AddCharacter(kMemoryMajor, 5, base::MakeRef<MemoryDevice>(Kind::kZero));
  table.AddCharacter(kMemoryMajor, 7, base::MakeRef<MemoryDevice>(Kind::kFull));
  table.AddCharacter(kMemoryMajor, 8, base::MakeRef<MemoryDevice>(Kind::kRandom));
  table.AddCharacter(kMemoryMajor, 9, base::MakeRef<MemoryDevice>(Kind::kRandom));
}

base::Result<void> PopulateDev(Context& context, const Path& dev) {
  StartPoint at{dev, dev};
  for (const Node& node : kNodes) {
    auto made = MakeNode(context, at, node.name, S_IFCHR | node.permissions, node.major, node.minor);
    if (!made.ok() && made.error().code() != EEXIST) return made.error();
  }
  for (const auto& link : kLinks) {
    auto made = MakeSymlink(context, link.target, at, link.name);
    if (!made.ok() && made.error().code() != EEXIST) return made.error();
  }
  return {};
}

}  // namespace vfs
