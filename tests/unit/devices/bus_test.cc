// Bus: routing, gaps and overlaps.

#include "devices/bus.h"

#include <array>
#include <limits>
#include <vector>

#include "gtest/gtest.h"

namespace mayfly {
namespace {

class RecordingDevice : public BusDevice {
 public:
  void Read(uint64_t guest_offset, std::span<uint8_t> data) override {
    reads.push_back(guest_offset);
    std::fill(data.begin(), data.end(), uint8_t{0x5a});
  }
  void Write(uint64_t guest_offset, std::span<const uint8_t> guest_data) override {
    writes.push_back(guest_offset);
    last.assign(guest_data.begin(), guest_data.end());
  }

  std::vector<uint64_t> reads;
  std::vector<uint64_t> writes;
  std::vector<uint8_t> last;
};

TEST(BusTest, RoutesByRangeWithTheOffsetIntoTheDevice) {
  Bus bus;
  RecordingDevice low;
  RecordingDevice high;
  ASSERT_TRUE(bus.Attach(0x3f8, 8, &low).ok());
  ASSERT_TRUE(bus.Attach(0x60, 5, &high).ok());
  std::array<uint8_t, 2> data{};
  EXPECT_TRUE(bus.Read(0x3ff, data));
  EXPECT_EQ(low.reads, std::vector<uint64_t>{7});
  EXPECT_EQ(data[0], 0x5a);
  EXPECT_TRUE(bus.Write(0x64, data));
  EXPECT_EQ(high.writes, std::vector<uint64_t>{4});
  EXPECT_EQ(high.last.size(), 2u);
}

TEST(BusTest, ReadsOfNothingGiveAllOnes) {
  Bus bus;
  RecordingDevice device;
  ASSERT_TRUE(bus.Attach(0x3f8, 8, &device).ok());
  std::array<uint8_t, 4> data{};
  EXPECT_FALSE(bus.Read(0x400, data));
  EXPECT_EQ(data, (std::array<uint8_t, 4>{0xff, 0xff, 0xff, 0xff}));
  EXPECT_FALSE(bus.Read(0x3f7, data));
  EXPECT_FALSE(bus.Write(0, data));
  EXPECT_TRUE(device.reads.empty());
}

TEST(BusTest, RefusesOverlapEmptyAndWrappingRanges) {
  Bus bus;
  RecordingDevice device;
  ASSERT_TRUE(bus.Attach(100, 10, &device).ok());
  EXPECT_EQ(bus.Attach(109, 1, &device).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(bus.Attach(95, 6, &device).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(bus.Attach(90, 40, &device).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(bus.Attach(5, 0, &device).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(bus.Attach(std::numeric_limits<uint64_t>::max(), 2, &device).ok());
  EXPECT_TRUE(bus.Attach(110, 1, &device).ok());
  EXPECT_TRUE(bus.Attach(90, 10, &device).ok());
}

}  // namespace
}  // namespace mayfly
