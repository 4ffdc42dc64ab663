// BootTimer: the magic write, once, and the line.

#include "devices/boot_timer.h"

#include <array>
#include <vector>

#include "base/clock.h"
#include "gtest/gtest.h"

namespace mayfly {
namespace {

TEST(BootTimerTest, TheLineIsFirecrackers) {
  EXPECT_EQ((BootTime{.wall_us = 123456, .cpu_us = 7890}).ToString(),
            "Guest-boot-time = 123456 us 123 ms,   7890 CPU us 7 CPU ms");
  EXPECT_EQ((BootTime{.wall_us = 1234567, .cpu_us = 1}).ToString(),
            "Guest-boot-time = 1234567 us 1234 ms,      1 CPU us 0 CPU ms");
}

TEST(BootTimerTest, TheFirstWriteOf123Reports) {
  std::vector<BootTime> times;
  BootTimer timer({.monotonic_us = MonotonicTimeUs() - 5'000, .cpu_us = 0},
                  [&](BootTime time) { times.push_back(time); });
  timer.Write(0, std::array<uint8_t, 1>{122});
  timer.Write(0, std::array<uint8_t, 4>{123, 0, 0, 0});
  EXPECT_TRUE(times.empty());
  timer.Write(0, std::array<uint8_t, 1>{123});
  timer.Write(0, std::array<uint8_t, 1>{123});
  ASSERT_EQ(times.size(), 1u);
  EXPECT_GE(times[0].wall_us, 5'000);
  EXPECT_LT(times[0].wall_us, 60'000'000);
  EXPECT_GT(times[0].cpu_us, 0);
}

TEST(BootTimerTest, ReadsAsZero) {
  BootTimer timer({}, [](BootTime) {});
  std::array<uint8_t, 4> data{1, 2, 3, 4};
  timer.Read(0, data);
  EXPECT_EQ(data, (std::array<uint8_t, 4>{}));
}

}  // namespace
}  // namespace mayfly
