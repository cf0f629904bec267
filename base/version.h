// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace base {

// The version of this build, "major.minor.patch": the project's version in the root CMakeLists.txt. Static storage.
const char* Version();

}  // namespace base
