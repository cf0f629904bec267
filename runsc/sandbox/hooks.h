// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "runsc/spec/spec.h"
#include "runsc/util/status.h"

namespace runsc {

// Runs the hooks one after the other, each with `state` (JSON) on its standard input and the bundle as its working
// directory, and waits for it, at most for its timeout. Stops at the first that fails; the message has what it wrote.
// `name` says which hooks, for messages: "hooks.prestart".
Status RunHooks(const std::vector<spec::Hook>& hooks, const std::string& name, const std::string& bundle,
                const std::string& state);

}  // namespace runsc
