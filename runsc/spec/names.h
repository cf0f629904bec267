// SPDX-License-Identifier: Apache-2.0
// The kernel's names and numbers that configuration files and command lines use.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runsc/spec/spec.h"

namespace runsc::spec {

// capabilities(7): "CAP_CHOWN" <-> 0.
std::optional<int> CapabilityNumber(std::string_view name);
// Empty for an unknown number.
std::string_view CapabilityName(int number);
// All names, in the order of their numbers.
std::vector<std::string_view> CapabilityNames();

// getrlimit(2): "RLIMIT_NOFILE" <-> 7.
std::optional<int> RlimitNumber(std::string_view name);
std::string_view RlimitName(int resource);

// signal(7): "TERM", "SIGTERM", "sigterm", "15", "RTMIN+3" -> a number from 1 to 64.
std::optional<int> SignalNumber(std::string_view name);

std::optional<NamespaceType> NamespaceTypeOf(std::string_view name);
std::string_view NamespaceTypeName(NamespaceType type);
// The CLONE_NEW* flag of the type.
int NamespaceFlag(NamespaceType type);

}  // namespace runsc::spec
