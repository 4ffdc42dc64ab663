// Status helpers: messages, codes and early returns.

#include "base/status.h"

#include <cerrno>

#include "gtest/gtest.h"

namespace mayfly {
namespace {

TEST(StatusTest, ErrnoErrorNamesTheCallAndTheReason) {
  const absl::Status status = ErrnoError("KVM_CREATE_VM", EBUSY);
  EXPECT_EQ(status.message(), "KVM_CREATE_VM: Device or resource busy");
  EXPECT_EQ(ErrnoError("open x", ENOENT).code(), absl::StatusCode::kNotFound);
  errno = EACCES;
  EXPECT_EQ(ErrnoError("open x").message(), "open x: Permission denied");
}

TEST(StatusTest, AnnotateKeepsTheCodeAndOkStaysOk) {
  const absl::Status status = Annotate(absl::NotFoundError("gone"), "drive \"a\"");
  EXPECT_EQ(status, absl::NotFoundError("drive \"a\": gone"));
  EXPECT_TRUE(Annotate(absl::OkStatus(), "x").ok());
}

TEST(StatusTest, KeepsTheErrnoOfASystemCall) {
  const absl::Status status = ErrnoError("open x", ENOENT);
  EXPECT_EQ(ErrnoOf(status), ENOENT);
  EXPECT_EQ(ErrnoOf(Annotate(Annotate(status, "file"), "drive")), ENOENT);
  EXPECT_EQ(ErrnoOf(AddHint(status, "is it there?")), ENOENT);
  EXPECT_EQ(ErrnoOf(absl::NotFoundError("gone")), std::nullopt);
  EXPECT_EQ(ErrnoOf(absl::OkStatus()), std::nullopt);
}

TEST(StatusTest, AddHintPutsItBehindTheMessage) {
  EXPECT_EQ(AddHint(absl::NotFoundError("gone"), "look again"),
            absl::NotFoundError("gone (look again)"));
  EXPECT_TRUE(AddHint(absl::OkStatus(), "x").ok());
}

absl::Status ReturnsEarly(const absl::Status& status, bool& reached) {
  RETURN_IF_ERROR(status);
  reached = true;
  return absl::OkStatus();
}

absl::StatusOr<int> AddsOne(const absl::StatusOr<int>& input) {
  RETURN_IF_ERROR(input);
  ASSIGN_OR_RETURN(const int value, input);
  return value + 1;
}

TEST(StatusTest, MacrosReturnTheErrorOrGoOn) {
  bool reached = false;
  EXPECT_EQ(ReturnsEarly(absl::InternalError("x"), reached), absl::InternalError("x"));
  EXPECT_FALSE(reached);
  EXPECT_TRUE(ReturnsEarly(absl::OkStatus(), reached).ok());
  EXPECT_TRUE(reached);
  EXPECT_EQ(*AddsOne(1), 2);
  EXPECT_EQ(AddsOne(absl::InternalError("y")).status(), absl::InternalError("y"));
}

}  // namespace
}  // namespace mayfly
