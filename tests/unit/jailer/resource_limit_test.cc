// ParseResourceLimit and ApplyResourceLimits.

#include "jailer/resource_limit.h"

#include <sys/resource.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "jailer/rollback.h"
#include "tests/fakes/forked_process.h"

namespace mayfly {
namespace {

std::string Limits() {
  std::string text;
  for (const __rlimit_resource resource : {RLIMIT_CORE, RLIMIT_NOFILE, RLIMIT_FSIZE}) {
    rlimit limit = {};
    getrlimit(resource, &limit);
    absl::StrAppend(&text, limit.rlim_cur, "/", limit.rlim_max, " ");
  }
  return text;
}

TEST(ResourceLimitTest, TakesBothKinds) {
  const auto size = ParseResourceLimit("fsize=250000000000");
  ASSERT_TRUE(size.ok()) << size.status();
  EXPECT_EQ(size->kind, ResourceLimit::Kind::kFileSize);
  EXPECT_EQ(size->value, 250000000000U);
  const auto count = ParseResourceLimit("no-file=0");
  ASSERT_TRUE(count.ok()) << count.status();
  EXPECT_EQ(count->kind, ResourceLimit::Kind::kFileCount);
  EXPECT_EQ(count->value, 0U);
}

TEST(ResourceLimitTest, RefusesOtherForms) {
  for (const char* text : {"", "fsize", "fsize=", "fsize=-1", "fsize=1k", "fsize= 1", "nofile=1",
                           "=1", "no-file=18446744073709551616"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseResourceLimit(text).status())) << text;
  }
}

TEST(ResourceLimitTest, SetsSoftAndHardLimits) {
  EXPECT_EQ(ForkedProcess::Run([] {
              Rollback rollback;
              const absl::Status status =
                  ApplyResourceLimits({{.kind = ResourceLimit::Kind::kFileSize, .value = 4096},
                                       {.kind = ResourceLimit::Kind::kFileCount, .value = 64},
                                       {.kind = ResourceLimit::Kind::kFileCount, .value = 32}},
                                      rollback);
              rollback.Dismiss();
              return absl::StrCat(status.message(), Limits());
            }),
            "0/0 32/32 4096/4096 ");
}

TEST(ResourceLimitTest, HasFirecrackersDefault) {
  rlimit limit = {};
  getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_max < kDefaultFileCount) {
    GTEST_SKIP() << "this host allows fewer descriptors than the default";
  }
  const std::string limits = ForkedProcess::Run([] {
    Rollback rollback;
    const absl::Status status = ApplyResourceLimits({}, rollback);
    rollback.Dismiss();
    return absl::StrCat(status.message(), Limits());
  });
  EXPECT_EQ(limits.substr(0, 14), "0/0 2048/2048 ");
}

TEST(ResourceLimitTest, SaysWhichLimitCannotBeSet) {
  const std::string error = ForkedProcess::Run([] {
    Rollback rollback;
    // More than fs.nr_open allows anybody.
    return std::string(
        ApplyResourceLimits({{.kind = ResourceLimit::Kind::kFileCount, .value = uint64_t{1} << 40}},
                            rollback)
            .message());
  });
  EXPECT_EQ(error,
            "Failed to set the limit no-file to 1099511627776: Operation not permitted (os error "
            "1)");
}

}  // namespace
}  // namespace mayfly
