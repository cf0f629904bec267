// SPDX-License-Identifier: Apache-2.0
// Typed reading of a JSON document. Every failure becomes one message of the form "<file>: <path>: <what is wrong>",
// where the path is written as in process.args[2]. Only the first failure is kept. null counts as absent everywhere, as
// it does for the engines' own (Go) readers; unknown members are ignored. Include from .cc files only: the JSON header
// is heavy.
#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace runsc::spec {

// What all nodes of one document share.
struct Document {
  std::string name;   // How messages call the file.
  std::string error;  // Empty while nothing failed.
};

// One value and how to get to it. Cheap to copy but for its path.
class Node {
 public:
  Node(const nlohmann::json& value, std::string path, Document& document)
      : value_(&value), path_(std::move(path)), document_(&document) {}

  const nlohmann::json& value() const { return *value_; }
  const std::string& path() const { return path_; }
  Document& document() const { return *document_; }

  // Records the failure, unless there is one already. Always false.
  bool Fail(std::string_view message) const;
  // Fail("expected <expected>, found <type of the value>").
  bool FailType(std::string_view expected) const;
  Node Member(std::string_view name, const nlohmann::json& value) const;
  Node Element(size_t index) const;

 private:
  const nlohmann::json* value_;
  std::string path_;
  Document* document_;
};

bool Read(const Node& node, std::string* out);
bool Read(const Node& node, bool* out);
// Integers only: "expected an integer from 0 to 65535, found 70000".
bool ReadInteger(const Node& node, int64_t least, uint64_t most, uint64_t* out);

template <std::integral T>
bool Read(const Node& node, T* out) {
  uint64_t value = 0;
  if (!ReadInteger(node, std::numeric_limits<T>::min(), std::numeric_limits<T>::max(), &value)) return false;
  *out = static_cast<T>(value);
  return true;
}

template <typename T>
bool Read(const Node& node, std::optional<T>* out) {
  T value{};
  if (!Read(node, &value)) return false;
  *out = std::move(value);
  return true;
}

// Reads an array with `read` (bool(const Node&, T*)) for the elements.
template <typename T, typename F>
bool ReadArray(const Node& node, std::vector<T>* out, F&& read) {
  if (!node.value().is_array()) return node.FailType("an array");
  out->clear();
  out->reserve(node.value().size());
  for (size_t i = 0; i < node.value().size(); ++i) {
    if (!read(node.Element(i), &out->emplace_back())) return false;
  }
  return true;
}

template <typename T>
bool Read(const Node& node, std::vector<T>* out) {
  return ReadArray(node, out, [](const Node& element, T* value) { return Read(element, value); });
}

template <typename T>
bool Read(const Node& node, std::map<std::string, T>* out) {
  if (!node.value().is_object()) return node.FailType("an object");
  out->clear();
  for (const auto& [name, value] : node.value().items()) {
    if (value.is_null()) continue;
    if (!Read(node.Member(name, value), &(*out)[name])) return false;
  }
  return true;
}

// The members of one object. Calls after a failure do nothing.
class Object {
 public:
  explicit Object(const Node& node) : node_(node), ok_(node.value().is_object() || node.FailType("an object")) {}

  bool ok() const { return ok_; }
  const Node& node() const { return node_; }

  template <typename T>
  Object& Optional(const char* name, T* out) {
    return OptionalWith(name, [out](const Node& node) { return Read(node, out); });
  }
  template <typename T>
  Object& Required(const char* name, T* out) {
    return RequiredWith(name, [out](const Node& node) { return Read(node, out); });
  }
  template <typename F>
  Object& OptionalWith(const char* name, F&& read) {
    if (const nlohmann::json* value = Find(name)) ok_ = read(node_.Member(name, *value));
    return *this;
  }
  template <typename F>
  Object& RequiredWith(const char* name, F&& read) {
    if (!ok_) return *this;
    const nlohmann::json* value = Find(name);
    ok_ = value != nullptr ? read(node_.Member(name, *value)) : MissingMember(name);
    return *this;
  }

 private:
  // Null when absent, null, or after a failure.
  const nlohmann::json* Find(const char* name) const;
  bool MissingMember(const char* name) const;

  Node node_;
  bool ok_;
};

// Parses `text`; on a syntax error returns false and document.error says line, column and byte.
bool ParseJson(std::string_view text, Document& document, nlohmann::json* out);

}  // namespace runsc::spec
