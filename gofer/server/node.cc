// SPDX-License-Identifier: Apache-2.0
#include "gofer/server/node.h"

#include <charconv>

namespace gofer {

DescriptorName::DescriptorName(int fd) : text_{} { std::to_chars(text_.data(), text_.data() + text_.size() - 1, fd); }

}  // namespace gofer
