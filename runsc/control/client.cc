// SPDX-License-Identifier: Apache-2.0
#include "runsc/control/client.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "runsc/control/control.pb.h"
#include "runsc/util/packet.h"

namespace runsc::control {
namespace {

constexpr char kSocketName[] = "control";
constexpr int kBacklog = 128;

// The address of the socket in a directory, by its descriptor: paths of state directories may be longer than the 107
// bytes that a socket address holds.
sockaddr_un Address(int directory) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::string path = "/proc/self/fd/" + std::to_string(directory) + "/" + kSocketName;
  memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

StatusOr<base::UniqueFd> OpenDirectory(const std::string& path) {
  base::UniqueFd fd(open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return SystemError(path);
  return fd;
}

StatusOr<base::UniqueFd> NewSocket() {
  base::UniqueFd socket_fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!socket_fd) return SystemError("socket");
  return socket_fd;
}

wire::Signal::Target WireTarget(SignalTarget target) {
  switch (target) {
    case SignalTarget::kInit:
      return wire::Signal::INIT;
    case SignalTarget::kAll:
      return wire::Signal::ALL;
    case SignalTarget::kProcess:
      return wire::Signal::PROCESS;
    case SignalTarget::kGroup:
      return wire::Signal::GROUP;
    case SignalTarget::kForeground:
      return wire::Signal::FOREGROUND;
  }
  return wire::Signal::INIT;
}

Status Send(int socket, const wire::Request& request, const std::vector<int>& fds = {}) {
  return SendPacket(socket, request.SerializeAsString(), fds);
}

StatusOr<wire::Response> ReceiveResponse(int socket) {
  Packet packet = TRY_STATUS(ReceivePacket(socket));
  if (packet.end) return NotFound("the sandbox has ended");
  wire::Response response;
  if (!response.ParseFromString(packet.bytes)) return Failed("the sandbox sent a message that does not parse");
  return response;
}

// Sends the request and waits for its response, passing over others.
StatusOr<wire::Response> Ask(int socket, const wire::Request& request, const std::vector<int>& fds = {}) {
  RETURN_IF_ERROR(Send(socket, request, fds));
  for (;;) {
    wire::Response response = TRY_STATUS(ReceiveResponse(socket));
    if (response.sequence() != request.sequence()) continue;
    if (!response.error().empty()) return Failed(response.error());
    return response;
  }
}

wire::Request SignalRequest(uint64_t sequence, SignalTarget target, int pid, int signal) {
  wire::Request request;
  request.set_sequence(sequence);
  request.mutable_signal()->set_target(WireTarget(target));
  request.mutable_signal()->set_pid(pid);
  request.mutable_signal()->set_signal(signal);
  return request;
}

}  // namespace

StatusOr<base::UniqueFd> Listen(const std::string& container_directory) {
  base::UniqueFd directory = TRY_STATUS(OpenDirectory(container_directory));
  base::UniqueFd socket_fd = TRY_STATUS(NewSocket());
  sockaddr_un address = Address(directory.get());
  void* bytes = &address;
  if (bind(socket_fd.get(), static_cast<sockaddr*>(bytes), sizeof(address)) != 0 ||
      listen(socket_fd.get(), kBacklog) != 0) {
    return SystemError(container_directory + "/" + kSocketName);
  }
  return socket_fd;
}

StatusOr<Client> Client::Connect(const std::string& container_directory) {
  base::UniqueFd directory = TRY_STATUS(OpenDirectory(container_directory));
  base::UniqueFd socket_fd = TRY_STATUS(NewSocket());
  sockaddr_un address = Address(directory.get());
  void* bytes = &address;
  if (connect(socket_fd.get(), static_cast<sockaddr*>(bytes), sizeof(address)) != 0) {
    if (errno == ECONNREFUSED || errno == ENOENT) return NotFound("the sandbox has ended");
    return SystemError("connecting to " + container_directory + "/" + kSocketName);
  }
  return Client(std::move(socket_fd));
}

Status Client::Start() {
  wire::Request request;
  request.set_sequence(++last_sequence_);
  request.mutable_start();
  return Ask(socket_.get(), request).status();
}

Status Client::Signal(SignalTarget target, int pid, int signal) {
  return Ask(socket_.get(), SignalRequest(++last_sequence_, target, pid, signal)).status();
}

Status Client::SendSignal(SignalTarget target, int pid, int signal) {
  return Send(socket_.get(), SignalRequest(++last_sequence_, target, pid, signal));
}

StatusOr<std::vector<ProcessInfo>> Client::Processes() {
  wire::Request request;
  request.set_sequence(++last_sequence_);
  request.mutable_list_processes();
  wire::Response response = TRY_STATUS(Ask(socket_.get(), request));
  std::vector<ProcessInfo> processes;
  for (const wire::Process& process : response.processes().processes()) {
    ProcessInfo& info = processes.emplace_back();
    info.pid = process.pid();
    info.parent = process.parent();
    info.uid = process.uid();
    info.threads = process.threads();
    info.terminal = process.terminal();
    info.start_realtime_ns = process.start_realtime_ns();
    info.cpu_ns = process.cpu_ns();
    info.command = process.command();
  }
  return processes;
}

StatusOr<int> Client::Wait(int pid) {
  wire::Request request;
  request.set_sequence(++last_sequence_);
  request.mutable_wait()->set_pid(pid);
  wire::Response response = TRY_STATUS(Ask(socket_.get(), request));
  return response.exited().wait_status();
}

StatusOr<int> Client::Exec(const std::string& process_json, const std::array<int, 3>& stdio, bool terminal) {
  wire::Request request;
  exec_sequence_ = ++last_sequence_;
  request.set_sequence(exec_sequence_);
  request.mutable_exec()->set_process(process_json);
  request.mutable_exec()->set_terminal(terminal);
  wire::Response response = TRY_STATUS(Ask(socket_.get(), request, {stdio[0], stdio[1], stdio[2]}));
  return response.started().pid();
}

StatusOr<int> Client::WaitExited() {
  wire::Response response = TRY_STATUS(ReceiveResponse(socket_.get()));
  if (response.sequence() != exec_sequence_ || !response.has_exited()) return -1;
  return response.exited().wait_status();
}

Status Client::Shutdown() {
  wire::Request request;
  request.set_sequence(++last_sequence_);
  request.mutable_shutdown();
  return Send(socket_.get(), request);
}

}  // namespace runsc::control
