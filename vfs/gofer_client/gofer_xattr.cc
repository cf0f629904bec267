// SPDX-License-Identifier: Apache-2.0
// Extended attributes. Which names an inode has is kept (of exclusive mounts): most have none, and are asked often.
#include <algorithm>
#include <cerrno>

#include "gofer/protocol/gofer.pb.h"
#include "gofer/protocol/limits.h"
#include "vfs/gofer_client/gofer_inode.h"

namespace vfs {

namespace wire = gofer::wire;

void GoferInode::ForgetXattrs() {
  base::MutexLock lock(mutex_);
  xattr_names_.reset();
  has_xattr_names_.store(false, std::memory_order_relaxed);
}

base::Result<std::vector<std::string>> GoferInode::FetchXattrNames() {
  GoferClient::Exchange exchange(client());
  exchange.Add().mutable_list_xattr()->set_node(node_);
  const std::string& data = TRY(exchange.Run())->data();
  if (data.size() > gofer::kMaxXattrValue || (!data.empty() && data.back() != '\0')) return base::Errno(EIO);
  std::vector<std::string> names;
  for (size_t at = 0; at < data.size();) {
    size_t end = data.find('\0', at);
    if (end == at || end - at > gofer::kMaxName) return base::Errno(EIO);
    names.push_back(data.substr(at, end - at));
    at = end + 1;
  }
  return names;
}

base::Result<std::vector<std::string>> GoferInode::XattrNames() {
  if (gofer().shared()) return FetchXattrNames();
  {
    base::MutexLock lock(mutex_);
    if (xattr_names_.has_value()) return *xattr_names_;
  }
  uint64_t count = change_count();
  std::vector<std::string> names = TRY(FetchXattrNames());
  base::MutexLock lock(mutex_);
  if (change_count() == count) {
    xattr_names_ = names;
    has_xattr_names_.store(true, std::memory_order_relaxed);
  }
  return names;
}

base::Result<std::string> GoferInode::GetXattr(Context&, std::string_view name) {
  std::vector<std::string> names = TRY(XattrNames());
  // Names of other namespaces get another errno, which is the host's to choose.
  bool known_namespace = name.starts_with("user.") || name.starts_with("security.") || name.starts_with("trusted.") ||
                         name.starts_with("system.");
  if (known_namespace && std::find(names.begin(), names.end(), name) == names.end()) return base::Errno(ENODATA);
  GoferClient::Exchange exchange(client());
  wire::GetXattr& request = *exchange.Add().mutable_get_xattr();
  request.set_node(node_);
  request.set_name(name.data(), name.size());
  const std::string& value = TRY(exchange.Run())->data();
  if (value.size() > gofer::kMaxXattrValue) return base::Errno(EIO);
  return value;
}

base::Result<void> GoferInode::SendSetXattr(std::string_view name, std::string_view value, int flags) {
  Change changing(*this);
  GoferClient::Exchange exchange(client());
  wire::SetXattr& request = *exchange.Add().mutable_set_xattr();
  request.set_node(node_);
  request.set_name(name.data(), name.size());
  request.set_value(value.data(), value.size());
  request.set_flags(static_cast<uint32_t>(flags));
  changing.Finish(TRY(exchange.Run())->attributes());
  return {};
}

base::Result<void> GoferInode::SendRemoveXattr(std::string_view name) {
  Change changing(*this);
  GoferClient::Exchange exchange(client());
  wire::RemoveXattr& request = *exchange.Add().mutable_remove_xattr();
  request.set_node(node_);
  request.set_name(name.data(), name.size());
  changing.Finish(TRY(exchange.Run())->attributes());
  return {};
}

// The names are forgotten after the change was counted, so that none fetched before it stay.
base::Result<void> GoferInode::SetXattr(Context&, std::string_view name, std::string_view value, int flags) {
  base::Result<void> result = SendSetXattr(name, value, flags);
  ForgetXattrs();
  return result;
}

base::Result<void> GoferInode::RemoveXattr(Context&, std::string_view name) {
  base::Result<void> result = SendRemoveXattr(name);
  ForgetXattrs();
  return result;
}

base::Result<std::vector<std::string>> GoferInode::ListXattr(Context&) { return XattrNames(); }

}  // namespace vfs
