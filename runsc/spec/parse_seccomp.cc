// SPDX-License-Identifier: Apache-2.0
#include "runsc/spec/parse_sections.h"

namespace runsc::spec {
namespace {

constexpr EnumName<SeccompAction> kActions[] = {{"SCMP_ACT_KILL", SeccompAction::kKillThread},
                                                {"SCMP_ACT_KILL_THREAD", SeccompAction::kKillThread},
                                                {"SCMP_ACT_KILL_PROCESS", SeccompAction::kKillProcess},
                                                {"SCMP_ACT_TRAP", SeccompAction::kTrap},
                                                {"SCMP_ACT_ERRNO", SeccompAction::kErrno},
                                                {"SCMP_ACT_TRACE", SeccompAction::kTrace},
                                                {"SCMP_ACT_ALLOW", SeccompAction::kAllow},
                                                {"SCMP_ACT_LOG", SeccompAction::kLog},
                                                {"SCMP_ACT_NOTIFY", SeccompAction::kNotify}};

constexpr EnumName<SeccompOperator> kOperators[] = {
    {"SCMP_CMP_NE", SeccompOperator::kNotEqual},          {"SCMP_CMP_LT", SeccompOperator::kLess},
    {"SCMP_CMP_LE", SeccompOperator::kLessOrEqual},       {"SCMP_CMP_EQ", SeccompOperator::kEqual},
    {"SCMP_CMP_GE", SeccompOperator::kGreaterOrEqual},    {"SCMP_CMP_GT", SeccompOperator::kGreater},
    {"SCMP_CMP_MASKED_EQ", SeccompOperator::kMaskedEqual}};

constexpr uint32_t kMaxArgumentIndex = 5;

auto Action(SeccompAction* out) {
  return [out](const Node& node) { return ReadEnum(node, "seccomp action", kActions, out); };
}

}  // namespace

static bool Read(const Node& node, SeccompArgument* out) {
  return Object(node)
      .RequiredWith("index",
                    [out](const Node& index) {
                      if (!Read(index, &out->index)) return false;
                      return out->index <= kMaxArgumentIndex || index.Fail("is not from 0 to 5");
                    })
      .Required("value", &out->value)
      .Optional("valueTwo", &out->value_two)
      .RequiredWith("op", [out](const Node& op) { return ReadEnum(op, "seccomp operator", kOperators, &out->op); })
      .ok();
}

static bool Read(const Node& node, SeccompRule* out) {
  Object object(node);
  object.Required("names", &out->names).RequiredWith("action", Action(&out->action));
  object.Optional("errnoRet", &out->errno_return).Optional("args", &out->args);
  if (object.ok() && out->names.empty()) return node.Fail("names no system call");
  return object.ok();
}

bool Read(const Node& node, Seccomp* out) {
  return Object(node)
      .RequiredWith("defaultAction", Action(&out->default_action))
      .Optional("defaultErrnoRet", &out->default_errno_return)
      .Optional("architectures", &out->architectures)
      .Optional("flags", &out->flags)
      .Optional("listenerPath", &out->listener_path)
      .Optional("listenerMetadata", &out->listener_metadata)
      .Optional("syscalls", &out->syscalls)
      .ok();
}

}  // namespace runsc::spec
