// RouteRequest: every route, every refusal of Firecracker's, and what is counted.

#include "api/request_router.h"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly {
namespace {

using Counters = RequestCounters;

absl::string_view NameOf(HttpMethod method) {
  switch (method) {
    case HttpMethod::kGet:
      return "GET";
    case HttpMethod::kPut:
      return "PUT";
    case HttpMethod::kPatch:
      return "PATCH";
    default:
      return "DELETE";
  }
}

HttpRequest Request(absl::string_view method, absl::string_view target,
                    absl::string_view body = "") {
  HttpRequest request;
  request.method = HttpMethodOf(method);
  request.method_name = std::string(method);
  request.target = std::string(target);
  request.body = std::string(body);
  return request;
}

// The fault message; empty when there is a route and the body decodes.
std::string FaultOf(absl::string_view method, absl::string_view target,
                    absl::string_view body = "") {
  Counters counters;
  const auto routed = RouteRequest(Request(method, target, body), counters);
  EXPECT_TRUE(routed.ok() || absl::IsInvalidArgument(routed.status())) << routed.status();
  return std::string(routed.status().message());
}

struct Row {
  const char* method;
  const char* target;
  const char* body;
  size_t kind;  // the ApiRequest's index
};

template <typename T, size_t I = 0>
constexpr size_t IndexOf() {
  if constexpr (std::is_same_v<T, std::variant_alternative_t<I, ApiRequest>>) {
    return I;
  } else {
    return IndexOf<T, I + 1>();
  }
}

constexpr char kMachine[] = R"({"vcpu_count":1,"mem_size_mib":128})";
constexpr char kDrive[] = R"({"drive_id":"d_1","is_root_device":false,"path_on_host":"p"})";
constexpr char kDriveUpdate[] = R"({"drive_id":"d_1","path_on_host":"p"})";
constexpr char kNetwork[] = R"({"iface_id":"eth0","host_dev_name":"t"})";
constexpr char kNetworkUpdate[] = R"({"iface_id":"eth0"})";
constexpr char kCreate[] = R"({"snapshot_path":"s","mem_file_path":"m","snapshot_type":"Diff"})";
constexpr char kLoad[] =
    R"({"snapshot_path":"s","mem_backend":{"backend_path":"m","backend_type":"File"}})";

const Row kRows[] = {
    {"GET", "/", "", IndexOf<GetInstanceInfo>()},
    {"GET", "/version", "", IndexOf<GetVersion>()},
    {"GET", "/vm/config", "", IndexOf<GetVmConfig>()},
    {"GET", "/machine-config", "", IndexOf<GetMachineConfig>()},
    {"GET", "/mmds", "", IndexOf<GetMmds>()},
    {"GET", "/mmds/x", "", IndexOf<GetMmds>()},
    {"GET", "/metrics", "", IndexOf<GetMetrics>()},
    {"PUT", "/actions", R"({"action_type":"InstanceStart"})", IndexOf<InstanceStart>()},
    {"PUT", "/actions", R"({"action_type":"FlushMetrics"})", IndexOf<FlushMetrics>()},
    {"PUT", "/actions", R"({"action_type":"SendCtrlAltDel"})", IndexOf<SendCtrlAltDel>()},
    {"PUT", "/boot-source", R"({"kernel_image_path":"k"})", IndexOf<PutBootSource>()},
    {"PUT", "/cpu-config", "{}", IndexOf<PutCpuConfig>()},
    {"PUT", "/drives/d_1", kDrive, IndexOf<PutDrive>()},
    {"PUT", "/drives/d_1/more", kDrive, IndexOf<PutDrive>()},
    {"PUT", "/logger", "{}", IndexOf<PutLogger>()},
    {"PUT", "/machine-config", kMachine, IndexOf<PutMachineConfig>()},
    {"PUT", "/machine-config/foo", kMachine, IndexOf<PutMachineConfig>()},
    {"PUT", "/metrics", R"({"metrics_path":"m"})", IndexOf<PutMetrics>()},
    {"PUT", "/mmds", "{}", IndexOf<PutMmds>()},
    {"PUT", "/mmds/config", R"({"network_interfaces":["a"]})", IndexOf<PutMmdsConfig>()},
    {"PUT", "/network-interfaces/eth0", kNetwork, IndexOf<PutNetworkInterface>()},
    {"PUT", "/serial", "{}", IndexOf<PutSerial>()},
    {"PUT", "/snapshot/create", kCreate, IndexOf<CreateSnapshot>()},
    {"PUT", "/snapshot/load", kLoad, IndexOf<LoadSnapshot>()},
    {"PUT", "/snapshot/load/more", kLoad, IndexOf<LoadSnapshot>()},
    {"PUT", "/snapshot/working-set", "{}", IndexOf<RecordWorkingSet>()},
    {"PATCH", "/drives/d_1", kDriveUpdate, IndexOf<PatchDrive>()},
    {"PATCH", "/machine-config", R"({"vcpu_count":2})", IndexOf<PatchMachineConfig>()},
    {"PATCH", "/mmds", R"({"a":1})", IndexOf<PatchMmds>()},
    {"PATCH", "/network-interfaces/eth0", kNetworkUpdate, IndexOf<PatchNetworkInterface>()},
    {"PATCH", "/vm", R"({"state":"Paused"})", IndexOf<PatchVmState>()},
    {"DELETE", "/drives/d_1", "", IndexOf<DeleteDevice>()},
    {"DELETE", "/network-interfaces/eth0", "", IndexOf<DeleteDevice>()},
};

struct Refusal {
  const char* method;
  const char* target;
  const char* body;
  const char* fault;
};

constexpr char kNoBalloon[] = "The requested operation is not supported: virtio-balloon device.";
constexpr char kNoPmem[] = "The requested operation is not supported: virtio-pmem device.";
constexpr char kNoMem[] = "The requested operation is not supported: virtio-mem device.";
constexpr char kNoVsock[] = "The requested operation is not supported: virtio-vsock device.";
constexpr char kNoEntropy[] = "The requested operation is not supported: virtio-rng device.";

// Devices and services that Mayfly has not.
const Refusal kUnsupported[] = {
    {"GET", "/balloon", "", kNoBalloon},
    {"GET", "/balloon/statistics", "", kNoBalloon},
    {"GET", "/balloon/hinting/status", "", kNoBalloon},
    {"GET", "/hotplug/memory", "", kNoMem},
    {"PUT", "/balloon", "{}", kNoBalloon},
    {"PUT", "/entropy", "{}", kNoEntropy},
    {"PUT", "/hotplug/memory", "{}", kNoMem},
    {"PUT", "/pmem/p", "{}", kNoPmem},
    {"PUT", "/vsock", "{}", kNoVsock},
    {"PATCH", "/balloon", "{}", kNoBalloon},
    {"PATCH", "/balloon/statistics", "{}", kNoBalloon},
    {"PATCH", "/balloon/hinting/start", "{}", kNoBalloon},
    {"PATCH", "/hotplug/memory", "{}", kNoMem},
    {"PATCH", "/pmem/p", "{}", kNoPmem},
    {"DELETE", "/pmem/p", "", kNoPmem},
};

TEST(RequestRouterTest, EveryRouteLeadsToItsRequest) {
  for (const Row& row : kRows) {
    Counters counters;
    const auto routed = RouteRequest(Request(row.method, row.target, row.body), counters);
    ASSERT_TRUE(routed.ok()) << row.method << " " << row.target << ": " << routed.status();
    EXPECT_EQ(routed->request.index(), row.kind) << row.method << " " << row.target;
  }
}

TEST(RequestRouterTest, WhatIsNotThereSaysSo) {
  for (const Refusal& refusal : kUnsupported) {
    EXPECT_EQ(FaultOf(refusal.method, refusal.target, refusal.body), refusal.fault)
        << refusal.method << " " << refusal.target;
  }
}

TEST(RequestRouterTest, EveryRouteIsTestedHere) {
  std::vector<std::string> tested;
  const auto add = [&](absl::string_view method, absl::string_view target) {
    tested.push_back(absl::StrCat(method, " ", target.substr(0, target.find('/', 1))));
  };
  for (const Row& row : kRows) {
    add(row.method, row.target);
  }
  for (const Refusal& refusal : kUnsupported) {
    add(refusal.method, refusal.target);
  }
  for (const RouteName& route : AllRoutes()) {
    EXPECT_THAT(tested, testing::Contains(absl::StrCat(NameOf(route.method), " /", route.token)));
  }
}

TEST(RequestRouterTest, RefusalsHaveFirecrackersWords) {
  constexpr char kBadId[] =
      "API Resource IDs can only contain alphanumeric characters and underscores.";
  const Refusal refusals[] = {
      {"GET", "/foo", "", "Invalid request method and/or path: GET foo."},
      {"GET", "/foo/bar", "", "Invalid request method and/or path: GET foo."},
      {"GET", "/vm", "", "Invalid request method and/or path: GET vm."},
      {"GET", "/vm/foo", "", "Invalid request method and/or path: GET vm."},
      {"GET", "/actions", "", "Invalid request method and/or path: GET actions."},
      {"GET", "/hotplug", "", "Invalid request method and/or path: GET hotplug."},
      {"GET", "/version?x=1", "", "Invalid request method and/or path: GET version?x=1."},
      {"PUT", "/", "{}", "Invalid request method and/or path: PUT ."},
      {"PUT", "/version", "{}", "Invalid request method and/or path: PUT version."},
      {"PATCH", "/actions", "{}", "Invalid request method and/or path: PATCH actions."},
      {"DELETE", "/vm", "", "Invalid request method and/or path: DELETE vm."},
      {"GET", "/version", "{}", "GET request cannot have a body."},
      {"PUT", "/actions", "", "Empty PUT request."},
      {"PUT", "/foo", "", "Empty PUT request."},
      {"PATCH", "/mmds", "", "Empty PATCH request."},
      {"PATCH", "/machine-config", "{}", "Empty PATCH request."},
      {"PATCH", "/machine-config", R"({"smt":null})", "Empty PATCH request."},
      {"DELETE", "/drives/d", "{}", "Empty Delete request."},
      {"PUT", "/snapshot", "{}", "Missing snapshot operation type."},
      {"PUT", "/snapshot/foo", "{}", "Invalid request method and/or path: PUT /snapshot/foo."},
      {"PUT", "/snapshot/create", "{}",
       "An error occurred when deserializing the json body of a request: missing field "
       "`snapshot_path` at line 1 column 2."},
      {"PUT", "/snapshot/load", R"({"snapshot_path":"s"})",
       "An error occurred when deserializing the json body of a request: missing field: either "
       "`mem_backend` or `mem_file_path` is required.."},
      {"PUT", "/snapshot/working-set", "1",
       "An error occurred when deserializing the json body of a request: invalid type: integer "
       "`1`, expected struct WorkingSet at line 1 column 1."},
      {"PUT", "/mmds/foo", "{}", "Unrecognized PUT request path `foo`."},
      {"GET", "/balloon/foo", "", "Unrecognized GET request path `foo`."},
      {"PUT", "/drives", "{}", "The ID cannot be empty."},
      {"PUT", "/drives/", "{}", "The ID cannot be empty."},
      {"PATCH", "/network-interfaces", "{}", "The ID cannot be empty."},
      {"DELETE", "/drives", "", "The ID cannot be empty."},
      {"PUT", "/drives/a-b", "{}", kBadId},
      {"PATCH", "/drives/a.b", "{}", kBadId},
      {"PUT", "/network-interfaces/a%20b", "{}", kBadId},
      {"DELETE", "/network-interfaces/a b", "", kBadId},
      {"PUT", "/drives/other", kDrive, "The id from the path does not match the id from the body!"},
      {"PATCH", "/drives/other", kDriveUpdate,
       "The id from the path does not match the id from the body!"},
      {"PUT", "/network-interfaces/x", kNetwork,
       "The id from the path [x] does not match the id from the body [eth0]!"},
      {"PATCH", "/network-interfaces/x", kNetworkUpdate,
       "The id from the path [x] does not match the id from the body [eth0]!"},
  };
  for (const Refusal& refusal : refusals) {
    EXPECT_EQ(FaultOf(refusal.method, refusal.target, refusal.body), refusal.fault)
        << refusal.method << " " << refusal.target;
  }
}

TEST(RequestRouterTest, LettersOfOtherScriptsAreLetters) {
  EXPECT_EQ(FaultOf("DELETE", "/drives/\xc3\xa9"), "");
}

TEST(RequestRouterTest, WrongBodiesAreToldByEveryRouteThatReadsOne) {
  const std::pair<const char*, const char*> routes[] = {
      {"PUT", "/actions"},
      {"PUT", "/boot-source"},
      {"PUT", "/cpu-config"},
      {"PUT", "/drives/d"},
      {"PUT", "/logger"},
      {"PUT", "/machine-config"},
      {"PUT", "/metrics"},
      {"PUT", "/mmds"},
      {"PUT", "/mmds/config"},
      {"PUT", "/serial"},
      {"PATCH", "/drives/d"},
      {"PATCH", "/machine-config"},
      {"PATCH", "/mmds"},
      {"PATCH", "/vm"},
      {"PUT", "/network-interfaces/n"},
      {"PATCH", "/network-interfaces/n"},
  };
  for (const auto& [method, target] : routes) {
    EXPECT_EQ(FaultOf(method, target, "{,"),
              "An error occurred when deserializing the json body of a request: key must be a "
              "string at line 1 column 2.")
        << method << " " << target;
  }
  EXPECT_EQ(FaultOf("PUT", "/machine-config", R"({"mem_size_mib": 128 })"),
            "An error occurred when deserializing the json body of a request: missing field "
            "`vcpu_count` at line 1 column 22.");
}

TEST(RequestRouterTest, MetadataIsKeptAsItCame) {
  Counters counters;
  const auto put = RouteRequest(Request("PUT", "/mmds", R"({ "b":1, "a":2 })"), counters);
  ASSERT_TRUE(put.ok()) << put.status();
  EXPECT_EQ(std::get<PutMmds>(put->request).json, R"({ "b":1, "a":2 })");
  const auto patch = RouteRequest(Request("PATCH", "/mmds", "[1]"), counters);
  ASSERT_TRUE(patch.ok()) << patch.status();
  EXPECT_EQ(std::get<PatchMmds>(patch->request).json, "[1]");
}

TEST(RequestRouterTest, IdsAndStatesArriveInTheRequest) {
  Counters counters;
  const auto gone = RouteRequest(Request("DELETE", "/drives/d_1"), counters);
  ASSERT_TRUE(gone.ok()) << gone.status();
  EXPECT_EQ(std::get<DeleteDevice>(gone->request).id, "d_1");
  const auto state = RouteRequest(Request("PATCH", "/vm", R"({"state":"Paused"})"), counters);
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(std::get<PatchVmState>(state->request).state, VmRunState::kPaused);
}

TEST(RequestRouterTest, KnowsWhatIsDeprecated) {
  struct Use {
    const char* method;
    const char* target;
    const char* body;
    bool is_deprecated;
  };
  const Use uses[] = {
      {"PUT", "/machine-config", kMachine, false},
      {"PUT", "/machine-config", R"({"vcpu_count":1,"mem_size_mib":128,"cpu_template":"T2"})",
       true},
      {"PUT", "/machine-config", R"({"vcpu_count":1,"mem_size_mib":128,"cpu_template":"None"})",
       true},
      {"PATCH", "/machine-config", R"({"cpu_template":"None"})", true},
      {"PATCH", "/machine-config", R"({"smt":true,"cpu_template":null})", false},
      {"PUT", "/mmds/config", R"({"network_interfaces":[]})", true},
      {"PUT", "/mmds/config", R"({"network_interfaces":[],"version":"V1"})", true},
      {"PUT", "/mmds/config", R"({"network_interfaces":[],"version":"V2"})", false},
      {"PUT", "/snapshot/create", kCreate, false},
      {"PUT", "/snapshot/load", kLoad, false},
      {"PUT", "/snapshot/load", R"({"snapshot_path":"s","mem_file_path":"m"})", true},
      {"PUT", "/snapshot/load",
       R"({"snapshot_path":"s","mem_backend":{"backend_path":"m","backend_type":"File"},)"
       R"("enable_diff_snapshots":true})",
       true},
  };
  Counters counters;
  uint64_t expected_count = 0;
  for (const Use& use : uses) {
    const auto routed = RouteRequest(Request(use.method, use.target, use.body), counters);
    ASSERT_TRUE(routed.ok()) << routed.status();
    EXPECT_EQ(routed->is_deprecated, use.is_deprecated) << use.target << " " << use.body;
    expected_count += use.is_deprecated ? 1 : 0;
    EXPECT_EQ(counters.deprecated_http_api_calls, expected_count);
  }
}

struct CountedCall {
  const char* method;
  const char* target;
  const char* good_body;  // null when there is none
  const char* bad_body;   // the same
  const RequestCounter* counter;
};

TEST(RequestRouterTest, CountsRequestsAndThoseThatCannotBeRead) {
  Counters counters;
  const CountedCall calls[] = {
      {"GET", "/", "", nullptr, &counters.get.instance_info},
      {"GET", "/version", "", nullptr, &counters.get.vmm_version},
      {"GET", "/machine-config", "", nullptr, &counters.get.machine_cfg},
      {"GET", "/mmds", "", nullptr, &counters.get.mmds},
      {"GET", "/hotplug/memory", nullptr, "", &counters.get.hotplug_memory},
      {"PUT", "/actions", R"({"action_type":"FlushMetrics"})", "{}", &counters.put.actions},
      {"PUT", "/boot-source", R"({"kernel_image_path":"k"})", "{}", &counters.put.boot_source},
      {"PUT", "/cpu-config", "{}", "[]", &counters.put.cpu_cfg},
      {"PUT", "/drives/d_1", kDrive, "{}", &counters.put.drive},
      {"PUT", "/logger", "{}", "1", &counters.put.logger},
      {"PUT", "/machine-config", kMachine, "{}", &counters.put.machine_cfg},
      {"PUT", "/metrics", R"({"metrics_path":"m"})", "{}", &counters.put.metrics},
      {"PUT", "/mmds", "{}", "{", &counters.put.mmds},
      {"PUT", "/network-interfaces/eth0", kNetwork, "{}", &counters.put.network},
      {"PUT", "/serial", "{}", "1", &counters.put.serial},
      {"PUT", "/hotplug/memory", nullptr, "{}", &counters.put.hotplug_memory},
      {"PUT", "/pmem/p", nullptr, "{}", &counters.put.pmem},
      {"PUT", "/vsock", nullptr, "{}", &counters.put.vsock},
      {"PATCH", "/drives/d_1", kDriveUpdate, "{}", &counters.patch.drive},
      {"PATCH", "/machine-config", R"({"smt":true})", "{}", &counters.patch.machine_cfg},
      {"PATCH", "/mmds", "{}", "{", &counters.patch.mmds},
      {"PATCH", "/network-interfaces/eth0", kNetworkUpdate, "{}", &counters.patch.network},
      {"PATCH", "/hotplug/memory", nullptr, "{}", &counters.patch.hotplug_memory},
      {"PATCH", "/pmem/p", nullptr, "{}", &counters.patch.pmem},
  };
  for (const CountedCall& call : calls) {
    counters = {};
    if (call.good_body != nullptr) {
      EXPECT_TRUE(RouteRequest(Request(call.method, call.target, call.good_body), counters).ok());
      EXPECT_EQ(call.counter->count, 1u) << call.method << " " << call.target;
      EXPECT_EQ(call.counter->fails, 0u) << call.method << " " << call.target;
    }
    if (call.bad_body != nullptr) {
      counters = {};
      EXPECT_FALSE(RouteRequest(Request(call.method, call.target, call.bad_body), counters).ok());
      EXPECT_EQ(call.counter->count, 1u) << call.method << " " << call.target;
      EXPECT_EQ(call.counter->fails, 1u) << call.method << " " << call.target;
    }
  }
}

}  // namespace
}  // namespace mayfly
