// Puts a VM and the console together.

#include "api/run_session.h"

#include <signal.h>
#include <unistd.h>

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "api/fatal_signals.h"
#include "api/fault.h"
#include "base/clock.h"
#include "base/status.h"

namespace mayfly {
namespace {

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
  ASSIGN_OR_RETURN(loop_, EventLoop::Create({}));
  ASSIGN_OR_RETURN(signals_,
                   SignalWatch::Create(loop_.get(), {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1},
                                       [this](int signal) { OnSignal(signal); }));
  timeline_->Mark("event loop");
  if (confine_) {
    RETURN_IF_ERROR(InstallBadSyscallHandler());
    ASSIGN_OR_RETURN(thread_hooks_, confine_({.has_seccomp = options_.has_seccomp}));
    timeline_->Mark("confinement");
  }
  CreateController();
  RETURN_IF_ERROR(Configure());
  timeline_->Mark("open files");
  RETURN_IF_ERROR(Carry(InstanceStart()));
  if (options_.shows_timings) {
    timings_timer_ = std::make_unique<Timer>(loop_.get(), [this] { ShowTimings(); });
    timings_timer_->Set(MonotonicTimeUs() + kTimingsPollUs);
  }
  const absl::Status status = loop_->Run();
  controller_->vm()->Stop();
  controller_->console()->RestoreTerminal();
  RETURN_IF_ERROR(status);
  if (!message_.empty()) {
    PrintError(message_);
  }
  return exit_status_;
}

void RunSession::CreateController() {
  VmController::Options options = {
      .has_boot_timer = options_.has_boot_timer,
      // A console of a person: what was started by hand is timed from the program's start.
      .boot_start = BootTimer::Start{.monotonic_us = timeline_->start_us()},
      .console = {
          .input = Console::Input::kEverything,
          .on_escape = [this](EscapeKey::Command command) { OnEscapeCommand(command); },
          .on_input_end = [this](const absl::Status& status) { OnInputEnd(status); },
          .on_output_broken = [this](const absl::Status& status) { OnOutputBroken(status); }},
      .missing_tap = Tap::Missing::kIsError,
      .thread_hooks = thread_hooks_,
      .observer = {.on_end = [this](const VmEnd& end) { OnVmEnd(end); },
                   .on_boot_time = [](const BootTime& time) { PrintError(time.ToString()); },
                   .on_warning = [](absl::string_view text) { PrintError(text); }},
  };
  controller_ = std::make_unique<VmController>(
      std::move(options), VmController::Environment{.loop = loop_.get(), .timeline = timeline_});
}

absl::Status RunSession::Configure() {
  RETURN_IF_ERROR(
      Annotate(Carry(PutMachineConfig{{.vcpu_count = static_cast<uint8_t>(options_.vcpu_count),
                                       .mem_size_mib = options_.memory_mib,
                                       .huge_pages = options_.huge_pages}}),
               "--memory-mib"));
  RETURN_IF_ERROR(Annotate(KernelCommandLine::Parse(options_.command_line).status(), "--cmdline"));
  RETURN_IF_ERROR(Annotate(Carry(PutBootSource{{.kernel_image_path = options_.kernel_path,
                                                .initrd_path = options_.initrd_path,
                                                .boot_args = options_.command_line}}),
                           options_.initrd_path ? "--kernel or --initrd" : "--kernel"));
  for (const DriveConfig& disk : options_.disks) {
    RETURN_IF_ERROR(Annotate(Carry(PutDrive{disk}), disk.drive_id));
  }
  for (const NetworkInterfaceConfig& network : options_.networks) {
    RETURN_IF_ERROR(Annotate(Carry(PutNetworkInterface{network}), network.iface_id));
  }
  return absl::OkStatus();
}

absl::Status RunSession::Carry(ApiRequest request) {
  absl::Status status;
  controller_->Execute(std::move(request), [&status](const absl::StatusOr<ApiReply>& reply) {
    status = reply.status();
  });
  return status.ok() ? status : absl::Status(status.code(), CauseText(status));
}

void RunSession::OnVmEnd(const VmEnd& end) {
  if (end.kind != VmEnd::Kind::kGuestFault) {
    Finish(kExitOk, "");
    return;
  }
  Finish(kExitGuestFault, absl::StrCat("the guest cannot go on: ", end.reason, "\n", end.dump));
}

void RunSession::ReopenDisks() {
  controller_->vm()->ReopenDisks([](const std::string& name, const absl::Status& status) {
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
  if (controller_->console()->has_terminal() && !status.ok()) {
    Finish(kExitError, absl::StrCat("the terminal is gone: ", status.message()));
  } else if (!status.ok()) {
    PrintError(
        absl::StrCat("standard input: ", status.message(), "; the guest gets no more of it"));
  }
}

void RunSession::OnOutputBroken(const absl::Status& status) {
  if (controller_->console()->has_terminal()) {
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
      if (const absl::Status status = controller_->vm()->i8042().TriggerCtrlAltDel();
          !status.ok()) {
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
  const int64_t first_run_us = controller_->vm()->first_run_us();
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
  controller_->Shutdown([this] { loop_->Stop(); });
}

}  // namespace mayfly
