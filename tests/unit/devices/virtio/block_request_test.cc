// BlockRequest: what Parse takes off a chain, and its verdicts at the bounds.

#include "devices/virtio/block_request.h"

#include <cstdint>
#include <cstring>
#include <vector>

#include "gtest/gtest.h"
#include "tests/fakes/test_memory.h"

namespace mayfly {
namespace {

constexpr BlockLimits kDisk = {
    .sector_count = 100, .is_read_only = false, .has_flush = true, .has_discard = true};

class BlockRequestTest : public testing::Test {
 protected:
  // A request with a header, then `readable_bytes` and `writable_bytes` without the status.
  void Make(BlockRequestType type, uint64_t sector, uint64_t readable_bytes,
            uint64_t writable_bytes) {
    request.chain.readable.Clear();
    request.chain.writable.Clear();
    const auto number = static_cast<uint32_t>(type);
    ASSERT_TRUE(memory.WriteObject(GuestAddress(0), number).ok());
    ASSERT_TRUE(memory.WriteObject(GuestAddress(8), sector).ok());
    request.chain.readable.Add(*memory.Resolve({GuestAddress(0), 16 + readable_bytes}));
    request.chain.writable.Add(*memory.Resolve({GuestAddress(0x8000), writable_bytes + 1}));
  }
  void MakeRange(BlockRequestType type, uint64_t sector, uint32_t count, uint32_t flags) {
    Make(type, 0, 16, 0);
    ASSERT_TRUE(memory.WriteObject(GuestAddress(16), sector).ok());
    ASSERT_TRUE(memory.WriteObject(GuestAddress(24), count).ok());
    ASSERT_TRUE(memory.WriteObject(GuestAddress(28), flags).ok());
  }
  BlockStatus Parse(const BlockLimits& limits = kDisk) {
    const auto status = request.Parse(limits);
    EXPECT_TRUE(status.ok()) << status.status();
    return status.value_or(BlockStatus::kIoError);
  }

  GuestMemory memory = MakeTestMemory(0x20000);
  BlockRequest request;
};

TEST_F(BlockRequestTest, LeavesTheData) {
  Make(BlockRequestType::kIn, 7, 0, 1024);
  EXPECT_EQ(Parse(), BlockStatus::kOk);
  EXPECT_EQ(request.type, BlockRequestType::kIn);
  EXPECT_EQ(request.offset_bytes, 7u * 512);
  EXPECT_EQ(request.data_bytes, 1024u);
  EXPECT_EQ(request.writable_bytes, 1025u);
  EXPECT_EQ(request.chain.writable.size_bytes(), 1024u);
  EXPECT_TRUE(request.chain.readable.empty());
  EXPECT_EQ(request.status, memory.Resolve({GuestAddress(0x8000 + 1024), 1})->data());
}

TEST_F(BlockRequestTest, ATransferEndsWhereTheDiskEnds) {
  for (const BlockRequestType type : {BlockRequestType::kIn, BlockRequestType::kOut}) {
    const bool is_in = type == BlockRequestType::kIn;
    const auto parse = [&](uint64_t sector, uint64_t size_bytes) {
      Make(type, sector, is_in ? 0 : size_bytes, is_in ? size_bytes : 0);
      return Parse();
    };
    EXPECT_EQ(parse(98, 1024), BlockStatus::kOk);
    EXPECT_EQ(parse(100, 0), BlockStatus::kOk);
    EXPECT_EQ(parse(99, 1024), BlockStatus::kIoError);
    EXPECT_EQ(parse(100, 512), BlockStatus::kIoError);
    EXPECT_EQ(parse(101, 0), BlockStatus::kIoError);
    EXPECT_EQ(parse(~uint64_t{0}, 512), BlockStatus::kIoError);
    EXPECT_EQ(parse(0, 511), BlockStatus::kIoError);
  }
}

TEST_F(BlockRequestTest, WhatTheDiskDoesNotHaveIsRefused) {
  BlockLimits limits = kDisk;
  limits.is_read_only = true;
  Make(BlockRequestType::kOut, 0, 512, 0);
  EXPECT_EQ(Parse(limits), BlockStatus::kIoError);
  MakeRange(BlockRequestType::kDiscard, 0, 1, 0);
  EXPECT_EQ(Parse(limits), BlockStatus::kIoError);
  limits = kDisk;
  limits.has_flush = false;
  Make(BlockRequestType::kFlush, 0, 0, 0);
  EXPECT_EQ(Parse(limits), BlockStatus::kUnsupported);
  limits.has_discard = false;
  MakeRange(BlockRequestType::kWriteZeroes, 0, 1, 0);
  EXPECT_EQ(Parse(limits), BlockStatus::kUnsupported);
  Make(static_cast<BlockRequestType>(2), 0, 0, 0);
  EXPECT_EQ(Parse(), BlockStatus::kUnsupported);
}

TEST_F(BlockRequestTest, RangesAreCheckedOneByOne) {
  MakeRange(BlockRequestType::kWriteZeroes, 90, 10, 1);
  EXPECT_EQ(Parse(), BlockStatus::kOk);
  ASSERT_EQ(request.ranges.size(), 1u);
  EXPECT_EQ(request.ranges[0].offset_bytes, 90u * 512);
  EXPECT_EQ(request.ranges[0].size_bytes, 10u * 512);
  EXPECT_TRUE(request.ranges[0].is_unmap_allowed);
  MakeRange(BlockRequestType::kWriteZeroes, 90, 11, 0);
  EXPECT_EQ(Parse(), BlockStatus::kIoError);
  MakeRange(BlockRequestType::kWriteZeroes, ~uint64_t{0}, 0xffffffff, 0);
  EXPECT_EQ(Parse(), BlockStatus::kIoError);
  MakeRange(BlockRequestType::kDiscard, 0, 1, 1);
  EXPECT_EQ(Parse(), BlockStatus::kUnsupported);
  // Of no sectors: nothing is to be done for it.
  MakeRange(BlockRequestType::kDiscard, 0, 0, 0);
  EXPECT_EQ(Parse(), BlockStatus::kOk);
  EXPECT_TRUE(request.ranges.empty());
}

TEST_F(BlockRequestTest, TakesAsManyRangesAsItSays) {
  Make(BlockRequestType::kDiscard, 0, 16 * BlockLimits::kMaxRanges, 0);
  EXPECT_EQ(Parse(), BlockStatus::kOk);
  Make(BlockRequestType::kDiscard, 0, 16 * BlockLimits::kMaxRanges + 16, 0);
  EXPECT_EQ(Parse(), BlockStatus::kIoError);
  Make(BlockRequestType::kDiscard, 0, 15, 0);
  EXPECT_EQ(Parse(), BlockStatus::kIoError);
  Make(BlockRequestType::kDiscard, 0, 0, 0);
  EXPECT_EQ(Parse(), BlockStatus::kIoError);
}

TEST_F(BlockRequestTest, WithoutHeaderOrStatusThereIsNoVerdict) {
  Make(BlockRequestType::kIn, 0, 0, 0);
  request.chain.readable.TakeLastByte();
  EXPECT_EQ(request.Parse(kDisk).status().code(), absl::StatusCode::kInvalidArgument);
  Make(BlockRequestType::kIn, 0, 0, 0);
  request.chain.writable.TakeLastByte();
  EXPECT_EQ(request.Parse(kDisk).status().code(), absl::StatusCode::kInvalidArgument);
}

// The used ring counts in 32 bits.
TEST_F(BlockRequestTest, RefusesMoreThanFourGigabytes) {
  const GuestMemory large = MakeTestMemory(uint64_t{1} << 31);
  Make(BlockRequestType::kIn, 0, 0, 0);
  for (int i = 0; i < 2; ++i) {
    request.chain.writable.Add(*large.Resolve({GuestAddress(0), uint64_t{1} << 31}));
  }
  EXPECT_EQ(request.Parse(kDisk).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace mayfly
