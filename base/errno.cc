// SPDX-License-Identifier: Apache-2.0
#include "base/errno.h"

#include <cstring>

namespace base {

const char* ErrnoName(int code) {
  const char* name = strerrorname_np(code);
  return name != nullptr ? name : "E?";
}

}  // namespace base
