// UpdateDrive without a change (tests/kvm/vm_controller_test.cc has updates of a running VM).

#include "api/device_update.h"

#include <optional>

#include "gtest/gtest.h"
#include "tests/unit/api/vm_resources_fixture.h"

namespace mayfly {
namespace {

using DeviceUpdateTest = VmResourcesTest;

TEST_F(DeviceUpdateTest, AnUpdateOfADriveChangesSomething) {
  ASSERT_TRUE(resources_.SetDrive(Drive("d")).ok());
  const auto before = resources_.ToJson();
  std::optional<absl::Status> answer;
  // Refused before a VM is asked.
  UpdateDrive({.drive_id = "d"}, nullptr, &resources_,
              [&answer](const absl::Status& status) { answer = status; });
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(answer->message(),
            "Drive config error: Unable to patch the block device: Block: Running method expected "
            "different backend. Please verify the request arguments.");
  EXPECT_EQ(resources_.ToJson(), before);
}

}  // namespace
}  // namespace mayfly
