// StartFault: which of Firecracker's words stand for which failure of a start.

#include "api/start_fault.h"

#include <cerrno>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "api/fault.h"
#include "base/status.h"
#include "gtest/gtest.h"
#include "tests/fakes/temporary_file.h"

namespace mayfly {
namespace {

class StartFaultTest : public testing::Test {
 protected:
  void SetUp() override {
    auto kernel = ImageFile::Open(kernel_.path());
    ASSERT_TRUE(kernel.ok()) << kernel.status();
    auto initrd = ImageFile::Open(initrd_.path());
    ASSERT_TRUE(initrd.ok()) << initrd.status();
    boot_.emplace(BootSource{.kernel = *std::move(kernel), .initrd = *std::move(initrd)});
  }

  const TemporaryFile kernel_{std::vector<uint8_t>(10)};
  const TemporaryFile initrd_{std::vector<uint8_t>(10)};
  std::optional<BootSource> boot_;
};

TEST_F(StartFaultTest, WithoutAKernel) {
  const absl::Status fault = StartFault(
      absl::FailedPreconditionError("Cannot start microvm without kernel configuration."), nullptr);
  EXPECT_EQ(fault.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(fault.message(),
            "Start microvm error: Cannot start microvm without kernel configuration.");
}

TEST_F(StartFaultTest, MemoryThatTheHostHasNot) {
  const absl::Status fault = StartFault(
      absl::ResourceExhaustedError("guest memory of 5 MiB is more than the host's 4"), &*boot_);
  EXPECT_EQ(fault.message(),
            "Start microvm error: Invalid Memory Configuration: Cannot create mmap region: Out of "
            "memory (os error 12)");
  EXPECT_EQ(CauseText(fault), "guest memory of 5 MiB is more than the host's 4");
}

TEST_F(StartFaultTest, TooManyDevices) {
  EXPECT_EQ(
      StartFault(absl::ResourceExhaustedError("a VM has at most 19 devices"), &*boot_).message(),
      "Start microvm error: Could not attach device: Failed to allocate requested resource: "
      "Could not allocate GSI: The requested resource is not available.");
}

TEST_F(StartFaultTest, KernelAndInitrdAreKnownByTheirNames) {
  EXPECT_EQ(
      StartFault(absl::InvalidArgumentError(absl::StrCat(kernel_.path(), ": not ELF")), &*boot_)
          .message(),
      absl::StrCat("Start microvm error: System configuration error: Cannot load kernel due "
                   "to invalid memory configuration or invalid kernel image: ",
                   kernel_.path(), ": not ELF"));
  EXPECT_EQ(StartFault(absl::OutOfRangeError(absl::StrCat(initrd_.path(), ": too large")), &*boot_)
                .message(),
            absl::StrCat("Start microvm error: Error with initrd initialization: ", initrd_.path(),
                         ": too large"));
}

TEST_F(StartFaultTest, AnythingElseStandsAsItIs) {
  EXPECT_EQ(StartFault(ErrnoError("KVM_CREATE_VM", EBUSY), &*boot_).message(),
            "Start microvm error: KVM_CREATE_VM: Device or resource busy");
}

}  // namespace
}  // namespace mayfly
