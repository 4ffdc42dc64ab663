// Every malformed chain on every queue of every device: the device asks for a reset, touches
// nothing, and works after it.

#include <cstdint>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/fakes/temporary_file.h"
#include "tests/unit/devices/virtio/block_fixture.h"
#include "tests/unit/devices/virtio/malformed_chains.h"
#include "tests/unit/devices/virtio/net_fixture.h"

namespace mayfly {
namespace {

enum class Target { kBlock, kNetReceive, kNetTransmit };

std::ostream& operator<<(std::ostream& out, Target target) {
  constexpr const char* kNames[] = {"Block", "NetReceive", "NetTransmit"};
  return out << kNames[static_cast<size_t>(target)];
}

using Parameters = std::tuple<Target, MalformedChain>;

// The card of NetTest, and a disk as well.
class MalformedChainTest : public NetTest, public testing::WithParamInterface<Parameters> {
 protected:
  static constexpr uint64_t kBufferBytes = 2048;

  Target target() const { return std::get<Target>(GetParam()); }
  size_t queue_index() const { return target() == Target::kNetTransmit ? kTransmit : 0; }

  void StartTarget() {
    if (target() != Target::kBlock) {
      StartNet();
      features = net->offered_features();
      return;
    }
    file = std::make_unique<TemporaryFile>(std::vector<uint8_t>(1 << 20, 0xdd));
    auto disk = BlockDevice::Create(loop.get(), {.file = {.path = file->path()}});
    ASSERT_TRUE(disk.ok()) << disk.status();
    features = (*disk)->offered_features();
    Attach(*std::move(disk));
    StartWithRings(features);
  }

  // A chain that the device completes, or takes and keeps, with buffers at `buffers`.
  std::vector<VirtqDescriptor> ValidChain() {
    driver->Fill(buffers, 3 * kBufferBytes, 0);
    switch (target()) {
      case Target::kBlock:
        return ChainBuilder()
            .Readable(buffers, 16)
            .Writable(buffers + kBufferBytes, 512)
            .Writable(buffers + 2 * kBufferBytes, 1)
            .Build();
      case Target::kNetReceive:
        return ChainBuilder().Writable(buffers, 1526).Build();
      default:
        return ChainBuilder().Readable(buffers, 60).Build();
    }
  }

  void ExpectWorks() {
    const uint64_t start = driver->Allocate(65562);
    switch (target()) {
      case Target::kBlock:
        driver->queue(0).Add(ValidChain());
        break;
      case Target::kNetReceive:
        driver->queue(0).Add(ChainBuilder().Writable(start, 65562).Build());
        ASSERT_TRUE(SendToCard(Frame(60)));
        break;
      default:
        driver->queue(kTransmit).Add(ChainBuilder().Readable(start, 60).Build());
    }
    driver->Notify(static_cast<uint32_t>(queue_index()));
    RunUntil([&] { return driver->queue(queue_index()).used_count() == 1; });
  }

  std::unique_ptr<TemporaryFile> file;
  uint64_t features = 0;
  uint64_t buffers = 0;
};

std::string ParametersName(const testing::TestParamInfo<Parameters>& parameters) {
  return absl::StrCat(testing::PrintToString(std::get<0>(parameters.param)), "_",
                      std::get<1>(parameters.param).name);
}

INSTANTIATE_TEST_SUITE_P(Queues, MalformedChainTest,
                         testing::Combine(testing::Values(Target::kBlock, Target::kNetReceive,
                                                          Target::kNetTransmit),
                                          testing::ValuesIn(MalformedChains())),
                         ParametersName);

TEST_P(MalformedChainTest, BreaksTheQueueUntilAReset) {
  StartTarget();
  buffers = driver->Allocate(3 * kBufferBytes);
  const uint64_t scratch = driver->Allocate(0x4000);
  irq.Take();
  MalformedChainParts parts = {.queue = driver->queue(queue_index()),
                               .memory = memory,
                               .valid = ValidChain(),
                               .scratch = scratch,
                               .ram_end = kRamBytes};
  std::get<MalformedChain>(GetParam()).make(parts);
  driver->Notify(static_cast<uint32_t>(queue_index()));
  RunUntil([&] { return NeedsReset(); });
  EXPECT_EQ(driver->TakeInterruptStatus() & 2u, 2u);
  EXPECT_GE(irq.Take(), 1);
  EXPECT_EQ(transport->counters().needs_resets, 1u);
  // A broken queue is left alone, whatever the driver does with it.
  const uint16_t used_index = driver->queue(queue_index()).used_index();
  driver->Notify(static_cast<uint32_t>(queue_index()));
  RunFor(500);
  EXPECT_EQ(driver->queue(queue_index()).used_index(), used_index);
  EXPECT_EQ(transport->counters().needs_resets, 1u);
  Reset();
  StartWithRings(features);
  ExpectWorks();
  EXPECT_FALSE(NeedsReset());
}

}  // namespace
}  // namespace mayfly
