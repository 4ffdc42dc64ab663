// ApiHandler: requests to a controller without a VM, and their answers byte by byte.

#include "api/api_handler.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "api/text_file.h"
#include "base/clock.h"
#include "base/log.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/temporary_file.h"

namespace mayfly {
namespace {

using testing::HasSubstr;
using testing::Not;

class ApiHandlerTest : public testing::Test {
 protected:
  static constexpr size_t kMetadataMaxBytes = 40;

  void SetUp() override {
    auto loop = EventLoop::Create({});
    ASSERT_TRUE(loop.ok()) << loop.status();
    loop_ = *std::move(loop);
    auto mmds = Mmds::Create("vm-1", kMetadataMaxBytes);
    ASSERT_TRUE(mmds.ok()) << mmds.status();
    mmds_ = *std::move(mmds);
    writer_ = std::make_unique<MetricsWriter>(
        loop_.get(), "vm-1", [this] { return MetricsSnapshot{.monitor = metrics_}; });
    controller_ =
        std::make_unique<VmController>(VmController::Options{.id = "vm-1"},
                                       VmController::Environment{.loop = loop_.get(),
                                                                 .mmds = mmds_.get(),
                                                                 .metrics_writer = writer_.get(),
                                                                 .metrics = &metrics_,
                                                                 .timeline = &timeline_});
    handler_.emplace(controller_.get(), &metrics_);
  }

  // Nothing that is tested here is answered later than at once.
  HttpResponse Send(absl::string_view method, absl::string_view target,
                    absl::string_view body = "") {
    HttpRequest request;
    request.method = HttpMethodOf(method);
    request.method_name = std::string(method);
    request.target = std::string(target);
    request.body = std::string(body);
    std::optional<HttpResponse> answer;
    handler_->HandleRequest(std::move(request),
                            [&](HttpResponse response) { answer = std::move(response); });
    EXPECT_TRUE(answer.has_value()) << method << " " << target;
    return answer.value_or(HttpResponse{.status = 0});
  }

  std::string Bytes(absl::string_view method, absl::string_view target,
                    absl::string_view body = "") {
    std::string bytes;
    AppendHttpResponse(Send(method, target, body), &bytes);
    return bytes;
  }

  // Status and body.
  std::string Answer(absl::string_view method, absl::string_view target,
                     absl::string_view body = "") {
    const HttpResponse response = Send(method, target, body);
    return absl::StrCat(response.status, " ", response.body);
  }

  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<Mmds> mmds_;
  MonitorMetrics metrics_;
  std::unique_ptr<MetricsWriter> writer_;
  PhaseTimeline timeline_{MonotonicTimeUs()};
  std::unique_ptr<VmController> controller_;
  std::optional<ApiHandler> handler_;
};

TEST_F(ApiHandlerTest, AnswersQuestions) {
  EXPECT_EQ(Answer("GET", "/"), R"(200 {"id":"vm-1","state":"Not started","vmm_version":"1.17.0",)"
                                R"("app_name":"Firecracker"})");
  EXPECT_EQ(Answer("GET", "/version"), R"(200 {"firecracker_version":"1.17.0"})");
  EXPECT_EQ(Answer("GET", "/machine-config"),
            R"(200 {"vcpu_count":1,"mem_size_mib":128,"smt":false,"track_dirty_pages":false,)"
            R"("huge_pages":"None"})");
  EXPECT_EQ(Answer("GET", "/mmds"), "200 {}");
  EXPECT_THAT(Answer("GET", "/vm/config"),
              HasSubstr(R"(200 {"balloon":null,"drives":[],"boot-source":null,)"));
}

TEST_F(ApiHandlerTest, AnswersHaveFirecrackersBytes) {
  EXPECT_EQ(Bytes("GET", "/version"),
            "HTTP/1.1 200 \r\nServer: Firecracker API\r\nConnection: keep-alive\r\n"
            "Content-Type: application/json\r\nContent-Length: 32\r\n\r\n"
            R"({"firecracker_version":"1.17.0"})");
  EXPECT_EQ(Bytes("PUT", "/machine-config", R"({"vcpu_count":2,"mem_size_mib":256})"),
            "HTTP/1.1 204 \r\nServer: Firecracker API\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(Bytes("PATCH", "/machine-config", R"({"cpu_template":"None"})"),
            "HTTP/1.1 204 \r\nServer: Firecracker API\r\nConnection: keep-alive\r\n"
            "Deprecation: true\r\n\r\n");
  EXPECT_EQ(Bytes("GET", "/foo"),
            "HTTP/1.1 400 \r\nServer: Firecracker API\r\nConnection: keep-alive\r\n"
            "Content-Type: application/json\r\nContent-Length: 64\r\n\r\n"
            R"({"fault_message":"Invalid request method and/or path: GET foo."})");
}

TEST_F(ApiHandlerTest, ConfigurationIsTakenAndShown) {
  EXPECT_EQ(Answer("PUT", "/machine-config", R"({"vcpu_count":4,"mem_size_mib":512,"smt":true})"),
            "204 ");
  EXPECT_EQ(Answer("PATCH", "/machine-config", R"({"mem_size_mib":1024})"), "204 ");
  EXPECT_EQ(Answer("GET", "/machine-config"),
            R"(200 {"vcpu_count":4,"mem_size_mib":1024,"smt":true,"track_dirty_pages":false,)"
            R"("huge_pages":"None"})");
  EXPECT_EQ(Answer("PUT", "/cpu-config", "{}"), "204 ");
  EXPECT_EQ(Answer("PUT", "/serial", R"({"serial_out_path":"/dev/null"})"), "204 ");
  const TemporaryFile disk(std::vector<uint8_t>(512));
  EXPECT_EQ(Answer("PUT", "/drives/d",
                   absl::StrCat(R"({"drive_id":"d","is_root_device":true,"path_on_host":")",
                                disk.path(), R"("})")),
            "204 ");
  EXPECT_THAT(Answer("GET", "/vm/config"), HasSubstr(R"("drives":[{"drive_id":"d",)"));
}

TEST_F(ApiHandlerTest, FaultsHaveFirecrackersWords) {
  EXPECT_EQ(Answer("PUT", "/boot-source", R"({"kernel_image_path":"/no/such/kernel"})"),
            R"(400 {"fault_message":"Boot source error: The kernel file cannot be opened: )"
            "No such file or directory (os error 2)\"}");
  EXPECT_EQ(Answer("PUT", "/actions", R"({"action_type":"InstanceStart"})"),
            R"(400 {"fault_message":"Start microvm error: Cannot start microvm without kernel )"
            R"(configuration."})");
  EXPECT_EQ(Answer("PUT", "/machine-config", R"({"vcpu_count":"x"})"),
            R"(400 {"fault_message":"An error occurred when deserializing the json body of a )"
            R"(request: invalid type: string \"x\", expected u8 at line 1 column 17."})");
  EXPECT_THAT(Answer("PUT", "/logger", R"({"log_path":"/no/such/log"})"),
              HasSubstr(R"(400 {"fault_message":"Logger error: Failed to open target file: )"));
}

TEST_F(ApiHandlerTest, WhatNeedsARunningVmIsRefusedBefore) {
  constexpr char kTooEarly[] =
      R"(400 {"fault_message":"The requested operation is not supported before starting the )"
      R"(microVM."})";
  EXPECT_EQ(Answer("PATCH", "/vm", R"({"state":"Paused"})"), kTooEarly);
  EXPECT_EQ(Answer("PUT", "/actions", R"({"action_type":"FlushMetrics"})"), kTooEarly);
  EXPECT_EQ(Answer("PUT", "/actions", R"({"action_type":"SendCtrlAltDel"})"), kTooEarly);
  EXPECT_EQ(Answer("PATCH", "/drives/d", R"({"drive_id":"d"})"), kTooEarly);
  EXPECT_EQ(Answer("PATCH", "/network-interfaces/n", R"({"iface_id":"n"})"), kTooEarly);
  EXPECT_EQ(Answer("DELETE", "/drives/d"), kTooEarly);
}

TEST_F(ApiHandlerTest, MetadataIsReplacedMergedAndLimited) {
  EXPECT_EQ(Answer("PATCH", "/mmds", R"({"a":1})"),
            R"(400 {"fault_message":"MMDS error: The MMDS data store is not initialized."})");
  EXPECT_EQ(Answer("PUT", "/mmds", R"({"a":{"b":1},"c":2})"), "204 ");
  EXPECT_EQ(Answer("PATCH", "/mmds", R"({"a":{"d":3},"c":null})"), "204 ");
  EXPECT_EQ(Answer("GET", "/mmds"), R"(200 {"a":{"b":1,"d":3}})");
  const std::string large(kMetadataMaxBytes, 'x');
  constexpr char kTooLarge[] =
      R"(413 {"fault_message":"MMDS limit exceeded error: The MMDS patch request doesn't fit."})";
  EXPECT_EQ(Answer("PATCH", "/mmds", absl::StrCat(R"({"e":")", large, R"("})")), kTooLarge);
  EXPECT_EQ(Answer("PUT", "/mmds", absl::StrCat(R"({"e":")", large, R"("})")), kTooLarge);
  EXPECT_EQ(Answer("GET", "/mmds"), R"(200 {"a":{"b":1,"d":3}})");
}

TEST_F(ApiHandlerTest, MetricsAreForPrometheusWhileTheirTargetIsSetOnce) {
  const HttpResponse response = Send("GET", "/metrics");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.content_type, "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_THAT(response.body, HasSubstr("mayfly_"));
  const TemporaryFile file({});
  const std::string body = absl::StrCat(R"({"metrics_path":")", file.path(), R"("})");
  EXPECT_EQ(Answer("PUT", "/metrics", body), "204 ");
  EXPECT_EQ(Answer("PUT", "/metrics", body),
            R"(400 {"fault_message":"Metrics error: Cannot initialize the metrics system due to )"
            R"(bad user input: Reinitialization of metrics not allowed."})");
}

TEST_F(ApiHandlerTest, CountsWhatItIsAsked) {
  Send("GET", "/");
  Send("GET", "/");
  Send("PUT", "/machine-config", "{}");
  Send("PUT", "/mmds/config", R"({"network_interfaces":[]})");
  EXPECT_EQ(metrics_.requests.get.instance_info.count, 2u);
  EXPECT_EQ(metrics_.requests.put.machine_cfg.fails, 1u);
  EXPECT_EQ(metrics_.requests.deprecated_http_api_calls, 1u);
}

TEST_F(ApiHandlerTest, DeprecatedUseIsToldInAnswersAsWell) {
  const HttpResponse refused = Send("PUT", "/mmds/config", R"({"network_interfaces":[]})");
  EXPECT_EQ(refused.status, 400);
  EXPECT_TRUE(refused.is_deprecated);
  EXPECT_FALSE(Send("GET", "/version").is_deprecated);
}

TEST_F(ApiHandlerTest, LogsRequestsAndAnswersButNoMetadata) {
  const TemporaryFile log({});
  StartLog("vm-1");
  ASSERT_TRUE(UpdateLog({.path = log.path(), .level = LogLevel::kDebug}).ok());
  Send("PUT", "/machine-config", R"({"vcpu_count":1,"mem_size_mib":128})");
  Send("GET", "/version");
  Send("PUT", "/mmds", R"({"password":"secret"})");
  Send("PATCH", "/mmds", R"({"password":"hidden"})");
  Send("PUT", "/drives/a-b", "{}");
  StopLog();
  const std::string text = *ReadTextFile(log.path());
  for (const char* line : {
           R"("/machine-config" with body "{\"vcpu_count\":1,\"mem_size_mib\":128}".)",
           R"(The API server received a Get request on "/version".)",
           R"(The API server received a Put request on "/mmds".)",
           R"(The API server received a Patch request on "/mmds".)",
           "The request was executed successfully. Status code: 204 No Content.",
           "The request was executed successfully. Status code: 200 OK.",
           "Received Error. Status code: 400 Bad Request. Message: API Resource IDs can only",
           "Total previous API call duration: ",
       }) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  EXPECT_THAT(text, Not(HasSubstr("secret")));
  EXPECT_THAT(text, Not(HasSubstr("hidden")));
}

TEST(FaultBodyTest, IsJsonWhateverTheText) {
  EXPECT_EQ(FaultBody("plain"), R"({"fault_message":"plain"})");
  EXPECT_EQ(FaultBody("a \"b\"\n"), R"({"fault_message":"a \"b\"\n"})");
  EXPECT_EQ(FaultBody("\xff"), "{\"fault_message\":\"\xef\xbf\xbd\"}");
}

}  // namespace
}  // namespace mayfly
