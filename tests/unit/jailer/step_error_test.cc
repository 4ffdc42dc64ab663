// StepError: text and code.

#include "jailer/step_error.h"

#include <cerrno>

#include "gtest/gtest.h"

namespace mayfly {
namespace {

TEST(StepErrorTest, NamesTheStepAndTheReasonInTheWordsOfTheJailersClients) {
  const absl::Status status = StepError("Failed to move process to cgroup (/a)", EBUSY);
  EXPECT_EQ(status.message(), "Failed to move process to cgroup (/a): Resource busy (os error 16)");
}

TEST(StepErrorTest, TakesErrnoWhenNoneIsGiven) {
  errno = ENOENT;
  const absl::Status status = StepError("Failed to open /a");
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_EQ(status.message(), "Failed to open /a: No such file or directory (os error 2)");
}

}  // namespace
}  // namespace mayfly
