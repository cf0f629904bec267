// SPDX-License-Identifier: Apache-2.0
#include "runsc/spec/json_reader.h"

#include <algorithm>

namespace runsc::spec {
namespace {

// The longest piece of a value that a message quotes.
constexpr size_t kMaxQuoted = 64;

std::string TypeName(const nlohmann::json& value) {
  switch (value.type()) {
    case nlohmann::json::value_t::null:
      return "null";
    case nlohmann::json::value_t::object:
      return "object";
    case nlohmann::json::value_t::array:
      return "array";
    case nlohmann::json::value_t::string:
      return "string";
    case nlohmann::json::value_t::boolean:
      return "boolean";
    default:
      return "number";
  }
}

std::string Quote(const nlohmann::json& value) {
  std::string text = value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  if (text.size() > kMaxQuoted) text = text.substr(0, kMaxQuoted) + "...";
  return text;
}

// Accepts everything; remembers where and why parsing stopped.
class ErrorFinder : public nlohmann::json_sax<nlohmann::json> {
 public:
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override { return true; }
  bool key(string_t&) override { return true; }
  bool end_object() override { return true; }
  bool start_array(std::size_t) override { return true; }
  bool end_array() override { return true; }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception& error) override {
    position_ = position;
    reason_ = error.what();
    // "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error while ..."
    size_t start = reason_.find(": ");
    if (start != std::string::npos) reason_.erase(0, start + 2);
    return false;
  }

  size_t position() const { return position_; }
  const std::string& reason() const { return reason_; }

 private:
  size_t position_ = 0;
  std::string reason_ = "not a JSON text";
};

}  // namespace

bool Node::Fail(std::string_view message) const {
  if (document_->error.empty()) {
    document_->error = document_->name + ": " + (path_.empty() ? "" : path_ + ": ") + std::string(message);
  }
  return false;
}

bool Node::FailType(std::string_view expected) const {
  return Fail("expected " + std::string(expected) + ", found " + TypeName(*value_));
}

Node Node::Member(std::string_view name, const nlohmann::json& value) const {
  std::string path = path_;
  if (!path.empty()) path += '.';
  path += name;
  return Node(value, std::move(path), *document_);
}

Node Node::Element(size_t index) const {
  return Node((*value_)[index], path_ + "[" + std::to_string(index) + "]", *document_);
}

bool Read(const Node& node, std::string* out) {
  if (!node.value().is_string()) return node.FailType("a string");
  const auto& text = node.value().get_ref<const std::string&>();
  // Every string of the document ends in a path, an argument or a name of the kernel: none can hold a NUL.
  if (text.find('\0') != std::string::npos) return node.Fail("contains a NUL character");
  *out = text;
  return true;
}

bool Read(const Node& node, bool* out) {
  if (!node.value().is_boolean()) return node.FailType("true or false");
  *out = node.value().get<bool>();
  return true;
}

bool ReadInteger(const Node& node, int64_t least, uint64_t most, uint64_t* out) {
  const nlohmann::json& value = node.value();
  if (!value.is_number()) return node.FailType("an integer");
  bool in_range = false;
  if (value.is_number_unsigned()) {
    *out = value.get<uint64_t>();
    in_range = *out <= most;
  } else if (value.is_number_integer()) {
    int64_t number = value.get<int64_t>();
    *out = static_cast<uint64_t>(number);
    in_range = number >= least && (number < 0 || static_cast<uint64_t>(number) <= most);
  }
  if (in_range) return true;
  return node.Fail("expected an integer from " + std::to_string(least) + " to " + std::to_string(most) + ", found " +
                   Quote(value));
}

const nlohmann::json* Object::Find(const char* name) const {
  if (!ok_) return nullptr;
  auto it = node_.value().find(name);
  if (it == node_.value().end() || it->is_null()) return nullptr;
  return &*it;
}

bool Object::MissingMember(const char* name) const {
  static const nlohmann::json kNone;
  return node_.Member(name, kNone).Fail("missing");
}

bool ParseJson(std::string_view text, Document& document, nlohmann::json* out) {
  *out = nlohmann::json::parse(text, nullptr, false);
  if (!out->is_discarded()) return true;
  ErrorFinder finder;
  nlohmann::json::sax_parse(text, &finder);
  size_t byte = std::min(finder.position() > 0 ? finder.position() - 1 : 0, text.size());
  size_t line = 1 + std::count(text.begin(), text.begin() + byte, '\n');
  document.error =
      document.name + ": line " + std::to_string(line) + ", byte " + std::to_string(byte) + ": " + finder.reason();
  return false;
}

}  // namespace runsc::spec
