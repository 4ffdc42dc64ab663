// RunControl: vCPUs come to rest, go on and end, whatever they do at that moment.

#include "vmm/run_control.h"

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "devices/bus.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/guests/guests.h"
#include "tests/kvm/bare_vm.h"

namespace mayfly {
namespace {

constexpr GuestAddress kCounter(0x200000);

// Keeps the vCPU that reads or writes it until it is let go. Reads as kRead.
class BlockingDevice : public BusDevice {
 public:
  static constexpr uint8_t kRead = 0x41;

  void Read(uint64_t /*guest_offset*/, std::span<uint8_t> data) override {
    Wait();
    data[0] = kRead;
  }
  void Write(uint64_t /*guest_offset*/, std::span<const uint8_t> /*guest_data*/) override {
    Wait();
  }
  void WaitForVcpu() const { is_entered_.wait(false); }
  void LetGo() {
    is_let_go_ = true;
    is_let_go_.notify_all();
  }

 private:
  void Wait() {
    is_entered_ = true;
    is_entered_.notify_all();
    is_let_go_.wait(false);
  }

  std::atomic<bool> is_entered_ = false;
  std::atomic<bool> is_let_go_ = false;
};

class RunControlTest : public testing::Test {
 protected:
  void SetUp() override {
    SKIP_WITHOUT_KVM();
    auto loop = EventLoop::Create({});
    ASSERT_TRUE(loop.ok()) << loop.status();
    loop_ = *std::move(loop);
  }

  void MakeVm(std::span<const uint8_t> guest,
              int64_t pause_timeout_us = RunControl::kPauseTimeoutUs) {
    control_.emplace(loop_.get(), pause_timeout_us);
    auto vm = BareVm::Create(guest, BareVm::Irqchip::kInKernel);
    ASSERT_TRUE(vm.ok()) << vm.status();
    vm_ = *std::move(vm);
    vcpus_.push_back(std::make_unique<Vcpu>(
        0, std::move(vm_->vcpu),
        Vcpu::Machine{.memory = &vm_->memory,
                      .ports = &ports_,
                      .mmio = &ports_,
                      .on_end = [this](const VcpuEnd&) { ends_.set_value(); },
                      .on_parked = [this] { control_->OnParked(); },
                      .on_start = [this] { return control_->OnVcpuStart(); }}));
  }
  void TearDown() override {
    if (control_) {
      control_->Stop();
    }
    vcpus_.clear();
  }

  absl::Status Start() { return control_->Start(vcpus_, {}); }
  absl::Status Pause() {
    std::optional<absl::Status> result;
    control_->Pause([&](absl::Status status) {
      result = std::move(status);
      loop_->Stop();
    });
    EXPECT_FALSE(result.has_value());
    EXPECT_TRUE(loop_->Run().ok());
    return result.value_or(absl::UnknownError("not called"));
  }
  uint64_t Counter() const { return vm_->memory.ReadObject<uint64_t>(kCounter).value(); }
  void WaitForCount() const {
    const uint64_t before = Counter();
    while (Counter() == before) {
      std::this_thread::yield();
    }
  }

  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<BareVm> vm_;
  BlockingDevice device_;
  Bus ports_;
  std::promise<void> ends_;
  std::optional<RunControl> control_;
  std::vector<std::unique_ptr<Vcpu>> vcpus_;
};

TEST_F(RunControlTest, AGuestStandsStillBetweenPauseAndResume) {
  MakeVm(guests::count_for_ever());
  ASSERT_TRUE(Start().ok());
  for (int round = 0; round < 1000; ++round) {
    ASSERT_TRUE(Pause().ok());
    ASSERT_EQ(control_->state(), RunControl::State::kPaused);
    const uint64_t count = Counter();
    // Its registers are this thread's to read now.
    const absl::StatusOr<kvm_regs> regs = vcpus_[0]->kvm().GetRegs();
    ASSERT_TRUE(regs.ok());
    ASSERT_GE(regs->rip, layout::kHighRam.value());
    ASSERT_EQ(Counter(), count);
    ASSERT_TRUE(control_->Resume().ok());
    if (round % 100 == 0) {
      WaitForCount();
    }
  }
}

TEST_F(RunControlTest, PauseAndResumeMayBeRepeated) {
  MakeVm(guests::count_for_ever());
  ASSERT_TRUE(Start().ok());
  EXPECT_TRUE(control_->Resume().ok());
  int done_count = 0;
  control_->Pause([&](const absl::Status& status) { done_count += status.ok() ? 1 : 0; });
  EXPECT_TRUE(Pause().ok());
  EXPECT_EQ(done_count, 1);
  EXPECT_TRUE(Pause().ok());
  EXPECT_TRUE(control_->Resume().ok());
  EXPECT_TRUE(control_->Resume().ok());
  WaitForCount();
}

TEST_F(RunControlTest, StopEndsAPausedVm) {
  MakeVm(guests::count_for_ever());
  ASSERT_TRUE(Start().ok());
  ASSERT_TRUE(Pause().ok());
  control_->Stop();
  EXPECT_EQ(control_->Resume().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Pause().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(RunControlTest, ARestoredVmIsPausedUntilItIsResumed) {
  MakeVm(guests::count_for_ever());
  int confined_threads = 0;
  control_->SetThreadHooks({.on_loop = [&] {
    ++confined_threads;
    return absl::OkStatus();
  }});
  ASSERT_TRUE(control_->StartThreads(vcpus_).ok());
  control_->AddPaused({});
  EXPECT_EQ(control_->state(), RunControl::State::kPaused);
  EXPECT_TRUE(Pause().ok());
  const uint64_t count = Counter();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(Counter(), count);
  EXPECT_EQ(vcpus_[0]->first_run_us(), 0);
  EXPECT_EQ(confined_threads, 0);
  ASSERT_TRUE(control_->Resume().ok());
  EXPECT_EQ(confined_threads, 1);
  WaitForCount();
  EXPECT_GT(vcpus_[0]->first_run_us(), 0);
  ASSERT_TRUE(Pause().ok());
  ASSERT_TRUE(control_->Resume().ok());
  EXPECT_EQ(confined_threads, 1);
}

TEST_F(RunControlTest, StopEndsARestoredVmThatNeverRan) {
  MakeVm(guests::count_for_ever());
  const uint64_t count = Counter();
  ASSERT_TRUE(control_->StartThreads(vcpus_).ok());
  control_->AddPaused({});
  control_->Stop();
  EXPECT_EQ(Counter(), count);
  EXPECT_EQ(vcpus_[0]->first_run_us(), 0);
}

TEST_F(RunControlTest, ALoopThatCannotBeConfinedLetsNoGuestRun) {
  for (const bool is_restored : {false, true}) {
    vcpus_.clear();
    MakeVm(guests::count_for_ever());
    control_->SetThreadHooks({.on_loop = [] { return absl::InternalError("no"); }});
    const uint64_t count = Counter();
    if (is_restored) {
      ASSERT_TRUE(control_->StartThreads(vcpus_).ok());
      control_->AddPaused({});
      EXPECT_EQ(control_->Resume().message(), "the loop's thread: no");
    } else {
      EXPECT_EQ(Start().message(), "the loop's thread: no");
    }
    EXPECT_EQ(Counter(), count);
    EXPECT_EQ(control_->Resume().code(), absl::StatusCode::kFailedPrecondition);
  }
}

TEST_F(RunControlTest, PauseNeedsARunningVm) {
  MakeVm(guests::count_for_ever());
  EXPECT_EQ(Pause().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(control_->Resume().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(RunControlTest, StopAndResumeCancelAPause) {
  ASSERT_TRUE(ports_.Attach(0x80, 1, &device_).ok());
  MakeVm(guests::count_for_ever());
  ASSERT_TRUE(Start().ok());
  device_.WaitForVcpu();
  std::vector<absl::StatusCode> codes;
  const auto pause = [&] {
    control_->Pause([&](const absl::Status& status) {
      codes.push_back(status.code());
      if (codes.size() == 2) {
        loop_->Stop();
      }
    });
  };
  pause();
  ASSERT_TRUE(control_->Resume().ok());
  pause();
  device_.LetGo();
  control_->Stop();
  ASSERT_TRUE(loop_->Run().ok());
  EXPECT_THAT(codes,
              testing::ElementsAre(absl::StatusCode::kCancelled, absl::StatusCode::kCancelled));
}

TEST_F(RunControlTest, AVcpuThatDoesNotStopIsAnErrorAndTheGuestRunsOn) {
  ASSERT_TRUE(ports_.Attach(0x80, 1, &device_).ok());
  MakeVm(guests::count_for_ever(), /*pause_timeout_us=*/1'000);
  ASSERT_TRUE(Start().ok());
  device_.WaitForVcpu();
  EXPECT_EQ(Pause(), absl::DeadlineExceededError("vcpu 0 did not come to rest in 1 ms"));
  EXPECT_EQ(control_->state(), RunControl::State::kRunning);
  const uint64_t count = Counter();
  device_.LetGo();
  while (Counter() == count) {
    std::this_thread::yield();
  }
}

TEST_F(RunControlTest, AVcpuThatEndedIsAtRest) {
  MakeVm(guests::triple_fault());
  ASSERT_TRUE(Start().ok());
  ends_.get_future().wait();
  EXPECT_TRUE(Pause().ok());
  EXPECT_TRUE(control_->Resume().ok());
}

// The guest has the value of its IN only when KVM was entered again.
TEST_F(RunControlTest, AnInstructionThatLeftTheGuestIsCompletedFirst) {
  ASSERT_TRUE(ports_.Attach(0x60, 1, &device_).ok());
  MakeVm(guests::port_io_then_hlt());
  ASSERT_TRUE(Start().ok());
  device_.WaitForVcpu();
  std::optional<absl::Status> result;
  control_->Pause([&](absl::Status status) {
    result = std::move(status);
    loop_->Stop();
  });
  device_.LetGo();
  ASSERT_TRUE(loop_->Run().ok());
  ASSERT_EQ(result, absl::OkStatus());
  const absl::StatusOr<kvm_regs> regs = vcpus_[0]->kvm().GetRegs();
  ASSERT_TRUE(regs.ok());
  EXPECT_EQ(regs->rax & 0xff, BlockingDevice::kRead);
  EXPECT_EQ(regs->rip, layout::kHighRam.value() + 2);
}

TEST_F(RunControlTest, CountsGuestsThatHaveNoKvmClock) {
  MakeVm(guests::count_for_ever());
  ASSERT_TRUE(Start().ok());
  ASSERT_TRUE(Pause().ok());
  EXPECT_EQ(vcpus_[0]->counts().kvmclock_ctrl_fails, 1u);
}

}  // namespace
}  // namespace mayfly
