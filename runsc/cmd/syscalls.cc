// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "runsc/cmd/options.h"
#include "syscalls/table.h"

namespace runsc {
namespace {

struct Row {
  uint32_t number;
  std::string name;
  std::string support;
  std::string note;
};

const char* SupportName(syscalls::Support support) {
  switch (support) {
    case syscalls::Support::kFull:
      return "full";
    case syscalls::Support::kPartial:
      return "partial";
    default:
      return "none";
  }
}

std::vector<Row> Rows() {
  std::vector<Row> rows;
  syscalls::ForEachSyscall(
      [](void* argument, uint32_t number, const char* name, syscalls::Support support, const char* note) {
        static_cast<std::vector<Row>*>(argument)->push_back({number, name, SupportName(support), note});
      },
      &rows);
  return rows;
}

void PrintMarkdown(const std::vector<Row>& rows) {
  size_t full = 0;
  size_t partial = 0;
  for (const Row& row : rows) {
    full += row.support == "full" ? 1 : 0;
    partial += row.support == "partial" ? 1 : 0;
  }
  printf(
      "# System calls\n\nWritten by `runsc syscalls --format=md`; do not edit. Of the %zu system calls of x86-64 "
      "Linux, "
      "%zu are complete,\n%zu are there in part, the rest answer ENOSYS.\n\n",
      rows.size(), full, partial);
  puts("| number | name | support | note |\n|---:|---|---|---|");
  for (const Row& row : rows) {
    printf("| %u | %s | %s | %s |\n", row.number, row.name.c_str(), row.support.c_str(), row.note.c_str());
  }
}

}  // namespace

StatusOr<int> SyscallsCommand(CommandLine& line) {
  std::string format = "table";
  Options options(line, "List the system calls and how much of each is there");
  options.app().add_option("--format,-f", format, "table, json or md")->check(CLI::IsMember({"table", "json", "md"}));
  if (!TRY_STATUS(options.Parse())) return 0;
  std::vector<Row> rows = Rows();
  if (format == "md") {
    PrintMarkdown(rows);
    return 0;
  }
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const Row& row : rows) {
    if (format == "table") {
      printf("%4u  %-24s %-8s %s\n", row.number, row.name.c_str(), row.support.c_str(), row.note.c_str());
    }
    json.push_back({{"number", row.number}, {"name", row.name}, {"support", row.support}, {"note", row.note}});
  }
  if (format == "json") puts(json.dump(1).c_str());
  return 0;
}

}  // namespace runsc
