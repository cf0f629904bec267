// SPDX-License-Identifier: Apache-2.0
#include "sentry/loader/script.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace sentry {
namespace {

using base::Errno;

bool IsBlank(char c) { return c == ' ' || c == '\t'; }
bool EndsWord(char c) { return IsBlank(c) || c == '\0'; }

// The first index in [from, last] whose character meets `test`; `last` + 1 if there is none.
template <typename Test>
size_t Find(const char* text, size_t from, size_t last, Test test) {
  while (from <= last && !test(text[from])) ++from;
  return from;
}

}  // namespace

bool IsScript(std::string_view head) { return head.starts_with("#!"); }

base::Result<ScriptLine> ParseScript(std::string_view head) {
  if (!IsScript(head)) return Errno(ENOEXEC);
  // What lies behind a short file is zeroes, which count as text: "#!" alone names the empty path.
  std::array<char, kScriptLine> text{};
  memcpy(text.data(), head.data(), std::min(head.size(), text.size()));
  const size_t last = text.size() - 1;
  auto not_blank = [](char c) { return !IsBlank(c); };

  size_t end = Find(text.data(), 0, last, [](char c) { return c == '\n' || c == '\0'; });
  if (end > last || text[end] != '\n') {
    // No line end. The name must be seen to end, lest it was cut.
    size_t name = Find(text.data(), 2, last, not_blank);
    if (name > last || Find(text.data(), name, last, EndsWord) > last) return Errno(ENOEXEC);
    end = last;
  }
  while (IsBlank(text[end - 1])) --end;
  size_t name = Find(text.data(), 2, end, not_blank);
  if (name >= end) return Errno(ENOEXEC);
  text[end] = '\0';

  ScriptLine line;
  size_t gap = Find(text.data(), name, end, EndsWord);
  line.interpreter.assign(text.data() + name, gap - name);
  if (gap < end && text[gap] != '\0') line.argument = text.data() + Find(text.data(), gap, end, not_blank);
  return line;
}

}  // namespace sentry
