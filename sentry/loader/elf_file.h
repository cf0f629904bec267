// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/abi/elf.h"
#include "base/ref.h"
#include "base/result.h"
#include "vfs/context.h"
#include "vfs/file_description.h"

namespace sentry {

// The beginning of a program file, read once; headers are usually all inside it.
class ProgramHead {
 public:
  // EIO and what the file says.
  static base::Result<ProgramHead> Read(vfs::Context& context, base::RefPtr<vfs::FileDescription> file);

  vfs::FileDescription& file() const { return *file_; }
  const base::RefPtr<vfs::FileDescription>& file_ref() const { return file_; }
  std::string_view bytes() const { return bytes_; }
  // Copies bytes of the file, from the head where they are there. EIO: the file is too short.
  base::Result<std::string> ReadAt(vfs::Context& context, uint64_t offset, size_t length) const;

 private:
  base::RefPtr<vfs::FileDescription> file_;
  std::string bytes_;
};

// The headers of an ELF program, checked: every PT_LOAD has filesz <= memsz, does not wrap, lies below the end of user
// space, and its file offset and address agree modulo the page size.
struct ElfFile {
  base::abi::ElfHeader header;
  std::vector<base::abi::ElfProgramHeader> segments;  // All of them.
  uint64_t begin = 0;                                 // Page of the lowest PT_LOAD byte.
  uint64_t end = 0;                                   // Behind the highest PT_LOAD byte.
  uint64_t alignment = 0;                             // The largest power of two any PT_LOAD asks for, at least a page.
  bool executable_stack = false;                      // PT_GNU_STACK with PF_X.

  bool position_independent() const { return header.type == base::abi::kElfTypeDynamic; }

  // `bad` is what a file that is no ELF-64 program of this machine gives: ENOEXEC, or ELIBBAD for an interpreter.
  // EINVAL: segments that cannot be mapped.
  static base::Result<ElfFile> Parse(vfs::Context& context, const ProgramHead& head, int bad);
  // The path in the first PT_INTERP; empty if there is none. ENOEXEC: malformed; EIO.
  base::Result<std::string> Interpreter(vfs::Context& context, const ProgramHead& head) const;
  // The address, before relocation, of the program headers; 0 if no segment has them.
  uint64_t HeadersAddress() const;
};

}  // namespace sentry
