// SPDX-License-Identifier: Apache-2.0
#include "runsc/util/status.h"

#include <cerrno>
#include <cstring>

namespace runsc {
namespace {

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

Status InvalidInput(std::string_view message) { return absl::InvalidArgumentError(View(message)); }
Status NotFound(std::string_view message) { return absl::NotFoundError(View(message)); }
Status WrongState(std::string_view message) { return absl::FailedPreconditionError(View(message)); }
Status Failed(std::string_view message) { return absl::InternalError(View(message)); }

Status SystemError(std::string_view what, int error) {
  char buffer[128];
  std::string text(what);
  text += ": ";
  text += strerror_r(error, buffer, sizeof(buffer));
  return absl::InternalError(text);
}

Status SystemError(std::string_view what) {
  int error = errno;
  return SystemError(what, error);
}

std::string Message(const Status& status) { return std::string(status.message()); }

Status Annotate(const Status& status, std::string_view prefix) {
  if (status.ok()) return status;
  std::string text(prefix);
  text += ": ";
  text.append(status.message().data(), status.message().size());
  return Status(status.code(), text);
}

}  // namespace runsc
