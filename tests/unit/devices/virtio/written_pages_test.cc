// Disks and cards: every page of RAM that they or the kernel for them change is marked as written.

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/unit/devices/virtio/block_fixture.h"
#include "tests/unit/devices/virtio/net_fixture.h"

namespace mayfly {
namespace {

constexpr uint64_t kPage = PageSet::kPageBytes;
// Beyond what the fake driver allocates.
constexpr uint64_t kPlace = 0x800000;

// The driver does all it does before Track, and only registers are written until the check.
template <typename Base>
class WrittenPagesTest : public Base {
 protected:
  void Track() {
    before_ = this->RamBytes();
    this->memory.TrackWrites(true);
  }
  // Every page that changed is marked; returns which they are.
  std::vector<bool> ExpectChangedMarked() {
    const std::vector<uint8_t> after = this->RamBytes();
    const PageSet& written = this->memory.written();
    std::vector<bool> is_changed(written.page_count());
    for (uint64_t page = 0; page < written.page_count(); ++page) {
      const auto start = static_cast<ptrdiff_t>(page * kPage);
      is_changed[page] = !std::equal(after.begin() + start, after.begin() + start + kPage,
                                     before_.begin() + start);
      EXPECT_TRUE(!is_changed[page] || written.Contains(page)) << "page " << page;
    }
    return is_changed;
  }
  // Besides, those of `addresses` are among them.
  void ExpectMarked(std::initializer_list<uint64_t> addresses) {
    const std::vector<bool> is_changed = ExpectChangedMarked();
    const PageSet& written = this->memory.written();
    for (const uint64_t address : addresses) {
      EXPECT_TRUE(is_changed[address / kPage]) << "nothing came to " << address;
      EXPECT_TRUE(written.Contains(address / kPage)) << address;
    }
    // Nothing else but the used rings.
    EXPECT_LE(written.Count(), addresses.size() + this->driver->queue_count());
    this->memory.TrackWrites(false);
  }

 private:
  std::vector<uint8_t> before_;
};

class BlockWrittenPagesTest : public WrittenPagesTest<BlockTest> {
 protected:
  // The request's status has a page of its own.
  void Request(BlockRequestType type, uint64_t sector, uint64_t data, uint32_t size_bytes,
               uint64_t status) {
    ChainBuilder chain;
    chain.Readable(StoreHeader(type, sector), 16);
    for (uint32_t done = 0; done < size_bytes; done += 2048) {
      chain.Writable(data + done, std::min(2048u, size_bytes - done));
    }
    driver->Fill(status, 1, kNoStatus);
    driver->queue(0).Add(chain.Writable(status, 1).Build());
  }
  void Run() {
    Track();
    const size_t count = driver->queue(0).outstanding_count();
    driver->Notify(0);
    RunUntil([&] { return driver->queue(0).used_count() == count; });
  }
};

TEST_F(BlockWrittenPagesTest, Reads) {
  StartDisk(1 << 20);
  Request(BlockRequestType::kIn, 1, kPlace + 512, 2 * kPage, kPlace + 5 * kPage);
  Run();
  ExpectMarked({kPlace, kPlace + kPage, kPlace + 2 * kPage, kPlace + 5 * kPage});
}

TEST_F(BlockWrittenPagesTest, ReadsThatTheKernelGetsAsOne) {
  StartDisk(1 << 20);
  Request(BlockRequestType::kIn, 0, kPlace, kPage, kPlace + 10 * kPage);
  Request(BlockRequestType::kIn, 8, kPlace + 4 * kPage, kPage, kPlace + 11 * kPage);
  Request(BlockRequestType::kIn, 16, kPlace + 2 * kPage, kPage, kPlace + 12 * kPage);
  Run();
  ExpectMarked({kPlace, kPlace + 2 * kPage, kPlace + 4 * kPage, kPlace + 10 * kPage,
                kPlace + 11 * kPage, kPlace + 12 * kPage});
}

// The file is cut short behind the disk's back: some came, and then an error.
TEST_F(BlockWrittenPagesTest, ReadsThatFailInTheMiddle) {
  StartDisk(1 << 20);
  ASSERT_EQ(truncate(file->path().c_str(), kPage + 512), 0);
  Request(BlockRequestType::kIn, 0, kPlace, 2 * kPage, kPlace + 10 * kPage);
  Run();
  EXPECT_EQ(driver->LoadByte(kPlace + 10 * kPage), 1);
  ExpectMarked({kPlace, kPlace + kPage, kPlace + 10 * kPage});
}

TEST_F(BlockWrittenPagesTest, TheIdAndStatusesAlone) {
  StartDisk(1 << 20, {.serial = "0123456789"});
  Request(BlockRequestType::kGetId, 0, kPlace, 20, kPlace + 10 * kPage);
  Request(BlockRequestType::kFlush, 0, 0, 0, kPlace + 11 * kPage);
  Request(BlockRequestType::kIn, 1 << 20, kPlace + 5 * kPage, 512, kPlace + 12 * kPage);
  Run();
  ExpectMarked({kPlace, kPlace + 10 * kPage, kPlace + 11 * kPage, kPlace + 12 * kPage});
}

// A read may be over before the reset cancels it.
TEST_F(BlockWrittenPagesTest, ReadsThatAResetCutsOff) {
  for (int64_t round = 0; round < 20; ++round) {
    StartDisk(1 << 20);
    driver->Fill(kPlace, 64 * kPage, 0xdd);
    for (uint64_t i = 0; i < 16; ++i) {
      Request(BlockRequestType::kIn, (15 - i) * 32, kPlace + i * 4 * kPage, 4 * kPage,
              kPlace + 100 * kPage);
    }
    Track();
    driver->Notify(0);
    RunFor(round * 10);
    Reset();
    ExpectChangedMarked();
  }
}

class FrameSource : public FrameDetour {
 public:
  bool Offer(const SegmentList& /*guest_frame*/) override { return false; }
  bool HasFrame() const override { return !frame.empty(); }
  size_t TakeFrame(std::span<uint8_t> out) override {
    const std::vector<uint8_t> taken = std::exchange(frame, {});
    std::copy(taken.begin(), taken.end(), out.begin());
    return taken.size();
  }
  void Reset() override {}

  std::vector<uint8_t> frame;
};

class NetWrittenPagesTest : public WrittenPagesTest<NetTest> {
 protected:
  // Buffers whose starts are a page apart.
  void AddBuffersOnPages(size_t count, uint32_t size_bytes) {
    for (size_t i = 0; i < count; ++i) {
      driver->Fill(kPlace + i * kPage, size_bytes, 0xdd);
      driver->queue(kReceive).Add(ChainBuilder().Writable(kPlace + i * kPage, size_bytes).Build());
    }
  }
  void RunUntilUsed(size_t count) {
    driver->Notify(kReceive);
    RunUntil([&] { return driver->queue(kReceive).used_count() == count; });
  }
};

TEST_F(NetWrittenPagesTest, FramesInOneBuffer) {
  StartNet();
  AddBuffersOnPages(8, 1536);
  Track();
  ASSERT_TRUE(SendToCard(Frame(60)));
  ASSERT_TRUE(SendToCard(Frame(1000)));
  RunUntilUsed(2);
  ExpectMarked({kPlace, kPlace + kPage});
}

// With and without memory of the card's own between the TAP and the guest.
TEST_F(NetWrittenPagesTest, FramesOverManyBuffers) {
  StartNet();
  AddBuffersOnPages(80, 1536);
  Track();
  ASSERT_TRUE(SendToCard(Frame(9000)));
  RunUntilUsed(6);
  ASSERT_TRUE(SendToCard(Frame(9000)));
  RunUntilUsed(12);
  ExpectMarked({kPlace, kPlace + kPage, kPlace + 2 * kPage, kPlace + 3 * kPage, kPlace + 4 * kPage,
                kPlace + 5 * kPage, kPlace + 6 * kPage, kPlace + 7 * kPage, kPlace + 8 * kPage,
                kPlace + 9 * kPage, kPlace + 10 * kPage, kPlace + 11 * kPage});
}

// The header, with the number of buffers, and the frame are on pages of their own.
TEST_F(NetWrittenPagesTest, AHeaderOfItsOwn) {
  StartNet();
  driver->Fill(kPlace, 12, 0xdd);
  driver->queue(kReceive).Add(ChainBuilder()
                                  .Writable(kPlace, 10)
                                  .Writable(kPlace + kPage, 2)
                                  .Writable(kPlace + 2 * kPage, 1524)
                                  .Build());
  Track();
  ASSERT_TRUE(SendToCard(Frame(60)));
  RunUntilUsed(1);
  ExpectMarked({kPlace, kPlace + kPage, kPlace + 2 * kPage});
}

TEST_F(NetWrittenPagesTest, FramesThatAreHeld) {
  NetDeviceOptions options;
  options.rx_rate_limiter.ops = {.size = 1, .refill_time_ms = 600'000};
  StartNet(options);
  AddBuffersOnPages(8, 1536);
  Track();
  ASSERT_TRUE(SendToCard(Frame(60)));
  ASSERT_TRUE(SendToCard(Frame(60)));
  driver->Notify(kReceive);
  RunUntil([&] { return net->metrics().rx_rate_limiter_throttled > 0; });
  RunFor(100);
  ExpectMarked({kPlace, kPlace + kPage});
}

TEST_F(NetWrittenPagesTest, FramesOfADetour) {
  auto owned = std::make_unique<FrameSource>();
  FrameSource* source = owned.get();
  StartNet({}, 0, kQueueMaxSize, std::move(owned));
  AddBuffersOnPages(8, 1536);
  driver->Notify(kReceive);
  RunFor(500);
  Track();
  source->frame = Frame(1000);
  RunUntilUsed(1);
  ExpectMarked({kPlace + kPage});
}

TEST_F(NetWrittenPagesTest, SentFramesMarkOnlyTheUsedRing) {
  StartNet();
  driver->queue(kTransmit).Add(ChainBuilder().Readable(driver->Store(Frame(80)), 80).Build());
  Track();
  driver->Notify(kTransmit);
  RunUntil([&] { return driver->queue(kTransmit).used_count() == 1; });
  ExpectMarked({driver->queue(kTransmit).used()});
}

}  // namespace
}  // namespace mayfly
