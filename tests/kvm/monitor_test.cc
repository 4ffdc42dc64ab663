// Monitor: the whole program in a process of its own, by its socket, its files and its end.

#include "api/monitor.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "api/exit_status.h"
#include "api/text_file.h"
#include "base/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/elf_builder.h"
#include "tests/fakes/temporary_file.h"
#include "tests/guests/guests.h"
#include "tests/kvm/bare_vm.h"

namespace mayfly {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

std::vector<uint8_t> Bytes(const std::string& text) { return {text.begin(), text.end()}; }

class MonitorTest : public testing::Test {
 protected:
  void SetUp() override {
    SKIP_WITHOUT_KVM();
    options_.api_socket = place_.path() + ".socket";
    options_.log_path = log_.path();
    options_.id = "vm-1";
  }

  void TearDown() override {
    if (child_ > 0) {
      kill(child_, SIGKILL);
      waitpid(child_, nullptr, 0);
    }
    unlink(options_.api_socket.c_str());
  }

  void UseKernel(std::span<const uint8_t> guest) {
    kernel_.emplace(ElfBuilder(layout::kHighRam.value())
                        .Segment(layout::kHighRam.value(), {guest.begin(), guest.end()})
                        .Build());
  }

  // A configuration file that boots the kernel.
  void UseConfigFile() {
    config_.emplace(Bytes(absl::StrCat(R"({"boot-source":{"kernel_image_path":")", kernel_->path(),
                                       R"("},"drives":[],)",
                                       R"("machine-config":{"vcpu_count":1,"mem_size_mib":4}})")));
    options_.config_file = config_->path();
  }

  void Launch() {
    child_ = fork();
    ASSERT_GE(child_, 0);
    if (child_ == 0) {
      const int null = open("/dev/null", O_RDWR);
      dup2(null, STDIN_FILENO);
      dup2(null, STDOUT_FILENO);
      dup2(null, STDERR_FILENO);
      PhaseTimeline timeline(MonotonicTimeUs());
      _exit(Monitor(options_, &timeline).Run());
    }
  }

  // As waitpid has it.
  int WaitForEnd() {
    int status = -1;
    EXPECT_EQ(waitpid(child_, &status, 0), child_);
    child_ = -1;
    return status;
  }

  int ExitStatus() {
    const int status = WaitForEnd();
    EXPECT_TRUE(WIFEXITED(status)) << status;
    return WEXITSTATUS(status);
  }

  // A client's connection, as soon as there is a server.
  OwnedFd Connect() const {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, options_.api_socket.c_str(), sizeof(address.sun_path) - 1);
    const int64_t limit_us = MonotonicTimeUs() + 20'000'000;
    while (MonotonicTimeUs() < limit_us) {
      OwnedFd client(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
      if (connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) ==
          0) {
        return client;
      }
      usleep(1'000);
    }
    ADD_FAILURE() << "no server at " << options_.api_socket;
    return OwnedFd();
  }

  // The answer up to its end, or what came of it.
  static std::string Ask(const OwnedFd& client, absl::string_view method, absl::string_view target,
                         absl::string_view body = "") {
    const std::string request = absl::StrCat(
        method, " ", target, " HTTP/1.1\r\nContent-Length: ", body.size(), "\r\n\r\n", body);
    EXPECT_EQ(send(client.get(), request.data(), request.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(request.size()));
    std::string answer;
    while (!IsWhole(answer)) {
      char byte = 0;
      if (recv(client.get(), &byte, 1, 0) != 1) {
        break;
      }
      answer.push_back(byte);
    }
    return answer;
  }

  static bool IsWhole(const std::string& answer) {
    const size_t head_end = answer.find("\r\n\r\n");
    if (head_end == std::string::npos) {
      return false;
    }
    const std::string name = "Content-Length: ";
    const size_t found = answer.find(name);
    size_t length = 0;
    if (found != std::string::npos) {
      const size_t begin = found + name.size();
      EXPECT_TRUE(
          absl::SimpleAtoi(answer.substr(begin, answer.find('\r', begin) - begin), &length));
    }
    return answer.size() == head_end + 4 + length;
  }

  // "200", and the body behind a space.
  static std::string Short(const std::string& answer) {
    return absl::StrCat(answer.substr(answer.find(' ') + 1, 3), " ",
                        answer.substr(std::min(answer.find("\r\n\r\n") + 4, answer.size())));
  }

  std::string Log() const { return *ReadTextFile(log_.path()); }

  const TemporaryFile place_{{}};
  const TemporaryFile log_{{}};
  const TemporaryFile output_{{}};
  std::optional<TemporaryFile> kernel_;
  std::optional<TemporaryFile> config_;
  MonitorOptions options_;
  pid_t child_ = -1;
};

TEST_F(MonitorTest, AClientConfiguresAndStartsAGuest) {
  UseKernel(guests::serial_hello_then_reset());
  Launch();
  const OwnedFd client = Connect();
  EXPECT_EQ(Short(Ask(client, "GET", "/")),
            R"(200 {"id":"vm-1","state":"Not started","vmm_version":"1.17.0",)"
            R"("app_name":"Firecracker"})");
  EXPECT_EQ(Short(Ask(client, "PUT", "/machine-config", R"({"vcpu_count":1,"mem_size_mib":4})")),
            "204 ");
  EXPECT_EQ(Short(Ask(client, "PUT", "/serial",
                      absl::StrCat(R"({"serial_out_path":")", output_.path(), R"("})"))),
            "204 ");
  constexpr char kStart[] = R"({"action_type":"InstanceStart"})";
  EXPECT_EQ(Short(Ask(client, "PUT", "/actions", kStart)),
            R"(400 {"fault_message":"Start microvm error: Cannot start microvm without kernel )"
            R"(configuration."})");
  EXPECT_EQ(Short(Ask(client, "PUT", "/boot-source",
                      absl::StrCat(R"({"kernel_image_path":")", kernel_->path(), R"("})"))),
            "204 ");
  EXPECT_EQ(Short(Ask(client, "PUT", "/actions", kStart)), "204 ");
  EXPECT_EQ(ExitStatus(), kExitOk);
  EXPECT_EQ(*ReadTextFile(output_.path()), "hello\n");
  EXPECT_EQ(access(options_.api_socket.c_str(), F_OK), 0);
}

TEST_F(MonitorTest, TheLogTellsItsLife) {
  UseKernel(guests::power_off());
  UseConfigFile();
  Launch();
  EXPECT_EQ(ExitStatus(), kExitOk);
  const std::string log = Log();
  EXPECT_THAT(log.substr(0, log.find('\n')), EndsWith("Running Firecracker v1.17.0"));
  EXPECT_THAT(
      log, HasSubstr(absl::StrCat("Listening on API socket (\"", options_.api_socket, "\").\n")));
  EXPECT_THAT(log, HasSubstr("API server started.\n"));
  EXPECT_THAT(log, HasSubstr("Successfully started microvm that was configured from one single "
                             "json\n"));
  EXPECT_THAT(log, EndsWith("Firecracker exiting successfully. exit_code=0\n"));
}

TEST_F(MonitorTest, AConfigurationFileNeedsNoSocket) {
  UseKernel(guests::power_off());
  UseConfigFile();
  options_.has_api = false;
  Launch();
  EXPECT_EQ(ExitStatus(), kExitOk);
  EXPECT_NE(access(options_.api_socket.c_str(), F_OK), 0);
}

TEST_F(MonitorTest, AGuestsFaultIsAnErrorWithADump) {
  UseKernel(guests::triple_fault());
  UseConfigFile();
  Launch();
  EXPECT_EQ(ExitStatus(), kExitError);
  EXPECT_THAT(Log(), HasSubstr("The guest cannot go on: vcpu 0: KVM_EXIT_SHUTDOWN"));
  EXPECT_THAT(Log(), HasSubstr("cr3 "));
  EXPECT_THAT(Log(), EndsWith("Firecracker exiting with error. exit_code=1\n"));
}

TEST_F(MonitorTest, AKernelThatIsNoneEndsAConfiguredStart) {
  kernel_.emplace(std::vector<uint8_t>(4096, 'x'));
  UseConfigFile();
  Launch();
  EXPECT_EQ(ExitStatus(), kExitError);
  EXPECT_THAT(Log(), HasSubstr("Could not Start MicroVM from one single json: Start microvm error: "
                               "System configuration error: Cannot load kernel"));
}

TEST_F(MonitorTest, ASignalEndsItAfterItsLastMetrics) {
  const TemporaryFile metrics({});
  options_.metrics_path = metrics.path();
  UseKernel(guests::spin());
  UseConfigFile();
  Launch();
  const OwnedFd client = Connect();
  EXPECT_THAT(Ask(client, "GET", "/"), HasSubstr("Running"));
  EXPECT_EQ(Short(Ask(client, "PATCH", "/vm", R"({"state":"Paused"})")), "204 ");
  EXPECT_THAT(Ask(client, "GET", "/"), HasSubstr("Paused"));
  EXPECT_THAT(Ask(client, "GET", "/metrics"), HasSubstr("mayfly_"));
  kill(child_, SIGTERM);
  const int status = WaitForEnd();
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGTERM);
  // One from the start of the VM and one from the end.
  const std::string text = *ReadTextFile(metrics.path());
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
  EXPECT_THAT(Log(), HasSubstr("Ended by signal 15."));
}

TEST_F(MonitorTest, MetadataComesFromAFile) {
  const TemporaryFile metadata(Bytes(R"({"latest":{"x":1}})"));
  options_.metadata_file = metadata.path();
  Launch();
  const OwnedFd client = Connect();
  EXPECT_EQ(Short(Ask(client, "GET", "/mmds")), R"(200 {"latest":{"x":1}})");
  EXPECT_THAT(Log(), HasSubstr("Successfully added metadata to mmds from file\n"));
}

TEST_F(MonitorTest, TheJailersTimesBecomeTheStartsMetrics) {
  options_.start_time_us = static_cast<uint64_t>(MonotonicTimeUs()) - 1'000'000;
  options_.start_time_cpu_us = 0;
  options_.parent_cpu_time_us = 2'000'000;
  const TemporaryFile metrics({});
  options_.metrics_path = metrics.path();
  UseKernel(guests::power_off());
  UseConfigFile();
  Launch();
  EXPECT_EQ(ExitStatus(), kExitOk);
  const std::string text = *ReadTextFile(metrics.path());
  const auto line = nlohmann::json::parse(text.substr(0, text.find('\n')));
  EXPECT_GE(line["api_server"]["process_startup_time_us"].get<uint64_t>(), 1'000'000u);
  EXPECT_GE(line["api_server"]["process_startup_time_cpu_us"].get<uint64_t>(), 2'000'000u);
}

TEST_F(MonitorTest, BodiesAreLimited) {
  options_.payload_max_bytes = 250;
  Launch();
  const OwnedFd client = Connect();
  EXPECT_EQ(Ask(client, "PUT", "/machine-config", std::string(260, ' ')),
            "HTTP/1.1 400 \r\nServer: Firecracker API\r\nConnection: keep-alive\r\n"
            "Content-Type: application/json\r\nContent-Length: 145\r\n\r\n"
            "{ \"error\": \"Request payload with size 260 is larger than the limit of 250 allowed "
            "by server.\nAll previous unanswered requests will be dropped.\" }");
}

}  // namespace
}  // namespace mayfly
