// SPDX-License-Identifier: Apache-2.0
#include "runsc/control/connection.h"

#include <sys/socket.h>

#include <csignal>

#include "runsc/control/control.pb.h"
#include "runsc/spec/parse.h"

namespace runsc::control {
namespace {

constexpr size_t kExecDescriptors = 3;

SignalTarget TargetOf(wire::Signal::Target target) {
  switch (target) {
    case wire::Signal::ALL:
      return SignalTarget::kAll;
    case wire::Signal::PROCESS:
      return SignalTarget::kProcess;
    case wire::Signal::GROUP:
      return SignalTarget::kGroup;
    case wire::Signal::FOREGROUND:
      return SignalTarget::kForeground;
    default:
      return SignalTarget::kInit;
  }
}

void FillProcesses(const std::vector<ProcessInfo>& processes, wire::Processes* out) {
  for (const ProcessInfo& info : processes) {
    wire::Process* process = out->add_processes();
    process->set_pid(info.pid);
    process->set_parent(info.parent);
    process->set_uid(info.uid);
    process->set_threads(info.threads);
    process->set_terminal(info.terminal);
    process->set_start_realtime_ns(info.start_realtime_ns);
    process->set_cpu_ns(info.cpu_ns);
    process->set_command(info.command);
  }
}

}  // namespace

Connection::~Connection() {
  for (const auto& [sequence, pid] : running_) {
    control_.Signal(SignalTarget::kProcess, pid, SIGKILL).IgnoreError();
  }
}

bool Connection::Serve() {
  for (;;) {
    StatusOr<Packet> packet = ReceivePacket(socket_.get(), MSG_DONTWAIT);
    if (!packet.ok()) return absl::IsUnavailable(packet.status());
    if (packet->end || !Handle(std::move(*packet))) return false;
  }
}

bool Connection::Handle(Packet packet) {
  wire::Request request;
  if (!request.ParseFromString(packet.bytes)) return false;
  wire::Response response;
  response.set_sequence(request.sequence());
  bool answer = true;
  Status status = Dispatch(request, packet, response, &answer);
  if (!status.ok()) response.set_error(Message(status));
  return !answer || Send(response);
}

// `answer` becomes false when the response comes later, or has been sent.
Status Connection::Dispatch(const wire::Request& request, Packet& packet, wire::Response& response, bool* answer) {
  switch (request.request_case()) {
    case wire::Request::kStart:
      return control_.StartRoot();
    case wire::Request::kSignal: {
      const wire::Signal& signal = request.signal();
      return control_.Signal(TargetOf(signal.target()), signal.pid(), signal.signal());
    }
    case wire::Request::kWait: {
      Status status = control_.Wait(request.wait().pid(), complete_(id_, request.sequence()));
      *answer = !status.ok();
      return status;
    }
    case wire::Request::kExec: {
      Status status = Exec(request, packet);
      *answer = !status.ok();
      return status;
    }
    case wire::Request::kListProcesses:
      FillProcesses(control_.Processes(), response.mutable_processes());
      return absl::OkStatus();
    case wire::Request::kShutdown:
      *answer = false;
      control_.Shutdown();
      return absl::OkStatus();
    default:
      return InvalidInput("unknown request");
  }
}

Status Connection::Exec(const wire::Request& request, Packet& packet) {
  if (packet.fds.size() != kExecDescriptors) return InvalidInput("exec needs three descriptors");
  ExecRequest exec;
  exec.process = TRY_STATUS(spec::ParseProcess(request.exec().process(), "process"));
  for (size_t i = 0; i < kExecDescriptors; ++i) exec.stdio[i] = std::move(packet.fds[i]);
  exec.terminal = request.exec().terminal();
  int pid = TRY_STATUS(control_.Exec(std::move(exec), complete_(id_, request.sequence())));
  // The end of the process is told through the server's queue, that is, after this.
  running_[request.sequence()] = pid;
  wire::Response response;
  response.set_sequence(request.sequence());
  response.mutable_started()->set_pid(pid);
  Send(response);
  return absl::OkStatus();
}

bool Connection::SendExited(uint64_t sequence, int wait_status) {
  running_.erase(sequence);
  wire::Response response;
  response.set_sequence(sequence);
  response.mutable_exited()->set_wait_status(wait_status);
  return Send(response);
}

bool Connection::Send(const wire::Response& response) {
  std::string bytes = response.SerializeAsString();
  // A client that does not read what it asked for is dropped: the server must not wait for it.
  return send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;
}

}  // namespace runsc::control
