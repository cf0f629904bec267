// SPDX-License-Identifier: Apache-2.0
#include "vfs/tmpfs/tmpfs.h"

#include <linux/magic.h>
#include <sys/stat.h>

#include <charconv>
#include <cstdio>
#include <utility>

#include "vfs/tmpfs/tmpfs_directory.h"

namespace vfs {
namespace {

constexpr uint64_t kKiB = 1024;

bool ReadNumber(std::string_view text, int base, uint64_t& value) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

// A number with an optional k, m, g suffix.
bool ReadSize(std::string_view text, uint64_t& value) {
  int shift = 0;
  if (!text.empty()) {
    switch (text.back() | 0x20) {
      case 'k':
        shift = 10;
        break;
      case 'm':
        shift = 20;
        break;
      case 'g':
        shift = 30;
        break;
      case 't':
        shift = 40;
        break;
    }
  }
  if (shift != 0) text.remove_suffix(1);
  if (!ReadNumber(text, 10, value) || value > (UINT64_MAX >> shift)) return false;
  value <<= shift;
  return true;
}

bool ReadPages(std::string_view text, uint64_t memory, uint64_t& pages) {
  uint64_t bytes = 0;
  if (text.ends_with('%')) {
    text.remove_suffix(1);
    uint64_t percent = 0;
    if (!ReadNumber(text, 10, percent) || percent > 100) return false;
    bytes = memory / 100 * percent;
  } else if (!ReadSize(text, bytes)) {
    return false;
  }
  pages = bytes / base::kPageSize + (bytes % base::kPageSize != 0 ? 1 : 0);
  return true;
}

bool ReadOption(std::string_view key, std::string_view value, uint64_t memory, TmpfsOptions& options) {
  uint64_t number = 0;
  if (key == "size") return ReadPages(value, memory, options.pages);
  if (key == "nr_blocks") return ReadSize(value, options.pages);
  if (key == "nr_inodes") return ReadSize(value, options.inodes);
  if (key == "mode") {
    if (!ReadNumber(value, 8, number) || number > UINT32_MAX) return false;
    options.mode = static_cast<uint32_t>(number) & 07777;
    return true;
  }
  if (key == "uid" || key == "gid") {
    if (!ReadNumber(value, 10, number) || number >= UINT32_MAX) return false;
    if (key == "uid") {
      options.uid = base::KUid(static_cast<uint32_t>(number));
    } else {
      options.gid = base::KGid(static_cast<uint32_t>(number));
    }
    return true;
  }
  // How memory is laid out is the host's business.
  return key == "huge" || key == "mpol" || key == "inode64" || key == "inode32" || key == "noswap";
}

}  // namespace

base::Result<TmpfsOptions> TmpfsOptions::Parse(std::string_view data, uint64_t memory) {
  TmpfsOptions options;
  options.pages = memory / 2 / base::kPageSize;
  options.inodes = options.pages;
  while (!data.empty()) {
    size_t comma = data.find(',');
    std::string_view option = data.substr(0, comma);
    data = comma == std::string_view::npos ? std::string_view() : data.substr(comma + 1);
    if (option.empty()) continue;
    size_t equals = option.find('=');
    std::string_view value = equals == std::string_view::npos ? std::string_view() : option.substr(equals + 1);
    if (!ReadOption(option.substr(0, equals), value, memory, options)) return base::Errno(EINVAL);
  }
  return options;
}

Tmpfs::Tmpfs(const TmpfsOptions& options, std::string_view type_name)
    : type_name_(type_name), options_(options), pages_limit_(options.pages), inodes_limit_(options.inodes) {}

base::RefPtr<Dentry> Tmpfs::Create(Context& context, const TmpfsOptions& options, std::string_view type_name) {
  base::RefPtr<Tmpfs> tmpfs = base::AdoptRef(new Tmpfs(options, type_name));
  tmpfs->inodes_used_.fetch_add(1, std::memory_order_relaxed);
  CreateOptions root{.mode = S_IFDIR | (options.mode & 07777), .uid = options.uid, .gid = options.gid};
  return Dentry::CreateRoot(base::MakeRef<TmpfsDirectory>(std::move(tmpfs), root, context.RealtimeNow()));
}

base::Result<void> Tmpfs::Charge(Counter& used, const Counter& limit, uint64_t count) {
  uint64_t most = limit.load(std::memory_order_relaxed);
  uint64_t now = used.load(std::memory_order_relaxed);
  do {
    if (most != 0 && (count > most || now > most - count)) return base::Errno(ENOSPC);
  } while (!used.compare_exchange_weak(now, now + count, std::memory_order_relaxed));
  return {};
}

base::Result<FilesystemStatus> Tmpfs::Status(Context&) {
  FilesystemStatus status;
  status.type = TMPFS_MAGIC;
  status.block_size = base::kPageSize;
  auto left = [](const Counter& limit, const Counter& used) {
    uint64_t most = limit.load(std::memory_order_relaxed);
    uint64_t now = used.load(std::memory_order_relaxed);
    return most > now ? most - now : 0;
  };
  status.blocks = pages_limit_.load(std::memory_order_relaxed);
  status.blocks_free = status.blocks_available = left(pages_limit_, pages_used_);
  status.files = inodes_limit_.load(std::memory_order_relaxed);
  status.files_free = left(inodes_limit_, inodes_used_);
  return status;
}

std::string Tmpfs::Options() const {
  std::string text;
  auto add = [&text](const char* format, auto value) {
    char buffer[64];
    snprintf(buffer, sizeof(buffer), format, value);
    if (!text.empty()) text += ',';
    text += buffer;
  };
  uint64_t pages = pages_limit_.load(std::memory_order_relaxed);
  uint64_t inodes = inodes_limit_.load(std::memory_order_relaxed);
  if (pages != 0) add("size=%luk", pages * (base::kPageSize / kKiB));
  if (inodes != 0) add("nr_inodes=%lu", inodes);
  if (options_.mode != 01777) add("mode=%03o", options_.mode);
  if (options_.uid.value() != 0) add("uid=%u", options_.uid.value());
  if (options_.gid.value() != 0) add("gid=%u", options_.gid.value());
  add("%s", "inode64");
  return text;
}

base::Result<void> Tmpfs::Reconfigure(const TmpfsOptions& options) {
  auto too_small = [](uint64_t limit, const Counter& used) {
    return limit != 0 && limit < used.load(std::memory_order_relaxed);
  };
  if (too_small(options.pages, pages_used_) || too_small(options.inodes, inodes_used_)) return base::Errno(EINVAL);
  pages_limit_.store(options.pages, std::memory_order_relaxed);
  inodes_limit_.store(options.inodes, std::memory_order_relaxed);
  return {};
}

}  // namespace vfs
