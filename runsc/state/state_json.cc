// SPDX-License-Identifier: Apache-2.0
#include "runsc/state/state_json.h"

#include "runsc/spec/json_reader.h"
#include "runsc/util/log.h"

namespace runsc {

namespace {

using Json = nlohmann::ordered_json;

Json ProcessJson(const ProcessId& id) { return {{"pid", id.pid}, {"startTime", id.start_time}}; }

}  // namespace

namespace spec {

static bool Read(const Node& node, ProcessId* out) {
  return Object(node).Required("pid", &out->pid).Required("startTime", &out->start_time).ok();
}

static bool Read(const Node& node, ContainerStatus* out) {
  std::string text;
  if (!Read(node, &text)) return false;
  for (ContainerStatus status : {ContainerStatus::kCreating, ContainerStatus::kCreated, ContainerStatus::kRunning,
                                 ContainerStatus::kPaused, ContainerStatus::kStopped}) {
    if (StatusName(status) == text) {
      *out = status;
      return true;
    }
  }
  return node.Fail("unknown status \"" + text + "\"");
}

}  // namespace spec

std::string StateToJson(const ContainerState& state) {
  Json json = {{"id", state.id},
               {"bundle", state.bundle},
               {"ociVersion", state.oci_version},
               {"status", StatusName(state.status)},
               {"sandbox", ProcessJson(state.sandbox)},
               {"gofer", ProcessJson(state.gofer)},
               {"created", state.created_ns},
               {"owner", state.owner},
               {"annotations", state.annotations},
               {"cgroups", state.cgroups},
               {"guestCgroup", state.guest_cgroup}};
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

StatusOr<ContainerState> StateFromJson(std::string_view text, const std::string& name) {
  spec::Document document;
  document.name = name;
  nlohmann::json json;
  ContainerState state;
  if (spec::ParseJson(text, document, &json)) {
    spec::Object(spec::Node(json, "", document))
        .Required("id", &state.id)
        .Required("bundle", &state.bundle)
        .Required("ociVersion", &state.oci_version)
        .Required("status", &state.status)
        .Required("sandbox", &state.sandbox)
        .Required("gofer", &state.gofer)
        .Required("created", &state.created_ns)
        .Optional("owner", &state.owner)
        .Optional("annotations", &state.annotations)
        .Optional("cgroups", &state.cgroups)
        .Optional("guestCgroup", &state.guest_cgroup);
  }
  if (!document.error.empty()) return Failed(document.error);
  return state;
}

std::string PublicStateJson(const ContainerState& state, bool indent) {
  int pid = state.status == ContainerStatus::kStopped ? 0 : state.sandbox.pid;
  Json json = {{"ociVersion", state.oci_version},
               {"id", state.id},
               {"pid", pid},
               {"status", StatusName(state.status)},
               {"bundle", state.bundle}};
  if (!state.annotations.empty()) json["annotations"] = state.annotations;
  json["created"] = FormatTime(state.created_ns);
  json["owner"] = state.owner;
  return json.dump(indent ? 2 : -1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace runsc
