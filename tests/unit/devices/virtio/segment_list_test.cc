// SegmentList: taking bytes off either end and copying, wherever the buffers are cut.

#include "devices/virtio/segment_list.h"

#include <cstdint>
#include <numeric>
#include <vector>

#include "base/guest_memory.h"
#include "gtest/gtest.h"
#include "tests/fakes/test_memory.h"

namespace mayfly {
namespace {

// 40 bytes that count up, in a guest's memory.
class SegmentListTest : public testing::Test {
 protected:
  void SetUp() override {
    std::iota(bytes.begin(), bytes.end(), uint8_t{1});
    ASSERT_TRUE(memory.Write(GuestAddress(0), bytes).ok());
  }

  GuestSlice Slice(uint64_t start, uint64_t size_bytes) const {
    return *memory.Resolve({GuestAddress(start), size_bytes});
  }

  // The 40 bytes as pieces of the given sizes, the rest as one.
  SegmentList Cut(const std::vector<size_t>& sizes) const {
    SegmentList list;
    size_t start = 0;
    for (const size_t size : sizes) {
      list.Add(Slice(start, size));
      start += size;
    }
    list.Add(Slice(start, bytes.size() - start));
    return list;
  }

  static std::vector<uint8_t> Contents(const SegmentList& list) {
    std::vector<uint8_t> contents(list.size_bytes());
    EXPECT_EQ(list.CopyTo(contents), contents.size());
    return contents;
  }

  std::vector<uint8_t> Part(size_t start, size_t size) const {
    return {bytes.begin() + static_cast<ptrdiff_t>(start),
            bytes.begin() + static_cast<ptrdiff_t>(start + size)};
  }

  GuestMemory memory = MakeTestMemory(4096);
  std::vector<uint8_t> bytes = std::vector<uint8_t>(40);
};

TEST_F(SegmentListTest, LeavesEmptySlicesOut) {
  SegmentList list;
  EXPECT_TRUE(list.empty());
  list.Add(Slice(0, 0));
  EXPECT_TRUE(list.segments().empty());
  list.Add(Slice(8, 3));
  list.Add(Slice(0, 0));
  list.Add(Slice(0, 2));
  ASSERT_EQ(list.segments().size(), 2u);
  EXPECT_EQ(list.segments()[0].iov_base, Slice(8, 3).data());
  EXPECT_EQ(list.segments()[1].iov_len, 2u);
  EXPECT_EQ(list.size_bytes(), 5u);
  EXPECT_EQ(Contents(list), (std::vector<uint8_t>{9, 10, 11, 1, 2}));
}

TEST_F(SegmentListTest, TakesAHeaderThatIsCutAnywhere) {
  for (size_t first = 0; first <= 16; ++first) {
    for (size_t second = 0; second + first <= 20; ++second) {
      SegmentList list = Cut({first, second});
      std::vector<uint8_t> header(16);
      ASSERT_TRUE(list.TakeFront(header));
      ASSERT_EQ(header, Part(0, 16));
      ASSERT_EQ(list.size_bytes(), 24u);
      ASSERT_EQ(Contents(list), Part(16, 24));
    }
  }
}

TEST_F(SegmentListTest, TakesNothingWhenThereIsTooLittle) {
  SegmentList list = Cut({3, 5});
  std::vector<uint8_t> header(41, 0xee);
  EXPECT_FALSE(list.TakeFront(header));
  EXPECT_EQ(header, std::vector<uint8_t>(41, 0xee));
  EXPECT_EQ(Contents(list), bytes);
  header.resize(40);
  EXPECT_TRUE(list.TakeFront(header));
  EXPECT_TRUE(list.empty());
  EXPECT_TRUE(list.segments().empty());
  EXPECT_FALSE(list.TakeFront(std::span<uint8_t>(header).first(1)));
  EXPECT_TRUE(list.TakeFront({}));
}

TEST_F(SegmentListTest, TakesTheLastByteUntilNoneIsLeft) {
  SegmentList list = Cut({1, 37, 1});
  for (size_t left = 40; left > 0; --left) {
    ASSERT_EQ(list.TakeLastByte(), Slice(left - 1, 1).data());
    ASSERT_EQ(list.size_bytes(), left - 1);
  }
  EXPECT_EQ(list.TakeLastByte(), nullptr);
  EXPECT_TRUE(list.segments().empty());
}

TEST_F(SegmentListTest, TheLastByteStaysWhenEverythingElseIsDropped) {
  SegmentList list = Cut({16, 23});
  list.DropFront(39);
  EXPECT_EQ(list.segments().size(), 1u);
  EXPECT_EQ(list.TakeLastByte(), Slice(39, 1).data());
  EXPECT_TRUE(list.segments().empty());
  EXPECT_EQ(list.TakeLastByte(), nullptr);
}

TEST_F(SegmentListTest, DropsFromTheFront) {
  for (size_t count = 0; count <= 40; ++count) {
    SegmentList list = Cut({7, 1, 20});
    list.DropFront(count);
    ASSERT_EQ(Contents(list), Part(count, 40 - count));
  }
  SegmentList list = Cut({7});
  EXPECT_DEATH(list.DropFront(41), "");
}

TEST_F(SegmentListTest, AddsTheFrontOfAnother) {
  for (size_t count = 0; count <= 50; ++count) {
    SegmentList whole = Cut({7, 1, 20});
    whole.DropFront(3);
    SegmentList part;
    part.AddFront(whole, count);
    ASSERT_EQ(Contents(part), Part(3, std::min<size_t>(count, 37)));
  }
}

TEST_F(SegmentListTest, CopiesToAnyOffset) {
  const std::vector<uint8_t> in = {0xa0, 0xa1, 0xa2, 0xa3, 0xa4};
  for (size_t offset = 0; offset <= 45; ++offset) {
    SetUp();
    const SegmentList list = Cut({2, 3, 1, 30});
    const size_t fitting = offset >= 40 ? 0 : std::min<size_t>(in.size(), 40 - offset);
    ASSERT_EQ(list.CopyFrom(offset, in), fitting);
    std::vector<uint8_t> expected = bytes;
    std::copy_n(in.begin(), fitting, expected.begin() + static_cast<ptrdiff_t>(offset));
    ASSERT_EQ(Contents(list), expected);
    EXPECT_EQ(*memory.ReadObject<uint8_t>(GuestAddress(40)), 0);
  }
}

TEST_F(SegmentListTest, CopiesWhatFits) {
  const SegmentList list = Cut({10});
  std::vector<uint8_t> out(15);
  EXPECT_EQ(list.CopyTo(out), 15u);
  EXPECT_EQ(out, Part(0, 15));
  out.assign(60, 0xee);
  EXPECT_EQ(list.CopyTo(out), 40u);
  EXPECT_EQ(out[39], 40);
  EXPECT_EQ(out[40], 0xee);
}

TEST_F(SegmentListTest, IsReusedAfterClear) {
  SegmentList list = Cut({10, 10});
  list.DropFront(15);
  list.Clear();
  EXPECT_TRUE(list.empty());
  EXPECT_TRUE(list.segments().empty());
  list.Add(Slice(4, 2));
  EXPECT_EQ(Contents(list), Part(4, 2));
}

}  // namespace
}  // namespace mayfly
