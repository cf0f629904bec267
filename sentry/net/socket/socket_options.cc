// SPDX-License-Identifier: Apache-2.0
// SOL_SOCKET (socket(7)).
#include <poll.h>

#include <algorithm>

#include "base/abi/time.h"
#include "sentry/net/socket/socket.h"

namespace sentry {
namespace {

constexpr int kCapNetAdmin = 12;
constexpr int kMaxUnprivilegedPriority = 6;
constexpr int64_t kNanosecondsPerSecond = 1'000'000'000;
constexpr int64_t kNanosecondsPerMicrosecond = 1000;
constexpr int kDefaultSendLowWater = 1;

base::Result<int64_t> ParseTimeout(std::string_view value) {
  base::abi::Timeval time{};
  if (value.size() < sizeof(time)) return base::Errno(EINVAL);
  memcpy(&time, value.data(), sizeof(time));
  if (time.microseconds < 0 || time.microseconds >= 1'000'000) return base::Errno(EDOM);
  if (time.seconds < 0) return 0;
  if (time.seconds == 0 && time.microseconds == 0) return base::kForever;
  if (time.seconds >= base::kForever / kNanosecondsPerSecond - 1) return base::kForever;
  return time.seconds * kNanosecondsPerSecond + time.microseconds * kNanosecondsPerMicrosecond;
}

std::string TimeoutBytes(int64_t timeout_ns) {
  base::abi::Timeval time{};
  if (timeout_ns != base::kForever) {
    time = {timeout_ns / kNanosecondsPerSecond, timeout_ns % kNanosecondsPerSecond / kNanosecondsPerMicrosecond};
  }
  return OptionBytes(time);
}

// Twice what is asked for, within bounds: Linux counts its own overhead.
int BufferSize(int wanted, int least) {
  unsigned capped = std::min(static_cast<unsigned>(wanted), static_cast<unsigned>(Socket::kMaxBuffer));
  return std::max(static_cast<int>(capped) * 2, least);
}

int ForcedBufferSize(int wanted, int least) { return std::max(std::clamp(wanted, 0, INT32_MAX / 2) * 2, least); }

bool* Flag(SocketSettings& settings, int name) {
  switch (name) {
    case SO_DEBUG:
      return &settings.debug;
    case SO_REUSEADDR:
      return &settings.reuse_address;
    case SO_REUSEPORT:
      return &settings.reuse_port;
    case SO_DONTROUTE:
      return &settings.no_route;
    case SO_BROADCAST:
      return &settings.broadcast;
    case SO_KEEPALIVE:
      return &settings.keep_alive;
    case SO_OOBINLINE:
      return &settings.out_of_band_inline;
    default:
      return nullptr;
  }
}

}  // namespace

constinit base::LockClass Socket::kSettingsLock{"Socket::settings_"};

base::Result<std::string> Socket::GetOption(vfs::Context& context, int level, int name, size_t room) {
  if (level != SOL_SOCKET) return GetFamilyOption(context, level, name, room);
  return GetSocketOption(context, name, room);
}

base::Result<void> Socket::SetOption(vfs::Context& context, int level, int name, std::string_view value) {
  if (level != SOL_SOCKET) return SetFamilyOption(context, level, name, value);
  return SetSocketOption(context, name, value);
}

base::Result<std::string> Socket::GetSocketOption(vfs::Context& context, int name, size_t room) {
  SocketSettings settings = settings_.With([](const SocketSettings& now) { return now; });
  if (const bool* flag = Flag(settings, name)) return OptionBytes<int>(*flag ? 1 : 0);
  switch (name) {
    case SO_TYPE:
      return OptionBytes(kind_.type);
    case SO_DOMAIN:
      return OptionBytes(kind_.family);
    case SO_PROTOCOL:
      return OptionBytes(kind_.protocol);
    case SO_ERROR:
      return OptionBytes(TakeError());
    case SO_ACCEPTCONN:
      return OptionBytes<int>(IsListening() ? 1 : 0);
    case SO_SNDBUF:
      return OptionBytes(send_buffer());
    case SO_RCVBUF:
      return OptionBytes(receive_buffer_.load(std::memory_order_relaxed));
    case SO_LINGER:
      return OptionBytes(base::abi::Linger{settings.linger ? 1 : 0, settings.linger_seconds});
    case SO_PRIORITY:
      return OptionBytes(settings.priority);
    case SO_MARK:
      return OptionBytes(settings.mark);
    case SO_RCVLOWAT:
      return OptionBytes(receive_low_water());
    case SO_SNDLOWAT:
      return OptionBytes(kDefaultSendLowWater);
    case SO_RCVTIMEO:
      return TimeoutBytes(receive_timeout_ns());
    case SO_SNDTIMEO:
      return TimeoutBytes(send_timeout_ns());
    default:
      return GetFamilyOption(context, SOL_SOCKET, name, room);
  }
}

base::Result<void> Socket::SetSocketOption(vfs::Context& context, int name, std::string_view value) {
  int number = TRY(OptionInt(value));
  bool privileged = context.credentials().HasCapability(kCapNetAdmin);
  switch (name) {
    case SO_TYPE:
    case SO_PROTOCOL:
    case SO_DOMAIN:
    case SO_ERROR:
    case SO_ACCEPTCONN:
    case SO_SNDLOWAT:
      return base::Errno(ENOPROTOOPT);
    case SO_DEBUG:
      if (number != 0 && !privileged) return base::Errno(EACCES);
      break;
    case SO_SNDBUFFORCE:
      if (!privileged) return base::Errno(EPERM);
      send_buffer_ = ForcedBufferSize(number, kMinSendBuffer);
      wait_queue_.Notify(POLLOUT | POLLWRNORM);
      return {};
    case SO_SNDBUF:
      send_buffer_ = BufferSize(number, kMinSendBuffer);
      wait_queue_.Notify(POLLOUT | POLLWRNORM);
      return {};
    case SO_RCVBUFFORCE:
      if (!privileged) return base::Errno(EPERM);
      receive_buffer_ = ForcedBufferSize(number, kMinReceiveBuffer);
      return {};
    case SO_RCVBUF:
      receive_buffer_ = BufferSize(number, kMinReceiveBuffer);
      return {};
    case SO_RCVLOWAT:
      receive_low_water_ = number < 0 ? INT32_MAX : std::max(number, 1);
      return {};
    case SO_RCVTIMEO:
      receive_timeout_ns_ = TRY(ParseTimeout(value));
      return {};
    case SO_SNDTIMEO:
      send_timeout_ns_ = TRY(ParseTimeout(value));
      return {};
    case SO_PRIORITY:
      if ((number < 0 || number > kMaxUnprivilegedPriority) && !privileged) return base::Errno(EPERM);
      settings_.With([&](SocketSettings& settings) { settings.priority = number; });
      return {};
    case SO_MARK:
      if (!privileged) return base::Errno(EPERM);
      settings_.With([&](SocketSettings& settings) { settings.mark = number; });
      return {};
    case SO_LINGER: {
      base::abi::Linger linger;
      if (value.size() < sizeof(linger)) return base::Errno(EINVAL);
      memcpy(&linger, value.data(), sizeof(linger));
      settings_.With([&](SocketSettings& settings) {
        settings.linger = linger.on != 0;
        if (linger.on != 0) settings.linger_seconds = linger.seconds;
      });
      return {};
    }
    default:
      break;
  }
  bool known = settings_.With([&](SocketSettings& settings) {
    bool* flag = Flag(settings, name);
    if (flag != nullptr) *flag = number != 0;
    return flag != nullptr;
  });
  if (known) return {};
  return SetFamilyOption(context, SOL_SOCKET, name, value);
}

}  // namespace sentry
