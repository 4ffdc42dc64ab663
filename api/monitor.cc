// Puts log, metrics, API server and controller together.

#include "api/monitor.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "api/config_file.h"
#include "api/exit_status.h"
#include "api/fatal_signals.h"
#include "api/product_version.h"
#include "api/text_file.h"
#include "base/clock.h"
#include "base/instance_id.h"
#include "base/log.h"
#include "base/status.h"
#include "base/thread_name.h"
#include "vmm/vcpu.h"

namespace mayfly {
namespace {

constexpr rlim_t kFdTableMax = 2048;
constexpr int64_t kFlushTimeoutUs = 1'000'000;
// Not before whoever started the monitor has had an answer.
constexpr int64_t kPrepareAfterUs = 3'000;
// By then a client that starts a VM with a monitor of its own has done so; one that keeps monitors
// waiting has not.
constexpr int64_t kPrepareMoreAfterUs = 150'000;

// The kernel makes a process's table of descriptors larger when it is full, which makes every
// thread wait for a grace period once there are several. With one thread it costs nothing.
void GrowFdTable() {
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return;
  }
  const int last = static_cast<int>(std::min(limit.rlim_cur, kFdTableMax)) - 1;
  if (fcntl(last, F_GETFD) < 0 && dup2(STDERR_FILENO, last) == last) {
    close(last);
  }
}

bool IsRegularFile(const std::string& path) {
  struct stat status = {};
  return stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

absl::Status WithSocketWords(const absl::Status& status, const std::string& path) {
  if (ErrnoOf(status) == EADDRINUSE) {
    return absl::Status(status.code(), absl::StrCat("Failed to open the API socket at: ", path,
                                                    ". Check that it is not already used."));
  }
  return Annotate(status, absl::StrCat("Failed to open the API socket at: ", path));
}

}  // namespace

int Monitor::Run() {
  // What tools that pin threads look for.
  SetThreadName("firecracker");
  GrowFdTable();
  absl::Status status = StartObservability();
  if (!status.ok()) {
    std::fprintf(stderr, "Error: %s\n", std::string(status.message()).c_str());
    return Exit(kExitBadConfiguration);
  }
  status = SetUp();
  if (status.ok()) {
    status = loop_->Run();
  }
  if (!status.ok()) {
    MAYFLY_LOG(Error, status.message());
    std::fprintf(stderr, "Error: %s\n", std::string(status.message()).c_str());
    return Exit(kExitError);
  }
  return Exit(exit_status_);
}

absl::Status Monitor::StartObservability() {
  StartLog(options_.id);
  LogUpdate update = {.path = options_.log_path,
                      .show_level = options_.shows_level,
                      .show_origin = options_.shows_log_origin,
                      .module = options_.module};
  if (options_.level) {
    update.level = ParseLogLevel(*options_.level);
    if (!update.level) {
      return absl::InvalidArgumentError(absl::StrCat(
          "'", *options_.level, "' is not a level: Off, Error, Warn, Info, Debug or Trace"));
    }
  }
  RETURN_IF_ERROR(Annotate(UpdateLog(update), "--log-path"));
  MAYFLY_LOG(Info, "Running Firecracker v", kApiVersion);
  RETURN_IF_ERROR(CheckInstanceId(options_.id));
  if (options_.enables_pci) {
    return absl::InvalidArgumentError(
        "--enable-pci: Mayfly's devices are on virtio-mmio; it has no PCI");
  }
  return absl::OkStatus();
}

absl::Status Monitor::SetUp() {
  ASSIGN_OR_RETURN(loop_, EventLoop::Create({}));
  MAYFLY_LOG(Debug, "io_uring: ", loop_->setup_description());
  ASSIGN_OR_RETURN(signals_, SignalWatch::Create(loop_.get(), {SIGTERM, SIGINT},
                                                 [this](int signal) { OnSignal(signal); }));
  RETURN_IF_ERROR(InstallFatalSignals());
  // The signal is harmless before a VM runs, too.
  RETURN_IF_ERROR(InstallVcpuKickHandler());
  RETURN_IF_ERROR(ConfineProcess());
  ASSIGN_OR_RETURN(mmds_, Mmds::Create(options_.id, options_.mmds_size_limit_bytes.value_or(
                                                        options_.payload_max_bytes)));
  metrics_writer_ = std::make_unique<MetricsWriter>(loop_.get(), options_.id,
                                                    [this] { return CollectMetrics(); });
  if (options_.metrics_path) {
    RETURN_IF_ERROR(Annotate(metrics_writer_->Configure({.metrics_path = *options_.metrics_path}),
                             "--metrics-path"));
  }
  CreateController();
  if (options_.has_api) {
    RETURN_IF_ERROR(CreateServer());
  }
  RETURN_IF_ERROR(LoadMetadata());
  RETURN_IF_ERROR(LoadConfigFile());
  return LoadRestore();
}

// Before anything is read that others wrote.
absl::Status Monitor::ConfineProcess() {
  if (!confine_) {
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(thread_hooks_, confine_({.has_seccomp = options_.has_seccomp,
                                            .seccomp_filter_path = options_.seccomp_filter}));
  return absl::OkStatus();
}

void Monitor::CreateController() {
  VmController::Options options = {
      .id = options_.id,
      .has_boot_timer = options_.has_boot_timer,
      .thread_hooks = thread_hooks_,
      .observer = {.on_end = [this](const VmEnd& end) { OnVmEnd(end); },
                   .on_boot_time = [](const BootTime& time) { MAYFLY_LOG(Info, time.ToString()); },
                   .on_warning = [](absl::string_view text) { MAYFLY_LOG(Warn, text); }},
      .on_failed_load = [this] { Finish(kExitError); },
  };
  controller_ = std::make_unique<VmController>(
      std::move(options), VmController::Environment{.loop = loop_.get(),
                                                    .mmds = mmds_.get(),
                                                    .metrics_writer = metrics_writer_.get(),
                                                    .metrics = &metrics_,
                                                    .timeline = timeline_});
}

absl::Status Monitor::CreateServer() {
  handler_ = std::make_unique<ApiHandler>(controller_.get(), &metrics_);
  auto server = ApiServer::Create(
      loop_.get(),
      {.socket_path = options_.api_socket, .payload_max_bytes = options_.payload_max_bytes},
      handler_.get());
  if (!server.ok()) {
    return WithSocketWords(server.status(), options_.api_socket);
  }
  server_ = *std::move(server);
  if (!options_.config_file && !options_.restore) {
    prepare_timer_ = std::make_unique<Timer>(loop_.get(), [this] { controller_->Prepare(); });
    prepare_timer_->Set(MonotonicTimeUs() + kPrepareAfterUs);
    prepare_more_timer_ = std::make_unique<Timer>(loop_.get(), [this] { controller_->Prepare(); });
    prepare_more_timer_->Set(MonotonicTimeUs() + kPrepareMoreAfterUs);
  }
  RecordStartupTime();
  MAYFLY_LOG(Info, "Listening on API socket (\"", options_.api_socket, "\").");
  MAYFLY_LOG(Info, "API server started.");
  return absl::OkStatus();
}

// As far as whoever started the process said when that was.
void Monitor::RecordStartupTime() {
  if (options_.start_time_us) {
    metrics_.process_startup_time_us =
        static_cast<uint64_t>(MonotonicTimeUs()) - *options_.start_time_us;
  }
  if (options_.start_time_cpu_us) {
    metrics_.process_startup_time_cpu_us = static_cast<uint64_t>(ProcessCpuTimeUs()) -
                                           *options_.start_time_cpu_us +
                                           options_.parent_cpu_time_us.value_or(0);
  }
}

MetricsSnapshot Monitor::CollectMetrics() const {
  MetricsSnapshot snapshot = {.monitor = metrics_, .mmds = mmds_->metrics()};
  if (controller_ != nullptr && controller_->vm() != nullptr) {
    snapshot.vm = controller_->vm()->metrics();
    snapshot.vm.serial_flush_count = controller_->console()->output().flush_count();
    snapshot.vm.serial_dropped_bytes = controller_->console()->output().rate_limited_bytes();
  }
  return snapshot;
}

absl::Status Monitor::LoadMetadata() {
  if (!options_.metadata_file) {
    return absl::OkStatus();
  }
  const auto text = ReadTextFile(*options_.metadata_file);
  if (!text.ok()) {
    return Annotate(text.status(), "Unable to open or read from the mmds content file");
  }
  const absl::Status status = mmds_->store().PutText(*text);
  if (!status.ok()) {
    return Annotate(status, "Populating MMDS from file failed");
  }
  MAYFLY_LOG(Info, "Successfully added metadata to mmds from file");
  return absl::OkStatus();
}

absl::Status Monitor::LoadConfigFile() {
  if (!options_.config_file) {
    return absl::OkStatus();
  }
  const auto text = ReadTextFile(*options_.config_file);
  if (!text.ok()) {
    return Annotate(text.status(), "Unable to open or read from the configuration file");
  }
  constexpr absl::string_view kFailed = "Configuration for VMM from one single json failed";
  auto requests = ParseConfigFile(*text);
  if (!requests.ok()) {
    return Annotate(requests.status(), kFailed);
  }
  for (ApiRequest& request : *requests) {
    RETURN_IF_ERROR(Annotate(Carry(std::move(request)), kFailed));
  }
  RETURN_IF_ERROR(Annotate(Carry(InstanceStart()), "Could not Start MicroVM from one single json"));
  MAYFLY_LOG(Info, "Successfully started microvm that was configured from one single json");
  return absl::OkStatus();
}

absl::Status Monitor::LoadRestore() {
  if (!options_.restore) {
    return absl::OkStatus();
  }
  SnapshotLoadRequest request = {.snapshot_path = absl::StrCat(*options_.restore, "/state")};
  request.mem_backend = {.path = absl::StrCat(*options_.restore, "/memory")};
  if (IsRegularFile(*options_.restore)) {
    ASSIGN_OR_RETURN(const std::string text, ReadTextFile(*options_.restore));
    auto parsed = ParseSnapshotLoad(text);
    if (!parsed.ok()) {
      return Annotate(parsed.status(), *options_.restore);
    }
    request = *std::move(parsed);
  }
  request.resume_vm = true;
  return Carry(LoadSnapshot{std::move(request)});
}

// Nothing that a configuration file asks for is done later than at once.
absl::Status Monitor::Carry(ApiRequest request) {
  absl::Status status;
  controller_->Execute(std::move(request), [&status](const absl::StatusOr<ApiReply>& reply) {
    status = reply.status();
  });
  return status;
}

void Monitor::OnVmEnd(const VmEnd& end) {
  if (end.kind != VmEnd::Kind::kGuestFault) {
    Finish(kExitOk);
    return;
  }
  MAYFLY_LOG(Error, "The guest cannot go on: ", end.reason);
  MAYFLY_LOG(Error, end.dump);
  if (const absl::Status status = CheckMemoryFile(controller_->machine()); !status.ok()) {
    MAYFLY_LOG(Error, status.message());
  }
  Finish(kExitError);
}

void Monitor::OnSignal(int signal) {
  fatal_signal_ = signal;
  // A second one does not wait for a disk that hangs.
  ::signal(signal, SIG_DFL);
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, signal);
  pthread_sigmask(SIG_UNBLOCK, &mask, nullptr);
  MAYFLY_LOG(Info, "Ended by signal ", signal, ".");
  Finish(kExitSignalBase + signal);
}

void Monitor::Finish(int exit_status) {
  if (is_finishing_) {
    return;
  }
  is_finishing_ = true;
  exit_status_ = exit_status;
  controller_->Shutdown([this] {
    if (server_ == nullptr) {
      loop_->Stop();
      return;
    }
    server_->Flush(MonotonicTimeUs() + kFlushTimeoutUs, [this] { loop_->Stop(); });
  });
}

int Monitor::Exit(int exit_status) {
  prepare_timer_.reset();
  prepare_more_timer_.reset();
  server_.reset();
  if (metrics_writer_ != nullptr) {
    metrics_writer_->Write();
  }
  controller_.reset();
  if (exit_status == kExitOk) {
    MAYFLY_LOG(Info, "Firecracker exiting successfully. exit_code=0");
  } else {
    MAYFLY_LOG(Error, "Firecracker exiting with error. exit_code=", exit_status);
  }
  if (fatal_signal_ != 0) {
    raise(fatal_signal_);
  }
  return exit_status;
}

}  // namespace mayfly
