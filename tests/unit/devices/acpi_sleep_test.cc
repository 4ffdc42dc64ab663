// AcpiSleep: only the request for S5 powers off.

#include "devices/acpi_sleep.h"

#include <array>
#include <cstdint>

#include "gtest/gtest.h"

namespace mayfly {
namespace {

class AcpiSleepTest : public ::testing::Test {
 protected:
  void Write(uint64_t offset, uint8_t value) {
    const std::array<uint8_t, 1> data = {value};
    sleep.Write(offset, data);
  }

  int power_offs = 0;
  AcpiSleep sleep{[this] { ++power_offs; }};
};

TEST_F(AcpiSleepTest, EnableWithS5PowersOff) {
  Write(0, 5 << 2 | 1 << 5);
  EXPECT_EQ(power_offs, 1);
}

TEST_F(AcpiSleepTest, WideWritesCountByTheirFirstByte) {
  const std::array<uint8_t, 2> data = {5 << 2 | 1 << 5, 0};
  sleep.Write(0, data);
  EXPECT_EQ(power_offs, 1);
}

TEST_F(AcpiSleepTest, NothingElsePowersOff) {
  for (int value = 0; value < 256; ++value) {
    const bool enables_s5 = (value & 0x20) != 0 && (value >> 2 & 7) == 5;
    if (!enables_s5) {
      Write(0, static_cast<uint8_t>(value));
    }
    Write(1, static_cast<uint8_t>(value));
  }
  EXPECT_EQ(power_offs, 0);
}

TEST_F(AcpiSleepTest, NeverReportsAWakeUp) {
  Write(1, 0x80);
  std::array<uint8_t, 4> data = {1, 2, 3, 4};
  sleep.Read(1, data);
  EXPECT_EQ(data, (std::array<uint8_t, 4>{}));
}

}  // namespace
}  // namespace mayfly
