// SPDX-License-Identifier: Apache-2.0
// Reading and writing descriptions as text.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "vfs/context.h"
#include "vfs/file_description.h"
#include "vfs/io_sequence.h"

namespace vfs {

inline base::Result<size_t> WriteText(Context& context, FileDescription& file, std::string_view text) {
  std::string copy(text);
  BufferSequence from(std::as_writable_bytes(std::span<char>(copy)));
  return file.TryWrite(context, from);
}

inline base::Result<size_t> WriteTextAt(Context& context, FileDescription& file, std::string_view text,
                                        int64_t offset) {
  std::string copy(text);
  BufferSequence from(std::as_writable_bytes(std::span<char>(copy)));
  return file.TryWriteAt(context, from, offset);
}

// At most `count` bytes of one read.
inline base::Result<std::string> ReadText(Context& context, FileDescription& file, size_t count) {
  std::string text(count, '\0');
  BufferSequence to(std::as_writable_bytes(std::span<char>(text)));
  text.resize(TRY(file.TryRead(context, to)));
  return text;
}

inline base::Result<std::string> ReadTextAt(Context& context, FileDescription& file, size_t count, int64_t offset) {
  std::string text(count, '\0');
  BufferSequence to(std::as_writable_bytes(std::span<char>(text)));
  text.resize(TRY(file.TryReadAt(context, to, offset)));
  return text;
}

// The error's number; 0: no error.
template <typename T>
int ErrorOf(const base::Result<T>& result) {
  return result.ok() ? 0 : result.error().code();
}

}  // namespace vfs
