// SPDX-License-Identifier: Apache-2.0
#include "platform/registers.h"

#include <cstring>
#include <new>

namespace platform {

bool ExtendedState::Resize(size_t size) {
  if (size > capacity_) {
    bytes_.reset(new (std::nothrow) std::byte[size]);
    capacity_ = bytes_ ? size : 0;
    if (!bytes_) {
      size_ = 0;
      return false;
    }
  }
  size_ = size;
  return true;
}

bool ExtendedState::CopyFrom(const ExtendedState& other) {
  if (!Resize(other.size())) return false;
  if (!other.empty()) memcpy(data(), other.data(), other.size());
  return true;
}

}  // namespace platform
