// MP table: what a scanner of base memory finds.

#include "vmm/mp_table.h"

#include <array>
#include <cstring>
#include <numeric>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "vmm/guest_ram.h"

namespace mayfly {
namespace {

// Fields at their offsets in the MP specification, read from guest memory.
class MpTableTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto ram = CreateGuestRam({.size_bytes = uint64_t{1} << 20});
    ASSERT_TRUE(ram.ok()) << ram.status();
    memory = std::move(*ram);
  }

  // The configuration table the floating pointer points to; empty when there is none.
  std::vector<uint8_t> WriteAndRead(uint32_t vcpu_count) {
    SystemTableArea area;
    const absl::Status status = WriteMpTable(vcpu_count, memory, area);
    EXPECT_TRUE(status.ok()) << status;
    const auto pointer = Bytes(layout::kSystemTables, 16);
    EXPECT_EQ(std::memcmp(pointer.data(), "_MP_", 4), 0);
    EXPECT_EQ(pointer[8], 1);  // paragraphs
    EXPECT_EQ(pointer[9], 4);  // revision
    EXPECT_EQ(Sum(pointer), 0);
    const GuestAddress address(Field<uint32_t>(pointer, 4));
    const auto header = Bytes(address, 44);
    return Bytes(address, Field<uint16_t>(header, 4));
  }

  std::vector<uint8_t> Bytes(GuestAddress address, size_t size_bytes) {
    std::vector<uint8_t> bytes(size_bytes);
    EXPECT_TRUE(memory.Read(address, bytes).ok());
    return bytes;
  }

  template <typename T>
  static T Field(const std::vector<uint8_t>& bytes, size_t offset) {
    T value;
    std::memcpy(&value, bytes.data() + offset, sizeof(value));
    return value;
  }

  static uint8_t Sum(const std::vector<uint8_t>& bytes) {
    return static_cast<uint8_t>(std::accumulate(bytes.begin(), bytes.end(), 0u));
  }

  GuestMemory memory;
};

TEST_F(MpTableTest, HeaderCountsEntriesAndAddsUp) {
  const auto table = WriteAndRead(2);
  ASSERT_EQ(table.size(), 44u + 2 * 20 + 8 + 8 + 24 * 8 + 2 * 8);
  EXPECT_EQ(std::memcmp(table.data(), "PCMP", 4), 0);
  EXPECT_EQ(Field<uint16_t>(table, 34), 2 + 1 + 1 + 24 + 2);
  EXPECT_EQ(Field<uint32_t>(table, 36), 0xfee00000u);
  EXPECT_EQ(Sum(table), 0);
}

TEST_F(MpTableTest, ListsProcessorsWithTheFirstAsBootProcessor) {
  const auto table = WriteAndRead(3);
  for (uint8_t i = 0; i < 3; ++i) {
    const size_t entry = 44 + i * size_t{20};
    EXPECT_EQ(table[entry], 0);
    EXPECT_EQ(table[entry + 1], i);
    EXPECT_EQ(table[entry + 2], 0x14);
    EXPECT_EQ(table[entry + 3], i == 0 ? 3 : 1);
    EXPECT_EQ(Field<uint32_t>(table, entry + 4), 0x600u);
    EXPECT_EQ(Field<uint32_t>(table, entry + 8), 0x201u);
  }
}

TEST_F(MpTableTest, ListsBusIoApicAndInterrupts) {
  const auto table = WriteAndRead(1);
  size_t entry = 44 + 20;
  EXPECT_EQ(std::memcmp(table.data() + entry, "\x01\x00ISA   ", 8), 0);
  entry += 8;
  EXPECT_EQ(table[entry], 2);
  EXPECT_EQ(table[entry + 1], 2);  // the id after the processors'
  EXPECT_EQ(table[entry + 3], 1);
  EXPECT_EQ(Field<uint32_t>(table, entry + 4), 0xfec00000u);
  for (uint8_t pin = 0; pin < 24; ++pin) {
    entry += 8;
    const std::vector<uint8_t> expected = {3, 0, 0, 0, 0, pin, 2, pin};
    EXPECT_EQ(std::vector<uint8_t>(table.begin() + static_cast<ptrdiff_t>(entry),
                                   table.begin() + static_cast<ptrdiff_t>(entry) + 8),
              expected);
  }
  const std::vector<uint8_t> local = {4, 3, 0, 0, 0, 0, 0,    0,   // LINT0: ExtINT, CPU 0
                                      4, 1, 0, 0, 0, 0, 0xff, 1};  // LINT1: NMI, all CPUs
  EXPECT_EQ(std::vector<uint8_t>(table.begin() + static_cast<ptrdiff_t>(entry) + 8, table.end()),
            local);
}

TEST_F(MpTableTest, StaysInTheLastKibOfBaseMemoryWithMostProcessors) {
  SystemTableArea area;
  ASSERT_TRUE(WriteMpTable(layout::kMaxVcpus, memory, area).ok());
  EXPECT_LE(*area.Allocate(1, 1), GuestAddress(0xa0000));
}

TEST_F(MpTableTest, RefusesImpossibleCounts) {
  SystemTableArea area;
  EXPECT_EQ(WriteMpTable(0, memory, area).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(WriteMpTable(33, memory, area).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(MpTableTest, ReportsMemoryThatEndsBelowTheTables) {
  auto small = CreateGuestRam({.size_bytes = 0x9f000});
  ASSERT_TRUE(small.ok()) << small.status();
  SystemTableArea area;
  EXPECT_EQ(WriteMpTable(1, *small, area).code(), absl::StatusCode::kOutOfRange);
}

}  // namespace
}  // namespace mayfly
