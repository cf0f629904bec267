// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/socket.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/ref.h"
#include "base/result.h"
#include "base/wait_queue.h"
#include "sentry/net/socket/socket_message.h"

namespace sentry {

class Socket;

// Which queue tells that another attempt may succeed, when one said EAGAIN: the socket's own unless it was filled in
// (the queue of the socket at the other end, when that one is full).
struct WaitPoint {
  base::RefPtr<Socket> owner;
  base::WaitQueue* queue = nullptr;
};

// What all sockets keep for SOL_SOCKET, whatever they do with it (socket(7)).
struct SocketSettings {
  bool reuse_address = false, reuse_port = false, keep_alive = false, broadcast = false, out_of_band_inline = false;
  bool linger = false, debug = false, no_route = false;
  int linger_seconds = 0;
  int priority = 0, mark = 0;
};

// An endpoint of communication: what a family implements (socket(2)). Guests reach it through a SocketDescription;
// a connection that was not accepted yet has none. Nothing here ever sleeps: Try* operations that cannot proceed return
// EAGAIN, whatever O_NONBLOCK says. Thread-safe.
class Socket : public base::RefCounted {
 public:
  struct Kind {
    int family = 0;
    int type = 0;
    int protocol = 0;
  };
  const Kind& kind() const { return kind_; }

  // --- Names. `address` is the guest's, unchecked.
  virtual base::Result<void> Bind(const SocketCaller& caller, const SocketAddress& address) = 0;
  virtual base::Result<SocketAddress> LocalAddress() = 0;
  // ENOTCONN.
  virtual base::Result<SocketAddress> PeerAddress() = 0;

  // --- Connections.
  virtual base::Result<void> TryConnect(const SocketCaller& caller, const SocketAddress& address, WaitPoint& wait) = 0;
  // Default for both: EOPNOTSUPP.
  virtual base::Result<void> Listen(const SocketCaller& caller, int backlog);
  virtual base::Result<base::RefPtr<Socket>> TryAccept();
  // `how`: SHUT_RD, SHUT_WR, SHUT_RDWR; checked.
  virtual base::Result<void> Shutdown(int how) = 0;

  // --- Data. Bytes that were sent; at the end of a stream 0 bytes are received.
  virtual base::Result<size_t> TrySend(const SocketCaller& caller, OutgoingMessage& message, WaitPoint& wait) = 0;
  virtual base::Result<size_t> TryReceive(vfs::Context& context, IncomingMessage& message) = 0;
  // Whether a call that got EPIPE raises SIGPIPE.
  bool raises_sigpipe() const { return kind_.type == SOCK_STREAM; }
  // Whether bytes have no borders: a call that waits goes on until all of them went through.
  bool is_stream() const { return kind_.type == SOCK_STREAM; }

  // --- Options. getsockopt(2): at most `room` bytes of the value are of use. ENOPROTOOPT, and what the option says.
  base::Result<std::string> GetOption(vfs::Context& context, int level, int name, size_t room);
  base::Result<void> SetOption(vfs::Context& context, int level, int name, std::string_view value);
  // CLOCK_MONOTONIC durations; base::kForever: no limit.
  int64_t receive_timeout_ns() const { return receive_timeout_ns_.load(std::memory_order_relaxed); }
  int64_t send_timeout_ns() const { return send_timeout_ns_.load(std::memory_order_relaxed); }
  // SO_RCVLOWAT: bytes a stream waits for.
  int receive_low_water() const { return receive_low_water_.load(std::memory_order_relaxed); }

  // Events of poll(2), and the queue that is notified when it gains some.
  virtual base::EventMask Readiness() = 0;
  base::WaitQueue& wait_queue() { return wait_queue_; }
  // Default: ENOTTY.
  virtual base::Result<uint64_t> Ioctl(vfs::Context& context, uint32_t request, uint64_t argument);

  // The description made for it; the last reference to that is gone. Called once each, in this order, if at all.
  virtual void Described(vfs::FileDescription&) {}
  virtual void Close() = 0;

  // Sizes of buffers (socket(7)), as getsockopt shows them.
  static constexpr int kDefaultBuffer = 212992;
  static constexpr int kMaxBuffer = 212992;  // net.core.wmem_max, rmem_max: of what is asked for, half of what is set.
  static constexpr int kMinSendBuffer = 4608;
  static constexpr int kMinReceiveBuffer = 2304;
  static constexpr int kMaxBacklog = 4096;  // net.core.somaxconn

 protected:
  explicit Socket(Kind kind) : settings_(kSettingsLock), kind_(kind) {}

  // Options of SOL_SOCKET that families answer themselves, and those of other levels. Default: ENOPROTOOPT, and
  // EOPNOTSUPP for other levels.
  virtual base::Result<std::string> GetFamilyOption(vfs::Context& context, int level, int name, size_t room);
  virtual base::Result<void> SetFamilyOption(vfs::Context& context, int level, int name, std::string_view value);
  virtual bool IsListening() = 0;
  // SO_ERROR: the pending error, once; 0.
  int TakeError() { return error_.exchange(0, std::memory_order_acq_rel); }
  void SetError(int code) { error_.store(code, std::memory_order_release); }
  bool has_error() const { return error_.load(std::memory_order_acquire) != 0; }
  int send_buffer() const { return send_buffer_.load(std::memory_order_relaxed); }

  base::WaitQueue wait_queue_;

 private:
  base::Result<std::string> GetSocketOption(vfs::Context& context, int name, size_t room);
  base::Result<void> SetSocketOption(vfs::Context& context, int name, std::string_view value);

  static base::LockClass kSettingsLock;
  base::Guarded<SocketSettings> settings_;
  const Kind kind_;
  std::atomic<int> error_{0};
  std::atomic<int> send_buffer_{kDefaultBuffer}, receive_buffer_{kDefaultBuffer};
  std::atomic<int> receive_low_water_{1};
  std::atomic<int64_t> receive_timeout_ns_{base::kForever}, send_timeout_ns_{base::kForever};
};

// An int in an option's value. EINVAL when it is too short.
base::Result<int> OptionInt(std::string_view value);
template <typename T>
std::string OptionBytes(const T& value) {
  std::string bytes(sizeof(value), '\0');
  memcpy(bytes.data(), &value, sizeof(value));
  return bytes;
}

}  // namespace sentry
