// WriteZeroPage: the fields a kernel reads.

#include "vmm/zero_page.h"

#include <asm/bootparam.h>

#include <cstring>
#include <vector>

#include "gtest/gtest.h"
#include "tests/fakes/test_memory.h"
#include "vmm/guest_layout.h"

namespace mayfly {
namespace {

constexpr uint64_t kMib = uint64_t{1} << 20;

boot_params ReadZeroPage(const GuestMemory& memory) {
  std::vector<uint8_t> bytes(sizeof(boot_params));
  EXPECT_TRUE(memory.Read(layout::kZeroPage, bytes).ok());
  boot_params params;
  std::memcpy(&params, bytes.data(), sizeof(params));
  return params;
}

TEST(ZeroPageTest, ElfKernelGetsAHeaderOfItsOwn) {
  const GuestMemory memory = MakeTestMemory(kMib);
  const std::vector<MemoryMapEntry> map = {
      {{GuestAddress(0), 0x9fc00}, MemoryType::kRam},
      {{GuestAddress(0x9fc00), 0x1000}, MemoryType::kReserved}};
  const BootInfo info = {.command_line = {GuestAddress(0x20000), 11},
                         .initrd = GuestRange{GuestAddress(0x123456000), 0x100000001},
                         .memory_map = map,
                         .rsdp = GuestAddress(0xe0000)};
  ASSERT_TRUE(WriteZeroPage(info, {}, memory).ok());
  const boot_params params = ReadZeroPage(memory);
  EXPECT_EQ(params.hdr.boot_flag, 0xaa55);
  EXPECT_EQ(params.hdr.header, 0x53726448u);
  EXPECT_EQ(params.hdr.type_of_loader, 0xff);
  EXPECT_EQ(params.hdr.cmd_line_ptr, 0x20000u);
  EXPECT_EQ(params.hdr.cmdline_size, 11u);
  EXPECT_EQ(params.hdr.ramdisk_image, 0x23456000u);
  EXPECT_EQ(params.ext_ramdisk_image, 1u);
  EXPECT_EQ(params.hdr.ramdisk_size, 1u);
  EXPECT_EQ(params.ext_ramdisk_size, 1u);
  EXPECT_EQ(params.acpi_rsdp_addr, 0xe0000u);
  ASSERT_EQ(params.e820_entries, 2);
  EXPECT_EQ(params.e820_table[1].addr, 0x9fc00u);
  EXPECT_EQ(params.e820_table[1].size, 0x1000u);
  EXPECT_EQ(params.e820_table[1].type, 2u);
}

TEST(ZeroPageTest, KeepsTheHeaderOfABzImage) {
  const GuestMemory memory = MakeTestMemory(kMib);
  std::vector<uint8_t> header(0x70);
  header[offsetof(setup_header, cmdline_size)] = 0xff;
  header[offsetof(setup_header, cmdline_size) + 1] = 0x07;
  header[offsetof(setup_header, version)] = 0x0f;
  ASSERT_TRUE(WriteZeroPage({.command_line = {GuestAddress(0x20000), 5}}, header, memory).ok());
  const boot_params params = ReadZeroPage(memory);
  EXPECT_EQ(params.hdr.cmdline_size, 0x7ffu);
  EXPECT_EQ(params.hdr.version, 0x0f);
  EXPECT_EQ(params.hdr.ramdisk_size, 0u);
  EXPECT_EQ(params.e820_entries, 0);
}

TEST(ZeroPageTest, RefusesAMemoryMapThatDoesNotFit) {
  const GuestMemory memory = MakeTestMemory(kMib);
  const std::vector<MemoryMapEntry> map(129);
  EXPECT_EQ(WriteZeroPage({.memory_map = map}, {}, memory).code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace mayfly
