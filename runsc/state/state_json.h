// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "runsc/state/state.h"

namespace runsc {

// The contents of state.json. `name` is how messages call the file.
std::string StateToJson(const ContainerState& state);
StatusOr<ContainerState> StateFromJson(std::string_view text, const std::string& name);

}  // namespace runsc
