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
