// KvmSystem: what is said of a device that is missing or is not KVM.

#include "vmm/kvm_system.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

TEST(KvmSystemTest, MissingDeviceIsNamed) {
  const auto kvm = KvmSystem::Open("/dev/no-such-device");
  EXPECT_EQ(kvm.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(kvm.status().message()), HasSubstr("/dev/no-such-device"));
}

TEST(KvmSystemTest, DeviceThatIsNotKvmIsNamed) {
  const auto kvm = KvmSystem::Open("/dev/null");
  ASSERT_FALSE(kvm.ok());
  EXPECT_THAT(std::string(kvm.status().message()),
              StartsWith("/dev/null is not KVM: KVM_GET_API_VERSION"));
}

}  // namespace
}  // namespace mayfly
