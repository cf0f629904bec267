// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/mutex.h"
#include "base/ref.h"
#include "base/result.h"
#include "sentry/net/network_namespace.h"
#include "sentry/net/socket/socket.h"
#include "sentry/net/socket/unix/unix_address.h"
#include "sentry/net/socket/unix/unix_message.h"

namespace sentry {

// A socket of AF_UNIX (unix(7)): stream, datagram or sequenced packets. By verb: unix_socket.cc (life, names, state),
// unix_connect.cc, unix_send.cc, unix_receive.cc, unix_options.cc.
//
// A message goes into the receive queue of the socket at the other end and counts against the send buffer of its sender
// until it was read. Connected streams point at each other; a socket that was closed stays as long as its peer points
// at it, and says who it was.
//
// Locks: read_mutex_ (one reader at a time; only readers take messages out, so that they copy without the lock of the
// queue) < mutex_. Never those of two sockets at once. Nobody is notified under mutex_.
class UnixSocket final : public Socket {
 public:
  // ESOCKTNOSUPPORT, EPROTONOSUPPORT.
  static base::Result<base::RefPtr<UnixSocket>> Create(NetworkNamespace& network, Kind kind);
  using Pair = std::pair<base::RefPtr<UnixSocket>, base::RefPtr<UnixSocket>>;
  static base::Result<Pair> CreatePair(vfs::Context& context, NetworkNamespace& network, Kind kind);

  base::Result<void> Bind(const SocketCaller& caller, const SocketAddress& address) override;
  base::Result<SocketAddress> LocalAddress() override;
  base::Result<SocketAddress> PeerAddress() override;
  base::Result<void> TryConnect(const SocketCaller& caller, const SocketAddress& address, WaitPoint& wait) override;
  base::Result<void> Listen(const SocketCaller& caller, int backlog) override;
  base::Result<base::RefPtr<Socket>> TryAccept() override;
  base::Result<void> Shutdown(int how) override;
  base::Result<size_t> TrySend(const SocketCaller& caller, OutgoingMessage& message, WaitPoint& wait) override;
  base::Result<size_t> TryReceive(vfs::Context& context, IncomingMessage& message) override;
  base::EventMask Readiness() override;
  base::Result<uint64_t> Ioctl(vfs::Context& context, uint32_t request, uint64_t argument) override;
  void Described(vfs::FileDescription& description) override;
  void Close() override;

  // --- For messages: what of the send buffer is in use.
  void Charge(size_t bytes) { in_use_.fetch_add(bytes, std::memory_order_relaxed); }
  void Uncharge(size_t bytes);

  // --- For the search for garbage.
  // Null before it has one, and at its end.
  vfs::FileDescription* description() const { return description_.load(std::memory_order_acquire); }
  // Where it waits to be accepted; null.
  UnixSocket* listener() const { return listener_.load(std::memory_order_acquire); }
  // All messages and connections that were not accepted go, unread.
  void DropQueue();

  // A line of /proc/net/unix.
  struct Summary {
    uint32_t references = 0;
    bool listening = false, connected = false;
    int type = 0;
    uint64_t inode = 0;  // 0: not accepted yet.
    UnixName name;
  };
  Summary Describe();

  // net.unix.max_dgram_qlen: datagrams that wait in a socket that does not talk back; one more is let in.
  static constexpr size_t kMaxDatagrams = 10;
  // The largest piece a stream is cut into.
  static constexpr size_t kMaxPiece = 64 * 1024;

 protected:
  ~UnixSocket() override;

 private:
  enum class State { kIdle, kListening, kConnected };
  static constexpr unsigned kShutRead = 1, kShutWrite = 2, kShutBoth = 3;

  // Who somebody was at a certain time (SO_PEERCRED).
  struct Identity {
    int32_t pid = 0;
    base::RefPtr<const vfs::Credentials> credentials;
  };
  static Identity IdentityOf(vfs::Context& context);

  // Passes what happens at the queue of a datagram socket's peer on to who waits for the socket itself.
  class PeerRelay : public base::Waiter {
   public:
    explicit PeerRelay(UnixSocket& socket);
    void Notified(base::EventMask events) override;

   private:
    UnixSocket& socket_;
  };

  UnixSocket(NetworkNamespace& network, Kind kind);
  template <typename T, typename... Args>
  friend base::RefPtr<T> base::MakeRef(Args&&... args);

  bool is_datagram() const { return kind().type == SOCK_DGRAM; }

  // --- Names.
  base::Result<void> BindPath(const SocketCaller& caller, const UnixName& name);
  base::Result<void> BindAbstract(const UnixName& name);
  // What passing credentials asks for: a name, if there is none.
  base::Result<void> NameIfPassing();
  base::Result<base::RefPtr<UnixSocket>> Find(const SocketCaller& caller, const SocketAddress& address);

  // --- Connections.
  base::Result<void> TryConnectStream(const SocketCaller& caller, const SocketAddress& address, WaitPoint& wait);
  base::Result<void> ConnectDatagram(const SocketCaller& caller, const SocketAddress& address);
  // Makes it an end of a connection before anybody else knows it.
  void BecomeConnected(base::RefPtr<UnixSocket> peer, UnixName name, Identity peer_identity);
  // The listener's part. ECONNREFUSED; EAGAIN: the backlog is full.
  base::Result<void> CheckOfferLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  base::Result<UnixName> CheckOffer() const;
  // Queues the server's end of a connection and says who listens.
  base::Result<Identity> Offer(base::RefPtr<UnixSocket> server_end);
  // A datagram socket's new peer; null: none.
  void SetDatagramPeer(base::RefPtr<UnixSocket> peer);
  // A datagram socket is connected to it no more.
  void DatagramPeerLeft(const UnixSocket& former);
  // The other end was closed; `reset`: with bytes it had not read.
  void PeerClosed(bool reset);
  void PeerShutdown(unsigned how);

  // --- Data.
  base::Result<size_t> SendStream(const SocketCaller& caller, OutgoingMessage& message);
  base::Result<size_t> TrySendPacket(const SocketCaller& caller, OutgoingMessage& message, WaitPoint& wait);
  base::Result<base::RefPtr<UnixSocket>> StreamPeer(const OutgoingMessage& message);
  // Where a packet goes; `named`: not to the peer.
  struct Receiver {
    base::RefPtr<UnixSocket> socket;
    bool named = false;
  };
  base::Result<Receiver> PacketReceiver(const SocketCaller& caller, const OutgoingMessage& message);
  // Whether a message of `from` may be queued now: EPIPE; packets also EPERM, ECONNREFUSED, EAGAIN.
  base::Result<void> CheckDeliveryLocked(const UnixSocket& from) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  base::Result<void> CheckDelivery(const UnixSocket& from) const;
  // Queues the message if it may; else it is still the caller's.
  base::Result<void> Deliver(const UnixSocket& from, std::unique_ptr<UnixMessage>& message);
  // Bytes of `data` as a message, all or none; who sent it, if somebody wants to know.
  base::Result<std::unique_ptr<UnixMessage>> MakeMessage(const SocketCaller& caller, vfs::IoSequence& data, size_t size,
                                                         const OutgoingMessage& message, const UnixSocket& receiver);
  bool HasSendRoom() const { return in_use_.load(std::memory_order_relaxed) < static_cast<size_t>(send_buffer()); }
  bool IsWritable() const { return in_use_.load(std::memory_order_relaxed) * 4 <= static_cast<size_t>(send_buffer()); }
  bool IsFullLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  base::Result<size_t> ReceiveStream(IncomingMessage& message);
  base::Result<size_t> ReceivePacket(IncomingMessage& message);
  // With read_mutex_ held: the message after `last` (null: the first).
  UnixMessage* Next(const UnixMessage* last) ABSL_EXCLUSIVE_LOCKS_REQUIRED(read_mutex_);
  // Where MSG_PEEK begins, and that so much was read or peeked.
  size_t PeekStart(const IncomingMessage& message) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(read_mutex_);
  void MovePeek(bool peeked, size_t count) ABSL_EXCLUSIVE_LOCKS_REQUIRED(read_mutex_);
  void FillFrom(const UnixMessage& from, IncomingMessage& message) const;
  // The outcome when there is nothing after `last`: 0 at the end, the pending error, EAGAIN.
  base::Result<size_t> NothingToRead(const IncomingMessage& message, const UnixMessage* last);

  base::Result<std::string> GetFamilyOption(vfs::Context& context, int level, int name, size_t room) override;
  base::Result<void> SetFamilyOption(vfs::Context& context, int level, int name, std::string_view value) override;
  bool IsListening() override;

  const base::RefPtr<NetworkNamespace> network_;
  std::atomic<vfs::FileDescription*> description_{nullptr};
  std::atomic<uint64_t> inode_number_{0};  // Of its description.
  std::atomic<UnixSocket*> listener_{nullptr};
  std::atomic<size_t> in_use_{0};
  std::atomic<bool> pass_credentials_{false};
  // Notified when a full queue, of messages or connections, is so no more.
  base::WaitQueue room_queue_;

  static base::LockClass kReadLock, kLock;
  base::Mutex read_mutex_;
  int peek_offset_ ABSL_GUARDED_BY(read_mutex_) = -1;  // SO_PEEK_OFF

  mutable base::Mutex mutex_;
  State state_ ABSL_GUARDED_BY(mutex_) = State::kIdle;
  bool connecting_ ABSL_GUARDED_BY(mutex_) = false;
  bool dead_ ABSL_GUARDED_BY(mutex_) = false;
  unsigned shutdown_ ABSL_GUARDED_BY(mutex_) = 0;
  base::RefPtr<UnixSocket> peer_ ABSL_GUARDED_BY(mutex_);
  PeerRelay relay_;  // Registered with the peer of a datagram socket; under mutex_.
  UnixName name_ ABSL_GUARDED_BY(mutex_);
  vfs::Path path_ ABSL_GUARDED_BY(mutex_);  // Of a name in the tree.
  Identity peer_identity_ ABSL_GUARDED_BY(mutex_);
  UnixQueue queue_ ABSL_GUARDED_BY(mutex_);
  std::list<base::RefPtr<UnixSocket>> pending_ ABSL_GUARDED_BY(mutex_);  // Connections to be accepted.
  size_t backlog_ ABSL_GUARDED_BY(mutex_) = kMaxDatagrams;
};

}  // namespace sentry
