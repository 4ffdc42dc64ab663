// PhaseOf: which request is allowed before the start of a VM, after it, or at any time.

#include "api/api_request.h"

#include <vector>

#include "gtest/gtest.h"

namespace mayfly {
namespace {

TEST(ApiRequestTest, ConfigurationEndsWithTheStart) {
  const std::vector<ApiRequest> requests = {
      PutBootSource{}, PutMachineConfig{}, PatchMachineConfig{}, PutCpuConfig{}, PutLogger{},
      PutMetrics{},    PutMmdsConfig{},    PutSerial{},          InstanceStart{}};
  for (const ApiRequest& request : requests) {
    EXPECT_EQ(PhaseOf(request), RequestPhase::kBeforeStart) << request.index();
  }
}

TEST(ApiRequestTest, ChangesOfARunningVmNeedOne) {
  const std::vector<ApiRequest> requests = {PatchDrive{},     PatchNetworkInterface{},
                                            DeleteDevice{},   FlushMetrics{},
                                            SendCtrlAltDel{}, PatchVmState{}};
  for (const ApiRequest& request : requests) {
    EXPECT_EQ(PhaseOf(request), RequestPhase::kAfterStart) << request.index();
  }
}

TEST(ApiRequestTest, QuestionsMetadataAndNewDevicesAreAlwaysAllowed) {
  const std::vector<ApiRequest> requests = {
      GetInstanceInfo{}, GetVersion{}, GetVmConfig{}, GetMachineConfig{}, GetMmds{},
      GetMetrics{},      PutMmds{},    PatchMmds{},   PutDrive{},         PutNetworkInterface{}};
  for (const ApiRequest& request : requests) {
    EXPECT_EQ(PhaseOf(request), RequestPhase::kAlways) << request.index();
  }
}

}  // namespace
}  // namespace mayfly
