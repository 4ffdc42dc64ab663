// RunSession: whole runs of tiny kernels, and kernels and sizes that cannot be booted.

#include "api/run_session.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/elf_builder.h"
#include "tests/fakes/temporary_file.h"
#include "tests/guests/guests.h"
#include "tests/kvm/bare_vm.h"

namespace mayfly {
namespace {

using testing::HasSubstr;

constexpr uint64_t kLoadAddress = layout::kHighRam.value();

ElfBuilder Kernel(std::span<const uint8_t> guest) {
  return ElfBuilder(kLoadAddress).Segment(kLoadAddress, {guest.begin(), guest.end()});
}

class RunSessionTest : public testing::Test {
 protected:
  void SetUp() override {
    SKIP_WITHOUT_KVM();
    // Whatever terminal the test runs on is left alone.
    const auto null = OwnedFd::Open("/dev/null", O_RDONLY);
    ASSERT_TRUE(null.ok()) << null.status();
    ASSERT_EQ(dup2(null->get(), STDIN_FILENO), STDIN_FILENO);
  }

  absl::StatusOr<int> Run(std::span<const uint8_t> kernel_bytes) {
    const TemporaryFile kernel(kernel_bytes);
    options_.kernel_path = kernel.path();
    PhaseTimeline timeline(MonotonicTimeUs());
    return RunSession(options_, &timeline).Run();
  }

  // Why the run was refused, which is one line.
  std::string Refusal(std::span<const uint8_t> kernel_bytes) {
    const absl::StatusOr<int> result = Run(kernel_bytes);
    EXPECT_FALSE(result.ok());
    std::string message(result.status().message());
    EXPECT_EQ(std::count(message.begin(), message.end(), '\n'), 0) << message;
    return message;
  }

  // The same of a kernel that is at fault itself: the line names its file.
  std::string KernelRefusal(std::span<const uint8_t> kernel_bytes) {
    std::string message = Refusal(kernel_bytes);
    EXPECT_THAT(message, HasSubstr(options_.kernel_path));
    return message;
  }

  RunOptions options_;
};

TEST_F(RunSessionTest, GuestThatResetsEndsWithStatus0) {
  testing::internal::CaptureStdout();
  const absl::StatusOr<int> result = Run(Kernel(guests::serial_hello_then_reset()).Build());
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "hello\n");
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(*result, kExitOk);
}

TEST_F(RunSessionTest, GuestThatPowersOffEndsWithStatus0) {
  const absl::StatusOr<int> result = Run(Kernel(guests::power_off()).Build());
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(*result, kExitOk);
}

TEST_F(RunSessionTest, TripleFaultHasAStatusOfItsOwnAndADump) {
  testing::internal::CaptureStderr();
  const absl::StatusOr<int> result = Run(Kernel(guests::triple_fault()).Build());
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("rip"));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(*result, kExitGuestFault);
}

TEST_F(RunSessionTest, RefusesWhatIsNoKernel) {
  EXPECT_THAT(KernelRefusal(std::vector<uint8_t>(4096, 'x')), HasSubstr("neither"));
}

TEST_F(RunSessionTest, RefusesATruncatedKernel) {
  std::vector<uint8_t> bytes = Kernel(guests::power_off()).Build();
  bytes.resize(bytes.size() - 1);
  EXPECT_NE(KernelRefusal(bytes), "");
  bytes.resize(sizeof(Elf64_Ehdr) / 2);
  EXPECT_NE(KernelRefusal(bytes), "");
}

TEST_F(RunSessionTest, RefusesA32BitKernel) {
  std::vector<uint8_t> bytes = Kernel(guests::power_off()).Build();
  bytes[EI_CLASS] = ELFCLASS32;
  EXPECT_THAT(KernelRefusal(bytes), HasSubstr("64-bit"));
}

TEST_F(RunSessionTest, RefusesSegmentsOutsideRamOrOverlapping) {
  const std::vector<uint8_t> page(4096, 0xf4);
  EXPECT_NE(KernelRefusal(ElfBuilder(kLoadAddress).Segment(uint64_t{1} << 40, page).Build()), "");
  EXPECT_THAT(KernelRefusal(ElfBuilder(kLoadAddress)
                                .Segment(kLoadAddress, page)
                                .Segment(kLoadAddress + 0x800, page)
                                .Build()),
              HasSubstr("overlap"));
}

TEST_F(RunSessionTest, RefusesAPvhNoteOfAWrongSize) {
  EXPECT_THAT(KernelRefusal(Kernel(guests::power_off()).Note("Xen", 18, {0, 0, 0x10}).Build()),
              HasSubstr("PVH"));
}

TEST_F(RunSessionTest, RefusesAnInitrdLargerThanRam) {
  const TemporaryFile initrd(std::vector<uint8_t>(size_t{3} << 20, 'i'));
  options_.memory_mib = 2;
  options_.initrd_path = initrd.path();
  EXPECT_THAT(Refusal(Kernel(guests::power_off()).Build()), HasSubstr(initrd.path()));
}

TEST_F(RunSessionTest, RefusesMoreMemoryThanTheHostHas) {
  options_.memory_mib = uint64_t{1} << 30;
  EXPECT_THAT(Refusal(Kernel(guests::power_off()).Build()), HasSubstr("more than the host's"));
}

}  // namespace
}  // namespace mayfly
