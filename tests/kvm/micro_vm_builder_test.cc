// MicroVmBuilder: a VM made from the state of another goes on where that one stood.

#include "vmm/micro_vm_builder.h"

#include <sys/mman.h>

#include <cstring>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/elf_builder.h"
#include "tests/fakes/recording_serial_sink.h"
#include "tests/fakes/temporary_file.h"
#include "tests/guests/guests.h"
#include "tests/kvm/bare_vm.h"

namespace mayfly {
namespace {

constexpr uint64_t kRamBytes = uint64_t{4} << 20;
// Of guests::count_for_ever.
constexpr GuestAddress kCounter(0x200000);

class MicroVmBuilderTest : public testing::Test {
 protected:
  void SetUp() override {
    SKIP_WITHOUT_KVM();
    auto loop = EventLoop::Create({});
    ASSERT_TRUE(loop.ok()) << loop.status();
    loop_ = *std::move(loop);
    config_.ram.size_bytes = kRamBytes;
  }

  void Boot(std::span<const uint8_t> guest) {
    const TemporaryFile kernel(ElfBuilder(layout::kHighRam.value())
                                   .Segment(layout::kHighRam.value(), {guest.begin(), guest.end()})
                                   .Build());
    auto image = ImageFile::Open(kernel.path());
    ASSERT_TRUE(image.ok()) << image.status();
    auto vm = MicroVm::Create(config_, {.kernel = *std::move(image)}, &sink_, loop_.get(),
                              Observer(), timeline_);
    ASSERT_TRUE(vm.ok()) << vm.status();
    vm_ = *std::move(vm);
    ASSERT_TRUE(vm_->Start().ok());
  }

  MicroVm::Observer Observer() {
    return {.on_end = [this](const VmEnd& end) {
      end_ = end;
      loop_->Stop();
    }};
  }

  void Pause() {
    vm_->Pause([this](const absl::Status& status) {
      EXPECT_TRUE(status.ok()) << status;
      loop_->Stop();
    });
    ASSERT_TRUE(loop_->Run().ok());
    ASSERT_TRUE(vm_->is_paused());
  }

  // What a restored VM gets: a copy.
  GuestMemory CopyMemory() const {
    const GuestMemory::Region& from = vm_->memory().regions()[0];
    auto mapping = Mapping::Create({.size_bytes = from.mapping.size_bytes(),
                                    .protection = PROT_READ | PROT_WRITE,
                                    .flags = MAP_PRIVATE | MAP_ANONYMOUS});
    EXPECT_TRUE(mapping.ok());
    std::memcpy(mapping->data(), from.mapping.data(), from.mapping.size_bytes());
    std::vector<GuestMemory::Region> regions;
    regions.push_back({from.start, *std::move(mapping)});
    auto memory = GuestMemory::Create(std::move(regions), OwnedFd());
    EXPECT_TRUE(memory.ok());
    return *std::move(memory);
  }

  absl::StatusOr<std::unique_ptr<MicroVm>> Restore(const MicroVmState& state, GuestMemory memory) {
    return MicroVm::Restore(config_, {.memory = std::move(memory), .state = state}, &sink_,
                            loop_.get(), Observer(), timeline_);
  }

  uint64_t Count() const { return *vm_->memory().ReadObject<uint64_t>(kCounter); }

  void WaitForCountAbove(uint64_t count) const {
    const int64_t deadline_us = MonotonicTimeUs() + 20'000'000;
    while (Count() <= count) {
      ASSERT_LT(MonotonicTimeUs(), deadline_us);
    }
  }

  PhaseTimeline timeline_{MonotonicTimeUs()};
  RecordingSerialSink sink_;
  MicroVmConfig config_;
  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<MicroVm> vm_;
  std::optional<VmEnd> end_;
};

TEST_F(MicroVmBuilderTest, ARestoredGuestGoesOnCounting) {
  config_.vcpu_count = 2;
  Boot(guests::count_for_ever());
  WaitForCountAbove(10'000);
  for (int round = 0; round < 20; ++round) {
    Pause();
    const auto state = vm_->Save();
    ASSERT_TRUE(state.ok()) << state.status();
    const uint64_t count = Count();
    auto restored = Restore(*state, CopyMemory());
    ASSERT_TRUE(restored.ok()) << restored.status();
    vm_->Stop();
    vm_ = *std::move(restored);
    EXPECT_TRUE(vm_->is_paused());
    EXPECT_EQ(Count(), count);
    ASSERT_TRUE(vm_->Resume().ok());
    WaitForCountAbove(count);
  }
  EXPECT_FALSE(end_.has_value()) << end_->reason;
  vm_->Stop();
}

TEST_F(MicroVmBuilderTest, TheOriginGoesOnAsWellAndBothCanBeSavedAgain) {
  Boot(guests::count_for_ever());
  WaitForCountAbove(10'000);
  Pause();
  const auto state = vm_->Save();
  ASSERT_TRUE(state.ok()) << state.status();
  auto clone = Restore(*state, CopyMemory());
  ASSERT_TRUE(clone.ok()) << clone.status();
  const auto again = (*clone)->Save();
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->vcpus[0].regs.rip, state->vcpus[0].regs.rip);
  EXPECT_EQ(again->vcpus[0].regs.rdi, state->vcpus[0].regs.rdi);
  EXPECT_EQ(again->serial, state->serial);
  EXPECT_EQ(again->i8042, state->i8042);
  const uint64_t count = Count();
  ASSERT_TRUE(vm_->Resume().ok());
  WaitForCountAbove(count);
  EXPECT_EQ(*(*clone)->memory().ReadObject<uint64_t>(kCounter), count);
  vm_->Stop();
}

TEST_F(MicroVmBuilderTest, SavingNeedsAPause) {
  Boot(guests::spin());
  EXPECT_EQ(vm_->Save().status().code(), absl::StatusCode::kFailedPrecondition);
  vm_->Stop();
  EXPECT_EQ(vm_->Save().status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(MicroVmBuilderTest, AStateThatNoVmCanHaveIsRefused) {
  Boot(guests::count_for_ever());
  WaitForCountAbove(10'000);
  Pause();
  const auto state = vm_->Save();
  ASSERT_TRUE(state.ok()) << state.status();

  MicroVmState none = *state;
  none.vcpus.clear();
  EXPECT_THAT(Restore(none, CopyMemory()).status().message(), testing::HasSubstr("1 to 32, not 0"));
  MicroVmState many = *state;
  many.vcpus.resize(33);
  EXPECT_THAT(Restore(many, CopyMemory()).status().message(), testing::HasSubstr("not 33"));
  MicroVmState foreign = *state;
  foreign.host_cpu.vendor = "another make";
  EXPECT_EQ(Restore(foreign, CopyMemory()).status().code(), absl::StatusCode::kFailedPrecondition);
  MicroVmState serial = *state;
  serial.serial.received.assign(65, 0);
  EXPECT_THAT(Restore(serial, CopyMemory()).status().message(), testing::HasSubstr("serial port"));
  MicroVmState msr = *state;
  msr.vcpus[0].msrs.push_back({.index = 0x480});
  EXPECT_THAT(Restore(msr, CopyMemory()).status().message(), testing::HasSubstr("vcpu 0: MSR"));
}

TEST_F(MicroVmBuilderTest, DirtyPagesAreThoseWrittenSinceTheyWereForgotten) {
  config_.tracks_dirty_pages = true;
  Boot(guests::count_for_ever());
  WaitForCountAbove(10'000);
  Pause();
  ASSERT_TRUE(vm_->CollectDirtyPages().ok());
  vm_->ForgetDirtyPages();
  uint64_t count = Count();
  ASSERT_TRUE(vm_->Resume().ok());
  WaitForCountAbove(count);
  Pause();
  ASSERT_TRUE(vm_->CollectDirtyPages().ok());
  const uint64_t page = kCounter.value() / PageSet::kPageBytes;
  EXPECT_TRUE(vm_->dirty_pages().Contains(page));
  EXPECT_LT(vm_->dirty_pages().Count(), 100u);
  // Still there after a snapshot that failed, whatever KVM forgot by being asked.
  ASSERT_TRUE(vm_->CollectDirtyPages().ok());
  EXPECT_TRUE(vm_->dirty_pages().Contains(page));
  vm_->ForgetDirtyPages();
  EXPECT_EQ(vm_->dirty_pages().Count(), 0u);
  vm_->Stop();
}

TEST_F(MicroVmBuilderTest, WithoutTrackingThereAreNoDirtyPages) {
  Boot(guests::count_for_ever());
  Pause();
  EXPECT_TRUE(vm_->CollectDirtyPages().ok());
  EXPECT_EQ(vm_->dirty_pages().page_count(), 0u);
}

}  // namespace
}  // namespace mayfly
