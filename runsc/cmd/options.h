// SPDX-License-Identifier: Apache-2.0
// Parsing a verb's arguments with CLI11.
#pragma once

#include <memory>
#include <string>

#include "runsc/cmd/command.h"

namespace CLI {
class App;
}

namespace runsc {

struct CreateOptions;

class Options {
 public:
  // `usage`: what stands behind the verb in the help text. With `stop_at_id` the options end at the first argument that
  // is not one; it and all that follows is rest().
  Options(const CommandLine& line, std::string_view summary, bool stop_at_id = false);
  ~Options();

  // For <CLI/CLI.hpp>.
  CLI::App& app() { return *app_; }
  // The container's id, a required positional argument.
  void AddId(std::string* id);
  void AddCreateFlags(CreateOptions* options);

  // False if only the help text was asked for (and printed).
  StatusOr<bool> Parse();
  std::vector<std::string> rest() const;

 private:
  const CommandLine& line_;
  std::unique_ptr<CLI::App> app_;
  bool ignored_ = false;
};

}  // namespace runsc
