// VmControllerTest: a test with the controller of one VM, which runs a test guest on KVM.

#ifndef MAYFLY_TESTS_KVM_VM_CONTROLLER_FIXTURE_H_
#define MAYFLY_TESTS_KVM_VM_CONTROLLER_FIXTURE_H_

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "api/vm_controller.h"
#include "base/clock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/fakes/elf_builder.h"
#include "tests/fakes/temporary_file.h"
#include "tests/kvm/bare_vm.h"

namespace mayfly {

inline std::vector<uint8_t> Kernel(std::span<const uint8_t> guest) {
  return ElfBuilder(layout::kHighRam.value())
      .Segment(layout::kHighRam.value(), {guest.begin(), guest.end()})
      .Build();
}

inline std::vector<uint8_t> Sector(const std::string& text) {
  std::vector<uint8_t> sector(512, '.');
  std::copy(text.begin(), text.end(), sector.begin());
  return sector;
}

class VmControllerTest : public testing::Test {
 protected:
  void SetUp() override {
    SKIP_WITHOUT_KVM();
    const auto null = OwnedFd::Open("/dev/null", O_RDONLY);
    ASSERT_TRUE(null.ok()) << null.status();
    ASSERT_EQ(dup2(null->get(), STDIN_FILENO), STDIN_FILENO);
    auto loop = EventLoop::Create({});
    ASSERT_TRUE(loop.ok()) << loop.status();
    loop_ = *std::move(loop);
    auto mmds = Mmds::Create("vm-1");
    ASSERT_TRUE(mmds.ok()) << mmds.status();
    mmds_ = *std::move(mmds);
    writer_ =
        std::make_unique<MetricsWriter>(loop_.get(), "vm-1", [] { return MetricsSnapshot(); });
    NewController();
  }

  // One that has no VM; that of the one before is gone.
  void NewController() {
    controller_.reset();
    end_.reset();
    VmController::Options options = {.id = "vm-1", .has_boot_timer = true};
    options.observer.on_end = [this](const VmEnd& end) {
      end_ = end;
      loop_->Stop();
    };
    options.observer.on_boot_time = [this](const BootTime& time) { boot_time_ = time; };
    options.on_failed_load = [this] { has_load_failed_ = true; };
    controller_.emplace(std::move(options),
                        VmController::Environment{.loop = loop_.get(),
                                                  .mmds = mmds_.get(),
                                                  .metrics_writer = writer_.get(),
                                                  .metrics = &metrics_,
                                                  .timeline = &timeline_});
  }

  // Carries the request out, waiting for it.
  absl::StatusOr<ApiReply> Ask(ApiRequest request) {
    std::optional<absl::StatusOr<ApiReply>> reply;
    controller_->Execute(std::move(request), [&](absl::StatusOr<ApiReply> answer) {
      reply = std::move(answer);
      loop_->Stop();
    });
    while (!reply) {
      EXPECT_TRUE(loop_->Run().ok());
    }
    return *std::move(reply);
  }

  // The fault message; empty when the request was carried out.
  std::string Fault(ApiRequest request) {
    return std::string(Ask(std::move(request)).status().message());
  }

  std::string State() {
    const auto reply = Ask(GetInstanceInfo{});
    return reply.ok() ? nlohmann::json::parse(reply->body)["state"].get<std::string>() : "";
  }

  void Configure(std::span<const uint8_t> guest) {
    kernel_.emplace(Kernel(guest));
    EXPECT_EQ(Fault(PutBootSource{{.kernel_image_path = kernel_->path()}}), "");
    EXPECT_EQ(Fault(PutMachineConfig{{.vcpu_count = 1, .mem_size_mib = 4}}), "");
    EXPECT_EQ(Fault(PutSerial{{.serial_out_path = output_.path()}}), "");
  }

  void Start(std::span<const uint8_t> guest) {
    Configure(guest);
    ASSERT_EQ(Fault(InstanceStart{}), "");
  }

  // Runs the guest until it ends, and all of its output is written.
  void RunToEnd() {
    while (!end_) {
      ASSERT_TRUE(loop_->Run().ok());
    }
    ShutDown();
  }

  void ShutDown() {
    bool is_done = false;
    controller_->Shutdown([&] {
      is_done = true;
      loop_->Stop();
    });
    while (!is_done) {
      ASSERT_TRUE(loop_->Run().ok());
    }
  }

  PhaseTimeline timeline_{MonotonicTimeUs()};
  const TemporaryFile output_{{}};
  std::optional<TemporaryFile> kernel_;
  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<Mmds> mmds_;
  MonitorMetrics metrics_;
  std::unique_ptr<MetricsWriter> writer_;
  std::optional<VmEnd> end_;
  std::optional<BootTime> boot_time_;
  bool has_load_failed_ = false;
  std::optional<VmController> controller_;
};

}  // namespace mayfly

#endif  // MAYFLY_TESTS_KVM_VM_CONTROLLER_FIXTURE_H_
