// SPDX-License-Identifier: Apache-2.0
// The readers of the sections of config.json, one file each, and what they share. Private to runsc/spec.
#pragma once

#include <string_view>

#include "runsc/spec/json_reader.h"
#include "runsc/spec/spec.h"

namespace runsc::spec {

bool Read(const Node& node, Process* out);    // parse_process.cc
bool Read(const Node& node, IdMapping* out);  // parse_linux.cc
bool Read(const Node& node, Linux* out);      // parse_linux.cc
bool Read(const Node& node, Resources* out);  // parse_resources.cc
bool Read(const Node& node, Seccomp* out);    // parse_seccomp.cc

// One of a list of names.
template <typename T>
struct EnumName {
  std::string_view name;
  T value;
};

bool FailUnknownName(const Node& node, std::string_view what, std::string_view found);

// Reads a string that must be in `names`: "unknown <what> \"<found>\"".
template <typename T, size_t N>
bool ReadEnum(const Node& node, std::string_view what, const EnumName<T> (&names)[N], T* out) {
  std::string text;
  if (!Read(node, &text)) return false;
  for (const EnumName<T>& entry : names) {
    if (entry.name == text) {
      *out = entry.value;
      return true;
    }
  }
  return FailUnknownName(node, what, text);
}

// Reads a string that must be an absolute path.
bool ReadAbsolutePath(const Node& node, std::string* out);

}  // namespace runsc::spec
