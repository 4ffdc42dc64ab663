// Shows a snapshot's state to people and scripts.

#ifndef MAYFLY_SNAPSHOT_STATE_JSON_H_
#define MAYFLY_SNAPSHOT_STATE_JSON_H_

#include "nlohmann/json.hpp"
#include "snapshot/snapshot_state.h"
#include "snapshot/state_file.h"

namespace mayfly {

// All of it but the contents of KVM's structures, of which the sizes are told. Numbers are decimal;
// addresses, registers and MSRs are hexadecimal texts. Texts of the file are as they are there, so
// that dump() needs an error handler for those that are not UTF-8.
nlohmann::ordered_json StateToJson(const StateVersion& version, const SnapshotState& state);

}  // namespace mayfly

#endif  // MAYFLY_SNAPSHOT_STATE_JSON_H_
