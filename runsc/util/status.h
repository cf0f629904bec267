// SPDX-License-Identifier: Apache-2.0
// Errors of the command line: absl::Status whose message is what the user reads, complete in itself (it names the file,
// the field, the process or the system call that failed). The code only tells kinds apart that callers treat
// differently: kNotFound (no such container), kFailedPrecondition (wrong state), kInvalidArgument (the user's input),
// kInternal (rest).
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace runsc {

using absl::Status;
using absl::StatusOr;

Status InvalidInput(std::string_view message);
Status NotFound(std::string_view message);
Status WrongState(std::string_view message);
Status Failed(std::string_view message);
// "<what>: <text of errno>". `error` defaults to errno, read before anything else can change it.
Status SystemError(std::string_view what, int error);
Status SystemError(std::string_view what);

// The message as a std::string.
std::string Message(const Status& status);
// The same error with `prefix` and ": " in front of its message.
Status Annotate(const Status& status, std::string_view prefix);

}  // namespace runsc

#define RETURN_IF_ERROR(expression)        \
  do {                                     \
    ::absl::Status status_ = (expression); \
    if (!status_.ok()) [[unlikely]]        \
      return status_;                      \
  } while (0)

// Evaluates to the value of a StatusOr expression, or returns its error from the enclosing function.
#define TRY_STATUS(expression)               \
  ({                                         \
    auto status_or_ = (expression);          \
    if (!status_or_.ok()) [[unlikely]]       \
      return std::move(status_or_).status(); \
    std::move(status_or_).value();           \
  })
