// SPDX-License-Identifier: Apache-2.0
// Extended attributes. By name of the descriptor, as O_PATH descriptors have no f*xattr calls.
#include <sys/xattr.h>

#include <cerrno>
#include <string>

#include "gofer/protocol/gofer.pb.h"
#include "gofer/protocol/limits.h"
#include "gofer/server/connection.h"
#include "gofer/server/node.h"

namespace gofer {
namespace {

base::Result<void> CheckXattrName(const std::string& name) {
  if (name.empty() || name.size() > kMaxName || name.find('\0') != std::string::npos) return base::Errno(EINVAL);
  return {};
}

}  // namespace

Connection::Outcome Connection::Do(const wire::GetXattr& request, wire::Result& result) {
  TRY(CheckXattrName(request.name()));
  NodeRef node = TRY(Find(request.node()));
  std::string& value = *result.mutable_data();
  value.resize(kMaxXattrValue);
  ssize_t length = getxattr(DescriptorName(node->fd()).c_str(), request.name().c_str(), value.data(), value.size());
  int error = errno;
  value.resize(length < 0 ? 0 : static_cast<size_t>(length));
  if (length < 0) return base::Errno(error);
  return {};
}

Connection::Outcome Connection::Do(const wire::SetXattr& request, wire::Result& result) {
  TRY(CheckXattrName(request.name()));
  if (request.value().size() > kMaxXattrValue) return base::Errno(E2BIG);
  if ((request.flags() & ~uint32_t{XATTR_CREATE | XATTR_REPLACE}) != 0) return base::Errno(EINVAL);
  NodeRef node = TRY(FindWritable(request.node()));
  if (setxattr(DescriptorName(node->fd()).c_str(), request.name().c_str(), request.value().data(),
               request.value().size(), static_cast<int>(request.flags())) != 0) {
    return base::Errno(errno);
  }
  Refresh(request.node(), result.mutable_attributes());
  return {};
}

Connection::Outcome Connection::Do(const wire::ListXattr& request, wire::Result& result) {
  NodeRef node = TRY(Find(request.node()));
  std::string& names = *result.mutable_data();
  names.resize(kMaxXattrValue);
  ssize_t length = listxattr(DescriptorName(node->fd()).c_str(), names.data(), names.size());
  int error = errno;
  names.resize(length < 0 ? 0 : static_cast<size_t>(length));
  if (length < 0) return base::Errno(error);
  return {};
}

Connection::Outcome Connection::Do(const wire::RemoveXattr& request, wire::Result& result) {
  TRY(CheckXattrName(request.name()));
  NodeRef node = TRY(FindWritable(request.node()));
  if (removexattr(DescriptorName(node->fd()).c_str(), request.name().c_str()) != 0) return base::Errno(errno);
  Refresh(request.node(), result.mutable_attributes());
  return {};
}

}  // namespace gofer
