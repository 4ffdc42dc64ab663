// VmAction and VmRunState: what /actions and PATCH /vm ask for.

#ifndef MAYFLY_API_VM_ACTION_H_
#define MAYFLY_API_VM_ACTION_H_

#include "api/json_decoder.h"

namespace mayfly {

enum class VmAction { kFlushMetrics, kInstanceStart, kSendCtrlAltDel };

struct VmActionRequest {
  VmAction action_type = VmAction::kFlushMetrics;
};

enum class VmRunState { kPaused, kResumed };

struct VmStateRequest {
  VmRunState state = VmRunState::kResumed;
};

const JsonObject<VmActionRequest>& VmActionSchema();
const JsonObject<VmStateRequest>& VmStateSchema();

}  // namespace mayfly

#endif  // MAYFLY_API_VM_ACTION_H_
