// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/unique_fd.h"
#include "gofer/protocol/channel.h"
#include "gofer/protocol/gofer.pb.h"
#include "gofer/server/gofer.h"

namespace gofer::testing {

// A directory of its own below the system's temporary directory, removed with all it holds.
class TempDirectory {
 public:
  TempDirectory();
  ~TempDirectory();
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;

  const std::string& path() const { return path_; }
  std::string Join(std::string_view name) const { return path_ + "/" + std::string(name); }
  void Write(std::string_view name, std::string_view text) const;
  std::string Read(std::string_view name) const;

 private:
  std::string path_;
};

// How many descriptors this process has open.
size_t CountDescriptors();

// A gofer on a thread of this process, serving `directory` (mount 0) and the same read-only (mount 1); `edit` may
// change the configuration. Ends, and is waited for, when socket() and all clones are closed.
class ServerThread {
 public:
  explicit ServerThread(const std::string& directory, const std::function<void(Config&)>& edit = {});
  ~ServerThread();

  // The client's end; give it away or it is closed by the destructor.
  base::UniqueFd& socket() { return socket_; }
  // Closes socket() and returns RunGofer's result; once.
  int Join();

 private:
  base::UniqueFd socket_;
  std::thread thread_;
  int result_ = -1;
};

// A client that says exactly what a test wants it to say.
class Client {
 public:
  explicit Client(base::UniqueFd socket) : channel_(std::move(socket)) {}

  // Sends a batch and returns the response; aborts the test process if the connection is gone.
  wire::Response Call(const wire::Request& request);
  // One operation, one result.
  wire::Result Do(const wire::Operation& operation);
  // True if the server closes the connection instead of answering.
  bool Refused(const wire::Request& request);

  // Shorthands. Those that return an id abort on errors.
  void Hello();
  uint64_t Attach(uint32_t mount = 0);
  wire::Result Walk(uint64_t node, const std::vector<std::string>& names);
  uint64_t Find(uint64_t node, const std::vector<std::string>& names);
  wire::Result Create(uint64_t parent, const std::string& name, uint32_t mode, const std::string& target = "");

  Channel& channel() { return channel_; }
  // Of the last response.
  std::vector<base::UniqueFd>& descriptors() { return descriptors_; }

 private:
  Channel channel_;
  std::vector<base::UniqueFd> descriptors_;
};

}  // namespace gofer::testing
