// SPDX-License-Identifier: Apache-2.0
#include "sentry/loader/elf_file.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/types.h"
#include "sentry/mm/layout.h"
#include "vfs/io_sequence.h"

namespace sentry {
namespace {

using base::Errno;
using base::abi::ElfProgramHeader;

constexpr size_t kHeadSize = 4096;
constexpr size_t kMaxHeaders = 64 * 1024;  // Bytes of program headers Linux accepts.
constexpr size_t kMaxInterpreter = 4096;   // PATH_MAX

base::Result<size_t> ReadFile(vfs::Context& context, vfs::FileDescription& file, uint64_t offset,
                              std::span<std::byte> to) {
  if (offset > INT64_MAX - to.size()) return size_t{0};
  size_t done = 0;
  while (done < to.size()) {
    vfs::BufferSequence sequence(to.subspan(done));
    size_t count = TRY(file.TryReadAt(context, sequence, static_cast<int64_t>(offset + done)));
    if (count == 0) break;
    done += count;
  }
  return done;
}

base::Result<void> CheckSegment(const ElfProgramHeader& segment) {
  uint64_t end = 0;
  if (segment.filesz > segment.memsz) return Errno(EINVAL);
  if (__builtin_add_overflow(segment.vaddr, segment.memsz, &end) || end > kTaskSize) return Errno(EINVAL);
  if (segment.filesz != 0) {
    if (((segment.vaddr ^ segment.offset) & base::kPageMask) != 0) return Errno(EINVAL);
    if (segment.offset > INT64_MAX - segment.filesz) return Errno(EINVAL);
  }
  return {};
}

}  // namespace

base::Result<ProgramHead> ProgramHead::Read(vfs::Context& context, base::RefPtr<vfs::FileDescription> file) {
  ProgramHead head;
  head.file_ = std::move(file);
  head.bytes_.resize(kHeadSize);
  size_t size = TRY(ReadFile(context, *head.file_, 0, std::as_writable_bytes(std::span(head.bytes_))));
  head.bytes_.resize(size);
  return head;
}

base::Result<std::string> ProgramHead::ReadAt(vfs::Context& context, uint64_t offset, size_t length) const {
  if (offset <= bytes_.size() && length <= bytes_.size() - offset) return bytes_.substr(offset, length);
  std::string bytes(length, '\0');
  if (TRY(ReadFile(context, *file_, offset, std::as_writable_bytes(std::span(bytes)))) != length) return Errno(EIO);
  return bytes;
}

base::Result<ElfFile> ElfFile::Parse(vfs::Context& context, const ProgramHead& head, int bad) {
  ElfFile elf{};
  base::abi::ElfHeader& header = elf.header;
  if (head.bytes().size() < sizeof header) return Errno(bad);
  memcpy(&header, head.bytes().data(), sizeof header);
  if (memcmp(header.ident, base::abi::kElfMagic, sizeof base::abi::kElfMagic) != 0) return Errno(bad);
  if (header.ident[base::abi::kElfIdentClass] != base::abi::kElfClass64) return Errno(bad);
  if (header.type != base::abi::kElfTypeExecutable && header.type != base::abi::kElfTypeDynamic) return Errno(bad);
  if (header.machine != base::abi::kElfMachineX86_64) return Errno(bad);
  if (header.phentsize != sizeof(ElfProgramHeader) || header.phnum == 0) return Errno(bad);
  const size_t size = size_t{header.phnum} * sizeof(ElfProgramHeader);
  if (size > kMaxHeaders) return Errno(bad);
  base::Result<std::string> bytes = head.ReadAt(context, header.phoff, size);
  if (!bytes.ok()) return Errno(bad);
  elf.segments.resize(header.phnum);
  memcpy(elf.segments.data(), bytes->data(), size);

  elf.begin = UINT64_MAX;
  elf.alignment = base::kPageSize;
  bool loads = false;
  for (const ElfProgramHeader& segment : elf.segments) {
    if (segment.type == base::abi::kElfSegmentStack)
      elf.executable_stack = (segment.flags & base::abi::kElfSegmentExecute) != 0;
    if (segment.type != base::abi::kElfSegmentLoad) continue;
    TRY(CheckSegment(segment));
    loads = true;
    elf.begin = std::min(elf.begin, base::PageRoundDown(segment.vaddr));
    elf.end = std::max(elf.end, segment.vaddr + segment.memsz);
    if (std::has_single_bit(segment.align)) elf.alignment = std::max(elf.alignment, segment.align);
  }
  if (!loads) return Errno(EINVAL);
  return elf;
}

base::Result<std::string> ElfFile::Interpreter(vfs::Context& context, const ProgramHead& head) const {
  for (const ElfProgramHeader& segment : segments) {
    if (segment.type != base::abi::kElfSegmentInterpreter) continue;
    if (segment.filesz > kMaxInterpreter || segment.filesz < 2) return Errno(ENOEXEC);
    std::string path = TRY(head.ReadAt(context, segment.offset, segment.filesz));
    if (path.back() != '\0') return Errno(ENOEXEC);
    path.resize(strlen(path.c_str()));
    return path;
  }
  return std::string();
}

uint64_t ElfFile::HeadersAddress() const {
  for (const ElfProgramHeader& segment : segments) {
    if (segment.type != base::abi::kElfSegmentLoad) continue;
    if (segment.offset <= header.phoff && header.phoff - segment.offset < segment.filesz)
      return header.phoff - segment.offset + segment.vaddr;
  }
  return 0;
}

}  // namespace sentry
