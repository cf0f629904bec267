// SPDX-License-Identifier: Apache-2.0
#include "gofer/server/testing/client.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "gtest/gtest.h"

namespace gofer::testing {

TempDirectory::TempDirectory() {
  std::string name = (std::filesystem::temp_directory_path() / "gofer-test-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) abort();
  path_ = name;
}

TempDirectory::~TempDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void TempDirectory::Write(std::string_view name, std::string_view text) const { std::ofstream(Join(name)) << text; }

std::string TempDirectory::Read(std::string_view name) const {
  std::ifstream file(Join(name));
  return std::string(std::istreambuf_iterator<char>(file), {});
}

size_t CountDescriptors() {
  size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
  return count - 1;  // The iterator's own.
}

ServerThread::ServerThread(const std::string& directory, const std::function<void(Config&)>& edit) {
  auto [ours, theirs] = MUST(Channel::MakePair());
  socket_ = std::move(ours);
  Config config;
  for (bool read_only : {false, true}) {
    config.mounts.push_back(
        {.root = base::UniqueFd(open(directory.c_str(), O_PATH | O_CLOEXEC)), .read_only = read_only});
  }
  if (edit) edit(config);
  thread_ = std::thread([this, end = std::move(theirs), config = std::move(config)]() mutable {
    result_ = RunGofer(std::move(end), std::move(config));
  });
}

ServerThread::~ServerThread() {
  if (thread_.joinable()) Join();
}

int ServerThread::Join() {
  socket_.Reset();
  thread_.join();
  return result_;
}

wire::Response Client::Call(const wire::Request& request) {
  MUST(channel_.Send(request, {}));
  wire::Response response;
  MUST(channel_.Receive(response, descriptors_));
  return response;
}

wire::Result Client::Do(const wire::Operation& operation) {
  wire::Request request;
  *request.add_operations() = operation;
  wire::Response response = Call(request);
  if (response.results_size() != 1) abort();
  return response.results(0);
}

bool Client::Refused(const wire::Request& request) {
  if (!channel_.Send(request, {}).ok()) return true;
  wire::Response response;
  return !channel_.Receive(response, descriptors_).ok();
}

void Client::Hello() {
  wire::Operation operation;
  operation.mutable_hello()->set_version(kProtocolVersion);
  if (Do(operation).error() != 0) abort();
}

uint64_t Client::Attach(uint32_t mount) {
  wire::Operation operation;
  operation.mutable_attach()->set_mount(mount);
  return Do(operation).nodes(0).id();
}

wire::Result Client::Walk(uint64_t node, const std::vector<std::string>& names) {
  wire::Operation operation;
  operation.mutable_walk()->set_node(node);
  for (const std::string& name : names) operation.mutable_walk()->add_names(name);
  return Do(operation);
}

uint64_t Client::Find(uint64_t node, const std::vector<std::string>& names) {
  wire::Result result = Walk(node, names);
  if (result.error() != 0) abort();
  return result.nodes(result.nodes_size() - 1).id();
}

wire::Result Client::Create(uint64_t parent, const std::string& name, uint32_t mode, const std::string& target) {
  wire::Operation operation;
  wire::Create& create = *operation.mutable_create();
  create.set_parent(parent);
  create.set_name(name);
  create.set_mode(mode);
  create.set_uid(getuid());
  create.set_gid(getgid());
  create.set_target(target);
  return Do(operation);
}

}  // namespace gofer::testing
