// PhaseOf and ConfiguresBoot: which request is allowed when, and what rules out a restore.

#include "api/api_request.h"

#include <vector>

#include "gtest/gtest.h"

namespace mayfly {
namespace {

TEST(ApiRequestTest, ConfigurationEndsWithTheStart) {
  const std::vector<ApiRequest> requests = {
      PutBootSource{}, PutMachineConfig{}, PatchMachineConfig{}, PutCpuConfig{},  PutLogger{},
      PutMetrics{},    PutMmdsConfig{},    PutSerial{},          InstanceStart{}, LoadSnapshot{}};
  for (const ApiRequest& request : requests) {
    EXPECT_EQ(PhaseOf(request), RequestPhase::kBeforeStart) << request.index();
  }
}

TEST(ApiRequestTest, ChangesOfARunningVmNeedOne) {
  const std::vector<ApiRequest> requests = {
      PatchDrive{},     PatchNetworkInterface{}, DeleteDevice{},   FlushMetrics{},
      SendCtrlAltDel{}, PatchVmState{},          CreateSnapshot{}, RecordWorkingSet{}};
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

TEST(ApiRequestTest, WhatConfiguresABootRulesOutARestore) {
  const std::vector<ApiRequest> boot = {PutBootSource{},       PutMachineConfig{},
                                        PatchMachineConfig{},  PutDrive{},
                                        PutNetworkInterface{}, PutMmdsConfig{}};
  for (const ApiRequest& request : boot) {
    EXPECT_TRUE(ConfiguresBoot(request)) << request.index();
  }
  const std::vector<ApiRequest> others = {
      GetInstanceInfo{}, GetVmConfig{}, PutLogger{}, PutMetrics{},    PutSerial{},
      PutCpuConfig{},    PutMmds{},     PatchMmds{}, InstanceStart{}, LoadSnapshot{}};
  for (const ApiRequest& request : others) {
    EXPECT_FALSE(ConfiguresBoot(request)) << request.index();
  }
}

}  // namespace
}  // namespace mayfly
