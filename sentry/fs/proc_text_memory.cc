// SPDX-License-Identifier: Apache-2.0
// /proc/PID/maps, smaps, mounts, mountinfo.
#include <sys/mman.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "sentry/fs/proc_text.h"
#include "sentry/kernel_context.h"
#include "sentry/mm/memory_manager.h"
#include "vfs/mount.h"
#include "vfs/operations.h"

namespace sentry {
namespace {

// Names in mounts and mountinfo: white space and backslashes as octal (fstab(5)).
std::string Escaped(std::string_view text) {
  std::string escaped;
  for (char c : text) {
    if (c == ' ' || c == '\t' || c == '\n' || c == '\\' || c == '#') {
      absl::StrAppendFormat(&escaped, "\\%03o", static_cast<unsigned char>(c));
    } else {
      escaped += c;
    }
  }
  return escaped;
}

std::string MountOptions(unsigned flags) {
  std::string text = (flags & vfs::kMountReadOnly) != 0 ? "ro" : "rw";
  if ((flags & vfs::kMountNoSuid) != 0) text += ",nosuid";
  if ((flags & vfs::kMountNoDev) != 0) text += ",nodev";
  if ((flags & vfs::kMountNoExec) != 0) text += ",noexec";
  if ((flags & vfs::kMountNoAtime) != 0) text += ",noatime";
  if ((flags & vfs::kMountNoDirAtime) != 0) text += ",nodiratime";
  if ((flags & vfs::kMountRelatime) != 0) text += ",relatime";
  return text;
}

std::vector<vfs::MountInfo> MountsOf(Task& task) {
  base::RefPtr<FsContext> fs = task.SharedFs();
  if (!fs) return {};
  return task.container().mounts->List(fs->root());
}

std::string MapLine(const MapEntry& entry, const vfs::Path& root) {
  uint64_t inode = 0;
  uint32_t major = 0, minor = 0;
  std::string name = entry.name;
  if (entry.file) {
    KernelContext context;
    auto attributes = entry.file->Stat(context);
    if (attributes.ok()) {
      inode = attributes->inode;
      major = attributes->device_major;
      minor = attributes->device_minor;
    }
    if (name.empty()) name = vfs::PathName(entry.file->path(), root).Shown();
  }
  std::string line = absl::StrFormat(
      "%08x-%08x %c%c%c%c %08x %02x:%02x %u ", entry.range.begin.value(), entry.range.end.value(),
      (entry.protection & PROT_READ) != 0 ? 'r' : '-', (entry.protection & PROT_WRITE) != 0 ? 'w' : '-',
      (entry.protection & PROT_EXEC) != 0 ? 'x' : '-', entry.shared ? 's' : 'p', entry.offset, major, minor, inode);
  if (name.empty()) return line;
  // Linux aligns names to this column.
  constexpr size_t kNameColumn = 73;
  if (line.size() < kNameColumn) line.append(kNameColumn - line.size(), ' ');
  return line + name;
}

template <typename Visit>
void ForEachMap(Task& task, Visit visit) {
  base::RefPtr<MemoryManager> memory = task.SharedMemory();
  if (!memory) return;
  constexpr size_t kBatch = 256;
  base::GuestAddr from;
  while (true) {
    std::vector<MapEntry> entries = memory->Entries(from, kBatch);
    for (const MapEntry& entry : entries) visit(entry);
    if (entries.size() < kBatch) return;
    from = entries.back().range.end;
  }
}

}  // namespace

std::string ProcPidMaps(Task& task, const vfs::Path& root) {
  std::string text;
  ForEachMap(task, [&](const MapEntry& entry) { absl::StrAppend(&text, MapLine(entry, root), "\n"); });
  return text;
}

std::string ProcPidSmaps(Task& task, const vfs::Path& root) {
  std::string text;
  ForEachMap(task, [&](const MapEntry& entry) {
    absl::StrAppend(&text, MapLine(entry, root), "\n");
    absl::StrAppendFormat(&text, "Size:           %8u kB\nKernelPageSize:        4 kB\nMMUPageSize:           4 kB\n",
                          entry.range.length() / 1024);
  });
  return text;
}

std::string ProcPidMounts(Task& task) {
  std::string text;
  for (const vfs::MountInfo& mount : MountsOf(task)) {
    unsigned flags = mount.flags | (mount.filesystem_read_only ? vfs::kMountReadOnly : 0u);
    absl::StrAppend(&text, Escaped(mount.source), " ", Escaped(mount.mountpoint), " ", mount.filesystem_type, " ",
                    MountOptions(flags), mount.filesystem_options.empty() ? "" : ",", mount.filesystem_options,
                    " 0 0\n");
  }
  return text;
}

std::string ProcPidMountinfo(Task& task) {
  std::string text;
  for (const vfs::MountInfo& mount : MountsOf(task)) {
    absl::StrAppendFormat(&text, "%d %d %u:%u %s %s %s - %s %s %s%s%s\n", mount.id, mount.parent_id, mount.device_major,
                          mount.device_minor, Escaped(mount.root), Escaped(mount.mountpoint), MountOptions(mount.flags),
                          mount.filesystem_type, Escaped(mount.source), mount.filesystem_read_only ? "ro" : "rw",
                          mount.filesystem_options.empty() ? "" : ",", mount.filesystem_options);
  }
  return text;
}

}  // namespace sentry
