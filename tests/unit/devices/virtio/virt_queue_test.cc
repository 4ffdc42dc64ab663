// VirtQueue: rings from empty to full and around, event indices, and every malformed chain.

#include "devices/virtio/virt_queue.h"

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "devices/virtio/virtio_ids.h"
#include "gtest/gtest.h"
#include "tests/unit/devices/virtio/malformed_chains.h"
#include "tests/unit/devices/virtio/virt_queue_fixture.h"

namespace mayfly {
namespace {

TEST_F(VirtQueueTest, GivesChainsInOrderAndTakesThemBackInAny) {
  Start(8);
  EXPECT_TRUE(IsEmpty());
  const uint16_t first = driver->Add(OneByte());
  const uint16_t second = driver->Add(OneByte());
  EXPECT_EQ(Pop(), first);
  EXPECT_EQ(Pop(), second);
  EXPECT_TRUE(IsEmpty());
  EXPECT_EQ(queue->in_flight_count(), 2);
  queue->PushUsed(second, 7);
  queue->PushUsed(first, 0);
  EXPECT_EQ(queue->in_flight_count(), 0);
  // Nothing is to be seen before it is published.
  EXPECT_EQ(driver->used_index(), 0);
  EXPECT_TRUE(queue->Publish());
  const auto used = driver->TakeUsed();
  ASSERT_TRUE(used.has_value());
  EXPECT_EQ(used->head, second);
  EXPECT_EQ(used->written_bytes, 7u);
  EXPECT_EQ(driver->TakeUsed()->head, first);
  EXPECT_FALSE(driver->TakeUsed().has_value());
  EXPECT_FALSE(queue->Publish());
}

class VirtQueueSizeTest : public VirtQueueTest, public testing::WithParamInterface<uint16_t> {};

INSTANTIATE_TEST_SUITE_P(Sizes, VirtQueueSizeTest, testing::Values(1, 2, 8, 256));

TEST_P(VirtQueueSizeTest, WorksFullAndAroundTheEndOfItsIndices) {
  const uint16_t size = GetParam();
  Start(size, {.has_event_idx = true});
  driver->SetUsedEvent(0);
  uint32_t done = 0;
  // More than 2^16 chains, so that every index wraps.
  while (done < 66'000) {
    for (uint16_t i = 0; i < size; ++i) {
      driver->Add(OneByte());
    }
    for (uint16_t i = 0; i < size; ++i) {
      ASSERT_TRUE(*queue->Pop(chain));
      queue->PushUsed(chain.head, done + i);
    }
    ASSERT_TRUE(IsEmpty());
    driver->SetUsedEvent(static_cast<uint16_t>(done + size - 1));
    ASSERT_TRUE(queue->Publish());
    for (uint16_t i = 0; i < size; ++i) {
      ASSERT_EQ(driver->TakeUsed()->written_bytes, done + i);
    }
    ASSERT_FALSE(driver->TakeUsed().has_value());
    done += size;
  }
}

TEST_F(VirtQueueTest, UndoneChainsComeAgain) {
  Start(8);
  const uint16_t head = driver->Add(OneByte());
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(Pop(), head);
    queue->UndoPop(head);
    EXPECT_EQ(queue->in_flight_count(), 0);
  }
  EXPECT_EQ(Pop(), head);
  EXPECT_TRUE(IsEmpty());
  EXPECT_DEATH(queue->UndoPop(static_cast<uint16_t>(head + 1)), "");
  EXPECT_DEATH(queue->PushUsed(static_cast<uint16_t>(head + 1), 0), "");
}

TEST_F(VirtQueueTest, WithoutEventIndexTheFlagSuppressesInterrupts) {
  Start(8);
  driver->SetNoInterrupt(true);
  driver->Add(OneByte());
  queue->PushUsed(Pop(), 0);
  EXPECT_FALSE(queue->Publish());
  EXPECT_EQ(driver->used_count(), 1);
  driver->SetNoInterrupt(false);
  driver->Add(OneByte());
  queue->PushUsed(Pop(), 0);
  EXPECT_TRUE(queue->Publish());
}

// 2.7.7: an interrupt when the used index passes the event index, and for no other.
TEST_F(VirtQueueTest, WithEventIndexAnInterruptComesWhenTheIndexIsPassed) {
  for (const uint16_t start : {uint16_t{0}, uint16_t{0xfffd}}) {
    for (uint16_t event = 0; event < 8; ++event) {
      for (uint16_t batch = 1; batch <= 8; ++batch) {
        driver.emplace(&memory, 0x1000, uint16_t{8});
        VirtQueueState state = driver->state();
        state.next_avail = state.next_used = start;
        driver->SetAvailIndex(start);
        Restart(state, {.has_event_idx = true});
        driver->SetUsedEvent(static_cast<uint16_t>(start + event));
        driver->SetNoInterrupt(true);  // is not looked at
        for (uint16_t i = 0; i < batch; ++i) {
          driver->Add(OneByte());
          queue->PushUsed(Pop(), 0);
        }
        ASSERT_EQ(queue->Publish(), event < batch) << start << " " << event << " " << batch;
      }
    }
  }
}

TEST_F(VirtQueueTest, EnableNotificationSeesWhatCameMeanwhile) {
  for (const bool has_event_idx : {false, true}) {
    Start(8, {.has_event_idx = has_event_idx});
    EXPECT_TRUE(queue->EnableNotification());
    EXPECT_EQ(driver->avail_event(), 0);
    driver->Add(OneByte());
    EXPECT_FALSE(queue->EnableNotification());
    queue->PushUsed(Pop(), 0);
    EXPECT_TRUE(queue->EnableNotification());
    EXPECT_EQ(driver->avail_event(), has_event_idx ? 1 : 0);
    EXPECT_EQ(driver->used_flags(), 0);
  }
}

class VirtQueueMalformedTest : public VirtQueueTest,
                               public testing::WithParamInterface<MalformedChain> {};

INSTANTIATE_TEST_SUITE_P(Chains, VirtQueueMalformedTest, testing::ValuesIn(MalformedChains()),
                         MalformedChainName);

TEST_P(VirtQueueMalformedTest, IsAnErrorThatTakesNothing) {
  Start(256, {.has_event_idx = true, .has_indirect = true});
  MalformedChainParts parts = {
      .queue = *driver,
      .memory = memory,
      .valid = ChainBuilder().Readable(kBuffer, 16).Writable(kBuffer + 0x1000, 16).Build(),
      .scratch = 0x8000,
      .ram_end = kRamBytes};
  GetParam().make(parts);
  // Some are wrong only behind a first chain that is right.
  for (int i = 0; i < 2; ++i) {
    const auto popped = queue->Pop(chain);
    if (!popped.ok()) {
      EXPECT_EQ(queue->in_flight_count(), i);
      EXPECT_EQ(driver->used_index(), 0);
      return;
    }
    ASSERT_TRUE(*popped);
  }
  FAIL() << "the chain was taken";
}

// CVE-2026-45782: two chains with the same head in flight.
TEST_F(VirtQueueTest, Cve2026_45782_DuplicateHeadInFlight) {
  Start(8);
  const uint16_t head = driver->Add(OneByte());
  driver->MakeAvailable(head);
  EXPECT_EQ(Pop(), head);
  EXPECT_EQ(queue->Pop(chain).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(queue->in_flight_count(), 1);
  // Once it is back, it may come again.
  queue->PushUsed(head, 0);
  EXPECT_EQ(Pop(), head);
}

// CVE-2015-8550: what is checked is what is used, though another vCPU changes it meanwhile.
TEST_F(VirtQueueTest, Cve2015_8550_ADescriptorThatChangesWhileItIsRead) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "the race with the guest is on purpose";
#endif
  Start(8, {.has_indirect = true});
  const VirtqDescriptor good = OneByte()[0];
  const uint16_t head = driver->Link({good});
  // Length, flags and next at once, as one number.
  auto* word = reinterpret_cast<uint64_t*>(
      memory.Resolve({GuestAddress(driver->descriptors() + uint64_t{16} * head + 8), 8})->data());
  constexpr uint64_t kGood = uint64_t{VirtqDescriptor::kWrite} << 32 | 1;
  constexpr uint64_t kBad[] = {0xffffffff, uint64_t{VirtqDescriptor::kNext} << 32 | 1,
                               uint64_t{VirtqDescriptor::kIndirect} << 32 | 160, 0};
  std::atomic<bool> is_done = false;
  std::thread vcpu([&] {
    for (size_t i = 0; !is_done; ++i) {
      std::atomic_ref<uint64_t>(*word).store(i % 2 == 0 ? kGood : kBad[i / 2 % 4]);
    }
  });
  const uint8_t* ram = memory.Resolve({GuestAddress(0), kRamBytes})->data();
  uint32_t taken_count = 0;
  uint32_t refused_count = 0;
  const int64_t limit_us = MonotonicTimeUs() + 30'000'000;
  while ((taken_count < 10'000 || refused_count < 10'000) && MonotonicTimeUs() < limit_us) {
    if (!queue->HasAvailable()) {
      driver->MakeAvailable(head);
    }
    const auto popped = queue->Pop(chain);
    if (!popped.ok()) {
      ++refused_count;
      continue;
    }
    ++taken_count;
    for (const SegmentList* list : {&chain.readable, &chain.writable}) {
      for (const iovec& segment : list->segments()) {
        const auto* start = static_cast<const uint8_t*>(segment.iov_base);
        ASSERT_TRUE(start >= ram && segment.iov_len <= kRamBytes &&
                    start <= ram + kRamBytes - segment.iov_len);
      }
    }
    queue->PushUsed(chain.head, 0);
    queue->Publish();
    driver->TakeUsed();
  }
  is_done = true;
  vcpu.join();
  EXPECT_GE(taken_count, 10'000u);
  EXPECT_GE(refused_count, 10'000u);
}

}  // namespace
}  // namespace mayfly
