// /actions and PATCH /vm from JSON.

#include "api/vm_action.h"

namespace mayfly {
namespace {

const JsonEnum<VmAction>& ActionNames() {
  static const JsonEnum<VmAction> kNames({{"FlushMetrics", VmAction::kFlushMetrics},
                                          {"InstanceStart", VmAction::kInstanceStart},
                                          {"SendCtrlAltDel", VmAction::kSendCtrlAltDel}});
  return kNames;
}

const JsonEnum<VmRunState>& StateNames() {
  static const JsonEnum<VmRunState> kNames(
      {{"Paused", VmRunState::kPaused}, {"Resumed", VmRunState::kResumed}});
  return kNames;
}

}  // namespace

const JsonObject<VmActionRequest>& VmActionSchema() {
  static const JsonObject<VmActionRequest> kSchema(
      "struct ActionBody", UnknownFields::kDenied,
      {Required("action_type", &VmActionRequest::action_type, ActionNames())});
  return kSchema;
}

const JsonObject<VmStateRequest>& VmStateSchema() {
  static const JsonObject<VmStateRequest> kSchema(
      "struct Vm", UnknownFields::kDenied,
      {Required("state", &VmStateRequest::state, StateNames())});
  return kSchema;
}

}  // namespace mayfly
