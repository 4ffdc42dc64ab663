// Faults: what the client is told, and what a person at a terminal is.

#include "api/fault.h"

#include <cerrno>

#include "base/status.h"
#include "gtest/gtest.h"

namespace mayfly {
namespace {

TEST(FaultTest, JoinsItsParts) {
  const absl::Status fault = Fault("MTU ", 5, " is wrong");
  EXPECT_EQ(fault.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(fault.message(), "MTU 5 is wrong");
  EXPECT_EQ(CauseText(fault), "MTU 5 is wrong");
}

TEST(FaultTest, ASystemCallsReasonStandsWithoutTheCall) {
  const absl::Status cause = ErrnoError("open /k", ENOENT);
  EXPECT_EQ(SystemReason(cause), "No such file or directory (os error 2)");
  const absl::Status fault = FaultFrom(cause, "Drive config error: ", " /k");
  EXPECT_EQ(fault.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(fault.message(), "Drive config error: No such file or directory (os error 2) /k");
  EXPECT_EQ(CauseText(fault), "open /k: No such file or directory");
}

TEST(FaultTest, AnotherReasonStandsAsItIs) {
  const absl::Status cause = absl::OutOfRangeError("too long");
  EXPECT_EQ(SystemReason(cause), "too long");
  const absl::Status fault = FaultFrom(cause, "Boot source error: ");
  EXPECT_EQ(fault.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(fault.message(), "Boot source error: too long");
  EXPECT_EQ(CauseText(fault), "too long");
}

}  // namespace
}  // namespace mayfly
