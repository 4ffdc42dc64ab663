// VirtQueue: goes on from a state, refuses bad ones, and marks what it writes.

#include <cstdint>
#include <string>
#include <vector>

#include "devices/virtio/virt_queue.h"
#include "gtest/gtest.h"
#include "tests/unit/devices/virtio/virt_queue_fixture.h"

namespace mayfly {
namespace {

class VirtQueueStateTest : public VirtQueueTest {
 public:
  using VirtQueueTest::kRamBytes;
};

constexpr uint64_t kRamBytes = VirtQueueStateTest::kRamBytes;

// The layouts put index, elements and available event on pages of their own.
TEST_F(VirtQueueStateTest, MarksThePagesOfTheUsedRingThatItWrites) {
  for (const uint64_t used : {uint64_t{0x3000 - 4}, uint64_t{0x3000 - 4 - 0x800}}) {
    FakeQueue ring(&memory, 0x10000, 256);
    VirtQueueState state = ring.state();
    state.guest_used = GuestAddress(used);
    Restart(state, {.has_event_idx = true});
    memory.TrackWrites(true);
    EXPECT_TRUE(queue->EnableNotification());
    EXPECT_TRUE(memory.written().Contains((used + 4 + uint64_t{8} * 256) >> 12));
    EXPECT_EQ(memory.written().Count(), 1u);
    ring.Add(OneByte());
    memory.ClearWritten();
    queue->PushUsed(Pop(), 0);
    EXPECT_TRUE(memory.written().Contains((used + 4) >> 12));
    EXPECT_EQ(memory.written().Count(), 1u);
    memory.ClearWritten();
    queue->Publish();
    EXPECT_TRUE(memory.written().Contains((used + 2) >> 12));
    EXPECT_TRUE(memory.written().Contains((used + 4 + uint64_t{8} * 256) >> 12));
    EXPECT_EQ(memory.written().Count(), 2u);
    memory.TrackWrites(false);
    ring.Add(OneByte());
    queue->PushUsed(Pop(), 0);
    queue->Publish();
  }
}

TEST_F(VirtQueueStateTest, GoesOnFromItsState) {
  Start(8);
  driver->Add(OneByte());
  driver->Add(OneByte());
  queue->PushUsed(Pop(), 1);
  queue->Publish();
  const VirtQueueState state = queue->state();
  EXPECT_EQ(state.next_avail, 1);
  EXPECT_EQ(state.next_used, 1);
  Restart(state);
  queue->PushUsed(Pop(), 2);
  EXPECT_TRUE(queue->Publish());
  EXPECT_EQ(driver->TakeUsed()->written_bytes, 1u);
  EXPECT_EQ(driver->TakeUsed()->written_bytes, 2u);
  EXPECT_TRUE(IsEmpty());
}

TEST_F(VirtQueueStateTest, GivesChainsThatWereTakenOnceMore) {
  Start(8, {.has_event_idx = true});
  std::vector<uint16_t> heads;
  for (int i = 0; i < 4; ++i) {
    heads.push_back(driver->Add(OneByte()));
  }
  Pop();
  Pop();
  Pop();
  queue->PushUsed(heads[1], 0);
  queue->Publish();
  const VirtQueueState state = queue->state();
  EXPECT_EQ(state.next_avail, 3);
  EXPECT_EQ(state.next_used, 1);
  EXPECT_EQ(state.taken_heads.size(), 2u);
  Restart(state, {.has_event_idx = true});
  EXPECT_EQ(queue->state(), state);
  EXPECT_EQ(queue->in_flight_count(), 0);
  const uint16_t first = Pop();
  const uint16_t second = Pop();
  EXPECT_TRUE((first == heads[0] && second == heads[2]) ||
              (first == heads[2] && second == heads[0]));
  EXPECT_EQ(Pop(), heads[3]);
  EXPECT_TRUE(IsEmpty());
  EXPECT_EQ(queue->state().taken_heads.size(), 3u);
}

TEST_F(VirtQueueStateTest, ATakenChainIsAvailableWhateverTheRingHas) {
  Start(8);
  const uint16_t head = driver->Add(OneByte());
  Pop();
  VirtQueueState state = queue->state();
  Restart(state);
  EXPECT_TRUE(queue->HasAvailable());
  EXPECT_FALSE(queue->EnableNotification());
  EXPECT_EQ(Pop(), head);
  EXPECT_FALSE(queue->HasAvailable());
  EXPECT_TRUE(queue->EnableNotification());
  queue->UndoPop(head);
  EXPECT_TRUE(queue->HasAvailable());
  EXPECT_EQ(queue->state(), state);
  EXPECT_EQ(Pop(), head);
  // The driver makes a chain available that it did not get back.
  driver->MakeAvailable(head);
  EXPECT_EQ(queue->Pop(chain).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(VirtQueueStateTest, ATakenChainMayNameAnyDescriptorsButNoOthers) {
  Start(8);
  VirtQueueState state = driver->state();
  state.taken_heads = {7};
  state.next_avail = 1;
  driver->SetAvailIndex(1);
  driver->WriteDescriptor(7, {.guest_address = kRamBytes, .guest_length = 1});
  Restart(state);
  EXPECT_EQ(queue->Pop(chain).status().code(), absl::StatusCode::kOutOfRange);
}

struct BadState {
  const char* name;
  void (*change)(VirtQueueState& state);
};

std::string BadStateName(const testing::TestParamInfo<BadState>& info) { return info.param.name; }

class VirtQueueBadStateTest : public VirtQueueTest, public testing::WithParamInterface<BadState> {};

INSTANTIATE_TEST_SUITE_P(
    Fields, VirtQueueBadStateTest,
    testing::Values(
        BadState{"SizeZero", [](VirtQueueState& state) { state.guest_size = 0; }},
        BadState{"SizeNoPowerOfTwo", [](VirtQueueState& state) { state.guest_size = 3; }},
        BadState{"SizeTooLarge", [](VirtQueueState& state) { state.guest_size = 512; }},
        BadState{"Size65536", [](VirtQueueState& state) { state.guest_size = 0x10000; }},
        BadState{"SizeHuge", [](VirtQueueState& state) { state.guest_size = 0x80000000; }},
        BadState{"DescriptorsUnaligned",
                 [](VirtQueueState& state) { state.guest_descriptors = GuestAddress(0x1008); }},
        BadState{"AvailUnaligned",
                 [](VirtQueueState& state) { state.guest_avail = GuestAddress(0x2001); }},
        BadState{"UsedUnaligned",
                 [](VirtQueueState& state) { state.guest_used = GuestAddress(0x3002); }},
        BadState{"DescriptorsReachOutOfRam",
                 [](VirtQueueState& state) {
                   state.guest_descriptors = GuestAddress(kRamBytes - 128 + 16);
                 }},
        BadState{"AvailReachesOutOfRam",
                 [](VirtQueueState& state) {
                   state.guest_avail = GuestAddress(kRamBytes - (6 + 2 * 8) + 2);
                 }},
        BadState{"UsedReachesOutOfRam",
                 [](VirtQueueState& state) {
                   state.guest_used = GuestAddress(kRamBytes - (6 + 8 * 8) + 2);
                 }},
        BadState{
            "DescriptorsWrap",
            [](VirtQueueState& state) { state.guest_descriptors = GuestAddress(~uint64_t{0xf}); }},
        BadState{"AvailWraps",
                 [](VirtQueueState& state) { state.guest_avail = GuestAddress(~uint64_t{1}); }},
        BadState{"UsedWraps",
                 [](VirtQueueState& state) { state.guest_used = GuestAddress(~uint64_t{3}); }},
        BadState{"TakenHeadOutside",
                 [](VirtQueueState& state) {
                   state.taken_heads = {8};
                   state.next_avail = 1;
                 }},
        BadState{"TakenHeadTwice",
                 [](VirtQueueState& state) {
                   state.taken_heads = {3, 5, 3};
                   state.next_avail = 3;
                 }},
        BadState{"MoreTakenThanTheIndicesSay",
                 [](VirtQueueState& state) { state.taken_heads = {3}; }},
        BadState{"FewerTakenThanTheIndicesSay",
                 [](VirtQueueState& state) { state.next_avail = 1; }},
        BadState{"MoreUsedThanAvailable", [](VirtQueueState& state) { state.next_used = 1; }},
        BadState{"MoreTakenThanEntries",
                 [](VirtQueueState& state) {
                   state.taken_heads = {0, 1, 2, 3, 4, 5, 6, 7, 8};
                   state.next_avail = 9;
                 }}),
    BadStateName);

TEST_P(VirtQueueBadStateTest, IsRefused) {
  driver.emplace(&memory, 0x1000, uint16_t{8});
  VirtQueueState state = driver->state();
  EXPECT_TRUE(VirtQueue::Create(state, &memory, {}).ok());
  GetParam().change(state);
  EXPECT_EQ(VirtQueue::Create(state, &memory, {}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(VirtQueueStateTest, MayEndExactlyWhereRamEnds) {
  const VirtQueueState good = FakeQueue(&memory, 0x1000, 8).state();
  VirtQueueState state = good;
  state.guest_descriptors = GuestAddress(kRamBytes - 128);
  EXPECT_TRUE(VirtQueue::Create(state, &memory, {}).ok());
  state = good;
  state.guest_avail = GuestAddress(kRamBytes - (6 + 2 * 8));
  EXPECT_TRUE(VirtQueue::Create(state, &memory, {}).ok());
  state = good;
  state.guest_used = GuestAddress(kRamBytes - (6 + 8 * 8) - 2);
  EXPECT_TRUE(VirtQueue::Create(state, &memory, {}).ok());
}

}  // namespace
}  // namespace mayfly
