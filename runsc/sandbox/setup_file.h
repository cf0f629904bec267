// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/unique_fd.h"
#include "runsc/util/status.h"

namespace google::protobuf {
class MessageLite;
}

namespace runsc {

// Protobuf messages in sealed memory files: how a spawned process learns what it is to do.
StatusOr<base::UniqueFd> WriteSetup(const google::protobuf::MessageLite& message);
// Reads it and closes the descriptor.
Status ReadSetup(int fd, google::protobuf::MessageLite* message);

}  // namespace runsc
