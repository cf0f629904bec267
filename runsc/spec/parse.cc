// SPDX-License-Identifier: Apache-2.0
#include "runsc/spec/parse.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/unique_fd.h"
#include "runsc/spec/parse_sections.h"

namespace runsc::spec {

static bool Read(const Node& node, Root* out) {
  Object object(node);
  object.Required("path", &out->path).Optional("readonly", &out->readonly);
  static const nlohmann::json kNone;
  if (object.ok() && out->path.empty()) return node.Member("path", kNone).Fail("is empty");
  return object.ok();
}

static bool Read(const Node& node, Mount* out) {
  Object object(node);
  object.Required("destination", &out->destination).Optional("type", &out->type).Optional("source", &out->source);
  object.Optional("options", &out->options);
  object.Optional("uidMappings", &out->uid_mappings).Optional("gidMappings", &out->gid_mappings);
  static const nlohmann::json kNone;
  // Older engines write relative destinations, which the specification (1.0) takes as relative to the root.
  if (object.ok() && out->destination.empty()) return node.Member("destination", kNone).Fail("is empty");
  return object.ok();
}

static bool Read(const Node& node, Hook* out) {
  Object object(node);
  object.RequiredWith("path", [out](const Node& path) { return ReadAbsolutePath(path, &out->path); });
  object.Optional("args", &out->args).Optional("env", &out->env);
  object.OptionalWith("timeout", [out](const Node& timeout) {
    if (!Read(timeout, &out->timeout_seconds)) return false;
    return *out->timeout_seconds > 0 || timeout.Fail("is not greater than 0");
  });
  return object.ok();
}

static bool Read(const Node& node, Hooks* out) {
  return Object(node)
      .Optional("prestart", &out->prestart)
      .Optional("createRuntime", &out->create_runtime)
      .Optional("createContainer", &out->create_container)
      .Optional("startContainer", &out->start_container)
      .Optional("poststart", &out->poststart)
      .Optional("poststop", &out->poststop)
      .ok();
}

static bool ReadVersion(const Node& node, std::string* out) {
  if (!Read(node, out)) return false;
  if (!out->starts_with("1.")) return node.Fail("version \"" + *out + "\" is not supported, only 1.x is");
  return true;
}

static bool ReadSpec(const Node& node, Spec* out) {
  Object object(node);
  object.RequiredWith("ociVersion", [out](const Node& version) { return ReadVersion(version, &out->oci_version); });
  object.Optional("root", &out->root);
  object.Optional("process", &out->process);
  object.Optional("hostname", &out->hostname).Optional("domainname", &out->domainname);
  object.Optional("mounts", &out->mounts);
  object.Optional("hooks", &out->hooks);
  object.Optional("annotations", &out->annotations).Optional("linux", &out->linux_config);
  return object.ok();
}

bool FailUnknownName(const Node& node, std::string_view what, std::string_view found) {
  return node.Fail("unknown " + std::string(what) + " \"" + std::string(found) + "\"");
}

bool ReadAbsolutePath(const Node& node, std::string* out) {
  if (!Read(node, out)) return false;
  return out->starts_with('/') || node.Fail("\"" + *out + "\" is not an absolute path");
}

const Namespace* Linux::FindNamespace(NamespaceType type) const {
  for (const Namespace& entry : namespaces) {
    if (entry.type == type) return &entry;
  }
  return nullptr;
}

StatusOr<Spec> ParseSpec(std::string_view text, std::string_view name) {
  Document document{std::string(name), {}};
  nlohmann::json json;
  Spec spec;
  if (!ParseJson(text, document, &json) || !ReadSpec(Node(json, "", document), &spec)) {
    return InvalidInput(document.error);
  }
  return spec;
}

StatusOr<Process> ParseProcess(std::string_view text, std::string_view name) {
  Document document{std::string(name), {}};
  nlohmann::json json;
  Process process;
  if (!ParseJson(text, document, &json) || !Read(Node(json, "", document), &process)) {
    return InvalidInput(document.error);
  }
  return process;
}

StatusOr<Resources> ParseResources(std::string_view text, std::string_view name) {
  Document document{std::string(name), {}};
  nlohmann::json json;
  Resources resources;
  if (!ParseJson(text, document, &json) || !Read(Node(json, "", document), &resources)) {
    return InvalidInput(document.error);
  }
  return resources;
}

StatusOr<std::string> ReadConfigFile(const std::string& path) {
  // O_NONBLOCK: a FIFO in the file's place must not hang the command.
  base::UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) return SystemError(path);
  struct stat status;
  if (fstat(fd.get(), &status) != 0) return SystemError(path);
  if (!S_ISREG(status.st_mode)) return InvalidInput(path + ": is not a regular file");
  std::string text;
  size_t used = 0;
  for (;;) {
    text.resize(used + 65536);
    ssize_t got = read(fd.get(), text.data() + used, text.size() - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return SystemError(path);
    used += static_cast<size_t>(got);
    if (used > kMaxConfigBytes) {
      return InvalidInput(path + ": is larger than " + std::to_string(kMaxConfigBytes >> 20) + " MiB");
    }
    if (got == 0) break;
  }
  text.resize(used);
  return text;
}

StatusOr<LoadedSpec> LoadSpec(const std::string& bundle) {
  LoadedSpec loaded;
  loaded.path = bundle + (bundle.ends_with('/') ? "" : "/") + "config.json";
  loaded.text = TRY_STATUS(ReadConfigFile(loaded.path));
  loaded.spec = TRY_STATUS(ParseSpec(loaded.text, loaded.path));
  if (!loaded.spec.process) return InvalidInput(loaded.path + ": process: missing");
  if (!loaded.spec.root) return InvalidInput(loaded.path + ": root: missing");
  return loaded;
}

}  // namespace runsc::spec
