// VmAction and VmRunState from JSON.

#include "api/vm_action.h"

#include "gtest/gtest.h"

namespace mayfly {
namespace {

TEST(VmActionTest, ThereAreThree) {
  const auto decode = [](const char* text) { return DecodeJson(text, VmActionSchema()); };
  EXPECT_EQ(decode(R"({"action_type":"InstanceStart"})")->action_type, VmAction::kInstanceStart);
  EXPECT_EQ(decode(R"({"action_type":"FlushMetrics"})")->action_type, VmAction::kFlushMetrics);
  EXPECT_EQ(decode(R"({"action_type":"SendCtrlAltDel"})")->action_type, VmAction::kSendCtrlAltDel);
  EXPECT_EQ(decode(R"({"action_type":"Stop"})").status().message(),
            "unknown variant `Stop`, expected one of `FlushMetrics`, `InstanceStart`, "
            "`SendCtrlAltDel` at line 1 column 21");
  EXPECT_EQ(decode("{}").status().message(), "missing field `action_type` at line 1 column 2");
  EXPECT_EQ(decode(R"({"action_type":"FlushMetrics","payload":1})").status().message(),
            "unknown field `payload`, expected `action_type` at line 1 column 39");
}

TEST(VmRunStateTest, ThereAreTwo) {
  const auto decode = [](const char* text) { return DecodeJson(text, VmStateSchema()); };
  EXPECT_EQ(decode(R"({"state":"Paused"})")->state, VmRunState::kPaused);
  EXPECT_EQ(decode(R"({"state":"Resumed"})")->state, VmRunState::kResumed);
  EXPECT_EQ(decode(R"({"state":"paused"})").status().message(),
            "unknown variant `paused`, expected `Paused` or `Resumed` at line 1 column 17");
  EXPECT_EQ(decode("[]").status().message(),
            "invalid type: sequence, expected struct Vm at line 1 column 0");
}

}  // namespace
}  // namespace mayfly
