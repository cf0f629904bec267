// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <unistd.h>

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/clock.h"

namespace base {
namespace {

std::atomic<int> log_fd{STDERR_FILENO};
std::atomic<int> least_level{static_cast<int>(LogLevel::kWarning)};

constexpr int kMaxLine = 1024;

const char* BaseName(const char* path) {
  const char* slash = strrchr(path, '/');
  return slash != nullptr ? slash + 1 : path;
}

}  // namespace

void SetLog(int fd, LogLevel least) {
  log_fd.store(fd, std::memory_order_relaxed);
  least_level.store(static_cast<int>(least), std::memory_order_relaxed);
}

bool LogEnabled(LogLevel level) { return static_cast<int>(level) >= least_level.load(std::memory_order_relaxed); }

void LogLine(LogLevel level, const char* file, int line, const char* format, ...) {
  int saved_errno = errno;
  char buffer[kMaxLine];
  int64_t now = MonotonicNow();
  int used = snprintf(buffer, sizeof(buffer), "%c %lld.%06lld %s:%d ", "DIWE"[static_cast<int>(level) & 3],
                      static_cast<long long>(now / 1'000'000'000), static_cast<long long>(now / 1000 % 1'000'000),
                      BaseName(file), line);
  va_list arguments;
  va_start(arguments, format);
  used += vsnprintf(buffer + used, sizeof(buffer) - used, format, arguments);
  va_end(arguments);
  if (used > kMaxLine - 1) used = kMaxLine - 1;
  buffer[used++] = '\n';
  [[maybe_unused]] ssize_t written = write(log_fd.load(std::memory_order_relaxed), buffer, used);
  errno = saved_errno;
}

void InvariantBroken(const char* condition, const char* file, int line) {
  LogLine(LogLevel::kError, file, line, "invariant broken: %s", condition);
  abort();
}

}  // namespace base
