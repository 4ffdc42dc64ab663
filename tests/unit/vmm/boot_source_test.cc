// PrepareBoot: everything a kernel looks for is in guest memory.

#include "vmm/boot_source.h"

#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/elf_builder.h"
#include "tests/fakes/temporary_file.h"
#include "tests/fakes/test_memory.h"
#include "vmm/guest_layout.h"

namespace mayfly {
namespace {

constexpr uint64_t kMib = uint64_t{1} << 20;

class BootSourceTest : public testing::Test {
 protected:
  BootSourceTest()
      : kernel_(ElfBuilder(kMib).Segment(kMib, {0xf4}).Build()),
        initrd_(std::vector<uint8_t>(100, 0x77)) {}

  absl::StatusOr<BootEntry> Prepare(const std::string& command_line, const GuestMemory& memory) {
    auto kernel = ImageFile::Open(kernel_.path());
    auto initrd = ImageFile::Open(initrd_.path());
    auto text = KernelCommandLine::Parse(command_line);
    EXPECT_TRUE(kernel.ok() && initrd.ok() && text.ok());
    const BootSource source = {
        .kernel = *std::move(kernel), .initrd = *std::move(initrd), .command_line = *text};
    PhaseTimeline timeline(MonotonicTimeUs());
    return PrepareBoot(source, {.vcpu_count = 2}, memory, timeline);
  }

  const TemporaryFile kernel_;
  const TemporaryFile initrd_;
};

TEST_F(BootSourceTest, WritesCommandLineTablesAndBootInformation) {
  const GuestMemory memory = MakeTestMemory(4 * kMib);
  const auto entry = Prepare("quiet x=1", memory);
  ASSERT_TRUE(entry.ok()) << entry.status();
  EXPECT_EQ(entry->address, GuestAddress(kMib));
  std::vector<uint8_t> text(10);
  ASSERT_TRUE(memory.Read(layout::kCommandLine, text).ok());
  EXPECT_EQ(std::string(text.begin(), text.end()), std::string("quiet x=1\0", 10));
  EXPECT_EQ(*memory.ReadObject<uint64_t>(layout::kRsdp), 0x2052545020445352u);  // "RSD PTR "
  EXPECT_EQ(*memory.ReadObject<uint32_t>(layout::kSystemTables), 0x5f504d5fu);  // "_MP_"
  EXPECT_EQ(*memory.ReadObject<uint16_t>(GuestAddress(0x7000 + 0x1fe)), 0xaa55);
  EXPECT_EQ(*memory.ReadObject<uint8_t>(GuestAddress(4 * kMib - 0x1000)), 0x77);
}

TEST_F(BootSourceTest, RefusesMemoryTooSmallForTheKernel) {
  const GuestMemory memory = MakeTestMemory(kMib);
  EXPECT_THAT(Prepare("", memory).status().message(), testing::HasSubstr("outside guest RAM"));
}

}  // namespace
}  // namespace mayfly
