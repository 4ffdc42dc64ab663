// Puts a VM and the console together.

#include "api/run_session.h"

#include <signal.h>
#include <unistd.h>

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/status.h"

namespace mayfly {
namespace {

// How long the guest's last output may take to get to a reader that is slow.
constexpr int64_t kFlushTimeoutUs = 1'000'000;
constexpr int64_t kTimingsPollUs = 200;

constexpr char kEscapeHelp[] =
    "\nmayfly: Ctrl-A then x ends the VM, d sends Ctrl-Alt-Del, a sends Ctrl-A, r opens the disks' "
    "files again, "
    "h prints this\n";

void PrintError(absl::string_view text) {
  std::fprintf(stderr, "mayfly: %.*s\n", static_cast<int>(text.size()), text.data());
}

}  // namespace

absl::StatusOr<int> RunSession::Run() {
  ASSIGN_OR_RETURN(BootSource boot, OpenBootSource());
  timeline_->Mark("open files");
  ASSIGN_OR_RETURN(loop_, EventLoop::Create({}));
  ASSIGN_OR_RETURN(signals_,
                   SignalWatch::Create(loop_.get(), [this](int signal) { OnSignal(signal); }));
  timeline_->Mark("event loop");
  RETURN_IF_ERROR(CreateVm(std::move(boot)));
  RETURN_IF_ERROR(OpenConsole());
  timeline_->Mark("console");
  RETURN_IF_ERROR(vm_->Start());
  if (options_.shows_timings) {
    timings_timer_ = std::make_unique<Timer>(loop_.get(), [this] { ShowTimings(); });
    timings_timer_->Set(MonotonicTimeUs() + kTimingsPollUs);
  }
  const absl::Status status = loop_->Run();
  vm_->Stop();
  terminal_.reset();
  RETURN_IF_ERROR(status);
  if (!message_.empty()) {
    PrintError(message_);
  }
  return exit_status_;
}

absl::StatusOr<BootSource> RunSession::OpenBootSource() const {
  auto command_line = KernelCommandLine::Parse(options_.command_line);
  if (!command_line.ok()) {
    return Annotate(command_line.status(), "--cmdline");
  }
  RETURN_IF_ERROR(Annotate(command_line->Append("pci=off"), "--cmdline"));
  auto kernel = ImageFile::Open(options_.kernel_path);
  if (!kernel.ok()) {
    return Annotate(kernel.status(), "--kernel");
  }
  BootSource boot = {.kernel = *std::move(kernel), .command_line = *std::move(command_line)};
  if (options_.initrd_path) {
    auto initrd = ImageFile::Open(*options_.initrd_path);
    if (!initrd.ok()) {
      return Annotate(initrd.status(), "--initrd");
    }
    boot.initrd = *std::move(initrd);
  }
  return boot;
}

// Takes the files: once they are in guest memory, nothing of them is to stay open or mapped here.
absl::Status RunSession::CreateVm(BootSource boot) {
  output_ = std::make_unique<SerialOutput>(
      loop_.get(),
      SerialOutput::Options{.fd = STDOUT_FILENO, .on_broken = [this](const absl::Status& status) {
                              OnOutputBroken(status);
                            }});
  const MicroVmConfig config = {
      .ram = {.size_bytes = options_.memory_mib << 20, .huge_pages = options_.huge_pages},
      .vcpu_count = options_.vcpu_count,
      .disks = options_.disks,
      .networks = options_.networks,
      .has_boot_timer = options_.has_boot_timer,
  };
  RETURN_IF_ERROR(Annotate(CheckGuestRamSize(config.ram), "--memory-mib"));
  MicroVm::Observer observer = {
      .on_end = [this](const VmEnd& end) { OnVmEnd(end); },
      .on_boot_time = [](const BootTime& time) { PrintError(time.ToString()); },
      .on_warning = [](absl::string_view text) { PrintError(text); },
  };
  ASSIGN_OR_RETURN(vm_, MicroVm::Create(config, boot, output_.get(), loop_.get(),
                                        std::move(observer), *timeline_));
  return absl::OkStatus();
}

// A process in the background of a shell must not touch the terminal: it would be stopped.
absl::Status RunSession::OpenConsole() {
  SerialInput::Options options = {
      .fd = STDIN_FILENO, .on_end = [this](const absl::Status& status) { OnInputEnd(status); }};
  if (isatty(STDIN_FILENO) != 0) {
    if (!IsForegroundTerminal(STDIN_FILENO)) {
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(terminal_, RawTerminal::Create(STDIN_FILENO));
    escape_key_ = std::make_unique<EscapeKey>(
        [this](EscapeKey::Command command) { OnEscapeCommand(command); });
    options.filter = [this](std::span<uint8_t> bytes) { return escape_key_->Filter(bytes); };
  }
  input_ = std::make_unique<SerialInput>(loop_.get(), &vm_->serial(), std::move(options));
  return absl::OkStatus();
}

void RunSession::OnVmEnd(const VmEnd& end) {
  if (end.kind != VmEnd::Kind::kGuestFault) {
    Finish(kExitOk, "");
    return;
  }
  Finish(kExitGuestFault, absl::StrCat("the guest cannot go on: ", end.reason, "\n", end.dump));
}

void RunSession::ReopenDisks() {
  vm_->ReopenDisks([](const std::string& name, const absl::Status& status) {
    PrintError(status.ok() ? absl::StrCat(name, ": opened again")
                           : absl::StrCat(name, ": not opened again: ", status.message()));
  });
}

void RunSession::OnSignal(int signal) {
  if (signal == SIGUSR1) {
    ReopenDisks();
    return;
  }
  Finish(kExitSignalBase + signal,
         absl::StrCat("ended by ", sigabbrev_np(signal) != nullptr
                                       ? absl::StrCat("SIG", sigabbrev_np(signal))
                                       : absl::StrCat("signal ", signal)));
}

void RunSession::OnInputEnd(const absl::Status& status) {
  if (terminal_ != nullptr && !status.ok()) {
    Finish(kExitError, absl::StrCat("the terminal is gone: ", status.message()));
  } else if (!status.ok()) {
    PrintError(
        absl::StrCat("standard input: ", status.message(), "; the guest gets no more of it"));
  }
}

void RunSession::OnOutputBroken(const absl::Status& status) {
  if (terminal_ != nullptr) {
    Finish(kExitError, absl::StrCat("the terminal is gone: ", status.message()));
  } else {
    PrintError(absl::StrCat("standard output: ", status.message(),
                            "; what the guest prints is dropped from now on"));
  }
}

void RunSession::OnEscapeCommand(EscapeKey::Command command) {
  switch (command) {
    case EscapeKey::Command::kQuit:
      Finish(kExitOk, "");
      break;
    case EscapeKey::Command::kCtrlAltDel:
      if (const absl::Status status = vm_->i8042().TriggerCtrlAltDel(); !status.ok()) {
        PrintError(absl::StrCat("Ctrl-Alt-Del: ", status.message()));
      }
      break;
    case EscapeKey::Command::kReopenDisks:
      ReopenDisks();
      break;
    case EscapeKey::Command::kHelp:
      std::fputs(kEscapeHelp, stderr);
      break;
  }
}

void RunSession::ShowTimings() {
  const int64_t first_run_us = vm_->first_run_us();
  if (first_run_us == 0) {
    timings_timer_->Set(MonotonicTimeUs() + kTimingsPollUs);
    return;
  }
  timeline_->MarkAt("start vCPU threads", first_run_us);
  std::fprintf(stderr, "mayfly: from exec to the first KVM_RUN, at %lld us of CLOCK_MONOTONIC:\n%s",
               static_cast<long long>(first_run_us), timeline_->Format().c_str());
}

void RunSession::Finish(int exit_status, std::string message) {
  if (is_finishing_) {
    return;
  }
  is_finishing_ = true;
  exit_status_ = exit_status;
  message_ = std::move(message);
  vm_->Stop();
  vm_->Quiesce(
      [this] { output_->Flush(MonotonicTimeUs() + kFlushTimeoutUs, [this] { loop_->Stop(); }); });
}

}  // namespace mayfly
