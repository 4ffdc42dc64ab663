// DSDT: which devices it names. What ACPICA makes of it: tests/unit/vmm/acpi_tables_test.cc.

#include "vmm/dsdt.h"

#include <array>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vmm/aml.h"
#include "vmm/guest_layout.h"

namespace mayfly {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string DsdtOf(std::span<const VirtioMmioResource> devices) {
  AmlBuilder aml;
  AppendDsdt(devices, aml);
  return {aml.bytes().begin(), aml.bytes().end()};
}

TEST(DsdtTest, AlwaysHasSerialKeyboardAndPowerOff) {
  const std::string dsdt = DsdtOf({});
  EXPECT_THAT(dsdt, HasSubstr("COM1"));
  EXPECT_THAT(dsdt, HasSubstr("PS2_"));
  // Package of 4: 5, 0, 0, 0.
  EXPECT_THAT(dsdt, HasSubstr(std::string("\\_S5_\x12\x07\x04\x0a\x05\0\0\0", 13)));
  EXPECT_THAT(dsdt, Not(HasSubstr("LNRO0005")));
}

TEST(DsdtTest, SaysWhereTheGenerationIdAndTheClockAre) {
  const std::string dsdt = DsdtOf({});
  EXPECT_THAT(dsdt, HasSubstr(std::string("_HID\x0dVMGENCTR\0", 14)));
  EXPECT_THAT(dsdt, HasSubstr("_CID\x0dVM_Gen_Counter"));
  EXPECT_THAT(dsdt, HasSubstr("_DDN\x0dVM_Gen_Counter"));
  // Package of 2: 0xdfff0, 0.
  EXPECT_THAT(dsdt, HasSubstr(std::string("ADDR\x12\x08\x02\x0c\xf0\xff\x0d\0\0", 13)));
  EXPECT_THAT(dsdt, HasSubstr(std::string("_HID\x0d\x41MZNC10C\0", 14)));
  EXPECT_THAT(dsdt, HasSubstr("_CID\x0dVMCLOCK"));
  // Memory32Fixed: 4 KiB at 0xde000.
  EXPECT_THAT(dsdt, HasSubstr(std::string("\x86\x09\0\x01\0\xe0\x0d\0\0\x10\0\0", 12)));
}

TEST(DsdtTest, TheirInterruptsNotifyThem) {
  const std::string dsdt = DsdtOf({});
  EXPECT_THAT(dsdt, HasSubstr(std::string("_HID\x0d\x41\x43PI0013\0", 14)));
  // If (Arg0 == gsi) { Notify (device, 0x80) }
  EXPECT_THAT(dsdt, HasSubstr("\x93\x68\x0a\x16\x86VGEN\x0a\x80"));
  EXPECT_THAT(dsdt, HasSubstr("\x93\x68\x0a\x17\x86VCLK\x0a\x80"));
  // Extended interrupts: consumer, edge.
  EXPECT_THAT(dsdt,
              HasSubstr(std::string("\x89\x06\0\x03\x01\x16\0\0\0\x89\x06\0\x03\x01\x17", 15)));
}

TEST(DsdtTest, HasANodePerVirtioDeviceInOrder) {
  const std::array<VirtioMmioResource, 2> devices = {
      {{layout::kVirtioMmio, 5}, {GuestAddress(0xc0002000), 6}}};
  const std::string dsdt = DsdtOf(devices);
  EXPECT_THAT(dsdt, HasSubstr("V000"));
  EXPECT_THAT(dsdt, HasSubstr("V001"));
  EXPECT_THAT(dsdt, Not(HasSubstr("V002")));
  EXPECT_LT(dsdt.find("V000"), dsdt.find("V001"));
}

}  // namespace
}  // namespace mayfly
