// BootVm: what ends a start before there is a VM (tests/kvm/vm_controller_test.cc has the rest).

#include "api/vm_boot.h"

#include <memory>
#include <string>

#include "base/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/temporary_file.h"

namespace mayfly {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class VmBootTest : public testing::Test {
 protected:
  void SetUp() override {
    auto loop = EventLoop::Create({});
    ASSERT_TRUE(loop.ok()) << loop.status();
    loop_ = *std::move(loop);
  }

  std::string Error(Console::Options console = {}) {
    Machine machine;
    const absl::Status status =
        BootVm({}, {.loop = loop_.get(), .resources = &resources_, .timeline = &timeline_},
               std::move(console), MicroVm::Observer(), machine);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_EQ(machine.vm, nullptr);
    return std::string(status.message());
  }

  PhaseTimeline timeline_{MonotonicTimeUs()};
  const TemporaryFile kernel_{std::vector<uint8_t>(100, 'x')};
  std::unique_ptr<EventLoop> loop_;
  VmResources resources_{Tap::Missing::kIsCreated};
};

TEST_F(VmBootTest, NeedsAKernel) {
  EXPECT_EQ(Error(), "Start microvm error: Cannot start microvm without kernel configuration.");
}

TEST_F(VmBootTest, HasNoBuiltInCpuTemplates) {
  ASSERT_TRUE(resources_.UpdateMachine({.cpu_template = StaticCpuTemplate::kT2}).ok());
  EXPECT_EQ(Error(),
            "Start microvm error: Failed to get CPU template: The current CPU model is not "
            "permitted to apply the CPU template.");
}

TEST_F(VmBootTest, WantsNoMoreQueuesThanVcpus) {
  const TemporaryFile disk(std::vector<uint8_t>(1024));
  ASSERT_TRUE(resources_.SetBootSource({.kernel_image_path = kernel_.path()}).ok());
  ASSERT_TRUE(
      resources_.SetDrive({.drive_id = "d", .path_on_host = disk.path(), .num_queues = 2}).ok());
  EXPECT_THAT(Error(), StartsWith("Start microvm error: drive d: num_queues is 2"));
}

TEST_F(VmBootTest, ASerialOutputThatCannotBeOpenedIsNamed) {
  ASSERT_TRUE(resources_.SetBootSource({.kernel_image_path = kernel_.path()}).ok());
  const std::string error = Error({.serial = {.serial_out_path = "/no/such/folder/serial"}});
  EXPECT_THAT(error, StartsWith("Start microvm error: "));
  EXPECT_THAT(error, HasSubstr("/no/such/folder/serial"));
}

}  // namespace
}  // namespace mayfly
