// SPDX-License-Identifier: Apache-2.0
#include "runsc/sandbox/setup_file.h"

#include <google/protobuf/message_lite.h>

#include "runsc/spec/parse.h"
#include "runsc/util/files.h"

namespace runsc {
namespace {

// A configuration file at its largest, and room for the rest.
constexpr size_t kMaxSetupBytes = spec::kMaxConfigBytes + (1 << 20);

}  // namespace

StatusOr<base::UniqueFd> WriteSetup(const google::protobuf::MessageLite& message) {
  return SealedFile("runsc-setup", message.SerializeAsString());
}

Status ReadSetup(int fd, google::protobuf::MessageLite* message) {
  base::UniqueFd owned(fd);
  std::string bytes = TRY_STATUS(ReadAll(fd, kMaxSetupBytes, "setup"));
  if (!message->ParseFromString(bytes)) return Failed("the setup does not parse");
  return absl::OkStatus();
}

}  // namespace runsc
