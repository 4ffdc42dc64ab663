// DescriptorTable: well-formed chains, direct and indirect, and what a chain may not be.

#include "devices/virtio/descriptor_chain.h"

#include <cstdint>
#include <vector>

#include "gtest/gtest.h"
#include "tests/fakes/chain_builder.h"
#include "tests/fakes/fake_queue.h"
#include "tests/fakes/test_memory.h"

namespace mayfly {
namespace {

constexpr uint64_t kRamBytes = 0x100000;
constexpr uint64_t kIndirectTable = 0x8000;

class DescriptorTableTest : public testing::Test {
 protected:
  DescriptorTable Table(bool is_indirect_allowed) const {
    return {&memory,
            *memory.Resolve({GuestAddress(queue.descriptors()), uint64_t{16} * queue.size()}),
            queue.size(), is_indirect_allowed};
  }

  absl::Status Read(uint16_t head, bool is_indirect_allowed = true) {
    return Table(is_indirect_allowed).Read(head, chain);
  }

  bool IsAt(const iovec& segment, uint64_t address, size_t size_bytes) const {
    return segment.iov_base == memory.Resolve({GuestAddress(address), size_bytes})->data() &&
           segment.iov_len == size_bytes;
  }

  GuestMemory memory = MakeTestMemory(kRamBytes);
  FakeQueue queue{&memory, 0x1000, 8};
  DescriptorChain chain;
};

TEST_F(DescriptorTableTest, SplitsAChainByDirection) {
  const uint16_t head = queue.Link(ChainBuilder()
                                       .Readable(0x2000, 16)
                                       .Readable(0x3000, 5)
                                       .Writable(0x4000, 512)
                                       .Writable(kRamBytes - 1, 1)
                                       .Build());
  ASSERT_TRUE(Read(head).ok());
  EXPECT_EQ(chain.head, head);
  ASSERT_EQ(chain.readable.segments().size(), 2u);
  EXPECT_TRUE(IsAt(chain.readable.segments()[0], 0x2000, 16));
  EXPECT_TRUE(IsAt(chain.readable.segments()[1], 0x3000, 5));
  ASSERT_EQ(chain.writable.segments().size(), 2u);
  EXPECT_TRUE(IsAt(chain.writable.segments()[0], 0x4000, 512));
  EXPECT_TRUE(IsAt(chain.writable.segments()[1], kRamBytes - 1, 1));
}

TEST_F(DescriptorTableTest, ForgetsTheChainBefore) {
  ASSERT_TRUE(Read(queue.Link(ChainBuilder().Readable(0x2000, 16).Build())).ok());
  ASSERT_TRUE(Read(queue.Link(ChainBuilder().Writable(0x2000, 3).Build())).ok());
  EXPECT_TRUE(chain.readable.empty());
  EXPECT_EQ(chain.writable.size_bytes(), 3u);
}

TEST_F(DescriptorTableTest, MayUseEveryDescriptor) {
  ChainBuilder builder;
  for (uint64_t i = 0; i < queue.size(); ++i) {
    builder.Writable(0x2000 + 0x100 * i, 1);
  }
  ASSERT_TRUE(Read(queue.Link(builder.Build())).ok());
  EXPECT_EQ(chain.writable.segments().size(), queue.size());
}

TEST_F(DescriptorTableTest, ReadsAnIndirectChain) {
  const uint16_t head = queue.Link(
      ChainBuilder().Readable(0x2000, 16).Writable(0x3000, 1).Indirect(memory, kIndirectTable));
  ASSERT_TRUE(Read(head).ok());
  EXPECT_EQ(chain.head, head);
  EXPECT_TRUE(IsAt(chain.readable.segments()[0], 0x2000, 16));
  EXPECT_TRUE(IsAt(chain.writable.segments()[0], 0x3000, 1));
}

// 2.7.5.3.2: "The device MUST handle the case of zero or more normal chained descriptors followed
// by a single descriptor with flags&VIRTQ_DESC_F_INDIRECT", and ignores its WRITE flag.
TEST_F(DescriptorTableTest, ReadsAnIndirectPartBehindPlainDescriptors) {
  VirtqDescriptor indirect =
      ChainBuilder().Readable(0x3000, 4).Writable(0x4000, 1).Indirect(memory, kIndirectTable)[0];
  indirect.flags |= VirtqDescriptor::kWrite;
  ASSERT_TRUE(Read(queue.Link(ChainBuilder().Readable(0x2000, 16).Raw(indirect).Build())).ok());
  EXPECT_EQ(chain.readable.segments().size(), 2u);
  EXPECT_EQ(chain.writable.segments().size(), 1u);
}

TEST_F(DescriptorTableTest, AnIndirectChainMayBeAsLongAsTheQueueInALongerTable) {
  ChainBuilder builder;
  for (uint64_t i = 0; i < queue.size(); ++i) {
    builder.Readable(0x2000, 1);
  }
  VirtqDescriptor indirect = builder.Indirect(memory, kIndirectTable)[0];
  indirect.guest_length += 160;
  ASSERT_TRUE(Read(queue.Link({indirect})).ok());
  EXPECT_EQ(chain.readable.size_bytes(), queue.size());
}

TEST_F(DescriptorTableTest, PlainDescriptorsCountTowardsTheLengthOfAnIndirectChain) {
  ChainBuilder builder;
  for (uint64_t i = 0; i < queue.size(); ++i) {
    builder.Readable(0x2000, 1);
  }
  const VirtqDescriptor indirect = builder.Indirect(memory, kIndirectTable)[0];
  EXPECT_EQ(Read(queue.Link(ChainBuilder().Readable(0x2000, 1).Raw(indirect).Build())).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(DescriptorTableTest, RefusesIndirectWithoutTheFeature) {
  const uint16_t head =
      queue.Link(ChainBuilder().Readable(0x2000, 16).Indirect(memory, kIndirectTable));
  const absl::Status status = Read(head, /*is_indirect_allowed=*/false);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "a descriptor is indirect without the feature");
}

TEST_F(DescriptorTableTest, SaysWhichRuleWasBroken) {
  VirtqDescriptor loop = {.guest_address = 0x2000, .guest_length = 1, .flags = 1, .guest_next = 0};
  queue.WriteDescriptor(0, loop);
  EXPECT_EQ(Read(0).message(), "a chain has more descriptors than the queue");
  loop.guest_next = 8;
  queue.WriteDescriptor(0, loop);
  EXPECT_EQ(Read(0).message(), "descriptor index 8 is outside of a table of 8");
  EXPECT_EQ(Read(9).code(), absl::StatusCode::kInvalidArgument);
  loop = {.guest_address = kRamBytes, .guest_length = 1};
  queue.WriteDescriptor(0, loop);
  EXPECT_EQ(Read(0).code(), absl::StatusCode::kOutOfRange);
}

TEST_F(DescriptorTableTest, RefusesABufferAcrossTwoRegions) {
  const GuestMemory split =
      MakeTestMemory({{GuestAddress(0), 0x10000}, {GuestAddress(0x10000), 0x10000}});
  FakeQueue split_queue(&split, 0x1000, 8);
  const DescriptorTable table(&split, *split.Resolve({GuestAddress(0x1000), 128}), 8, true);
  EXPECT_FALSE(
      table.Read(split_queue.Link(ChainBuilder().Readable(0xffff, 2).Build()), chain).ok());
  EXPECT_TRUE(table.Read(split_queue.Link(ChainBuilder().Readable(0xffff, 1).Build()), chain).ok());
}

}  // namespace
}  // namespace mayfly
