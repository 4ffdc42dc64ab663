// SnapshotCreateRequest and SnapshotLoadRequest: every field, what is left out, and what is wrong.

#include "api/snapshot_request.h"

#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly {
namespace {

using testing::StartsWith;

// A body with the two fields that every load has, and more.
std::string Load(const std::string& more = "") {
  return absl::StrCat(
      R"({"snapshot_path":"s","mem_backend":{"backend_path":"m","backend_type":"File"})",
      more.empty() ? "" : ",", more, "}");
}

std::string LoadError(const std::string& json) {
  return std::string(ParseSnapshotLoad(json).status().message());
}

std::string CreateError(const std::string& json) {
  return std::string(DecodeJson(json, SnapshotCreateSchema()).status().message());
}

TEST(SnapshotCreateRequestTest, IsFullUnlessItSaysOtherwise) {
  const auto plain =
      DecodeJson(R"({"snapshot_path":"s","mem_file_path":"m"})", SnapshotCreateSchema());
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_EQ(plain->kind, SnapshotKind::kFull);
  EXPECT_EQ(plain->snapshot_path, "s");
  EXPECT_EQ(plain->mem_file_path, "m");
  const auto diff =
      DecodeJson(R"({"snapshot_type":"Diff","snapshot_path":"s","mem_file_path":"m"})",
                 SnapshotCreateSchema());
  ASSERT_TRUE(diff.ok()) << diff.status();
  EXPECT_EQ(diff->kind, SnapshotKind::kDiff);
  EXPECT_TRUE(DecodeJson(R"({"snapshot_type":"Full","snapshot_path":"s","mem_file_path":"m"})",
                         SnapshotCreateSchema())
                  .ok());
}

TEST(SnapshotCreateRequestTest, SaysWhatIsWrong) {
  EXPECT_EQ(CreateError("{}"), "missing field `snapshot_path` at line 1 column 2");
  EXPECT_EQ(CreateError(R"({"snapshot_path":"s"})"),
            "missing field `mem_file_path` at line 1 column 21");
  EXPECT_EQ(CreateError(R"({"snapshot_path":1})"),
            "invalid type: integer `1`, expected a string at line 1 column 18");
  EXPECT_EQ(CreateError(R"({"snapshot_type":"full"})"),
            "unknown variant `full`, expected `Diff` or `Full` at line 1 column 23");
  EXPECT_EQ(CreateError(R"({"version":"1"})"),
            "unknown field `version`, expected one of `snapshot_type`, `snapshot_path`, "
            "`mem_file_path` at line 1 column 10");
}

TEST(WorkingSetRequestTest, HasNoFields) {
  EXPECT_TRUE(DecodeJson("{}", WorkingSetSchema()).ok());
  EXPECT_THAT(std::string(DecodeJson(R"({"a":1})", WorkingSetSchema()).status().message()),
              StartsWith("unknown field `a`"));
  EXPECT_THAT(std::string(DecodeJson("1", WorkingSetSchema()).status().message()),
              StartsWith("invalid type: integer `1`, expected struct WorkingSet"));
}

TEST(SnapshotLoadRequestTest, WhatIsLeftOutChangesNothing) {
  for (const std::string& json :
       {Load(),
        Load(R"("mem_file_path":null,"track_dirty_pages":null,"enable_diff_snapshots":null,)"
             R"("resume_vm":null,"network_overrides":null,"vsock_override":null,)"
             R"("clock_realtime":null,"huge_pages":null,"drive_overrides":null,)"
             R"("serial_out_path":null,"mmds":null,"working_set":null,"working_set_ms":null)")}) {
    const auto request = ParseSnapshotLoad(json);
    ASSERT_TRUE(request.ok()) << request.status();
    EXPECT_EQ(request->snapshot_path, "s");
    EXPECT_EQ(request->mem_backend->path, "m");
    EXPECT_EQ(request->mem_backend->type, MemoryBackendType::kFile);
    EXPECT_FALSE(request->track_dirty_pages);
    EXPECT_FALSE(request->resume_vm);
    EXPECT_TRUE(request->network_overrides.empty());
    EXPECT_FALSE(request->vsock_override.has_value());
    EXPECT_FALSE(request->clock_realtime);
    EXPECT_EQ(request->huge_pages, RestoredPages::kSnapshot);
    EXPECT_TRUE(request->drive_overrides.empty());
    EXPECT_EQ(request->serial_out_path, std::nullopt);
    EXPECT_EQ(request->mmds_text, "");
    EXPECT_EQ(request->working_set, WorkingSetMode::kUse);
    EXPECT_EQ(request->working_set_ms, std::nullopt);
    EXPECT_FALSE(IsDeprecated(*request));
  }
}

TEST(SnapshotLoadRequestTest, TakesFirecrackersFields) {
  const auto request = ParseSnapshotLoad(
      R"({"snapshot_path":"s","mem_backend":{"backend_path":"u","backend_type":"Uffd"},)"
      R"("track_dirty_pages":true,"resume_vm":true,"clock_realtime":true,"huge_pages":"None",)"
      R"("network_overrides":[{"iface_id":"a","host_dev_name":"tap1"}],)"
      R"("vsock_override":{"uds_path":"v"}})");
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->mem_backend->path, "u");
  EXPECT_EQ(request->mem_backend->type, MemoryBackendType::kUffd);
  EXPECT_TRUE(request->track_dirty_pages);
  EXPECT_TRUE(request->resume_vm);
  EXPECT_TRUE(request->clock_realtime);
  EXPECT_EQ(request->huge_pages, RestoredPages::kNone);
  ASSERT_EQ(request->network_overrides.size(), 1u);
  EXPECT_EQ(request->network_overrides[0].iface_id, "a");
  EXPECT_EQ(request->network_overrides[0].host_dev_name, "tap1");
  EXPECT_EQ(request->network_overrides[0].guest_mac, std::nullopt);
  EXPECT_TRUE(request->vsock_override.has_value());
  EXPECT_FALSE(IsDeprecated(*request));
}

TEST(SnapshotLoadRequestTest, TakesMayflysFields) {
  const auto request = ParseSnapshotLoad(
      Load(R"("network_overrides":[{"iface_id":"a","guest_mac":"06:00:ac:10:00:02",)"
           R"("rx_rate_limiter":{"ops":{"size":1,"refill_time":2}},)"
           R"("tx_rate_limiter":{"bandwidth":{"size":3,"refill_time":4}}}],)"
           R"("drive_overrides":[{"drive_id":"d","path_on_host":"p",)"
           R"("rate_limiter":{"ops":{"size":5,"refill_time":6}}},{"drive_id":"e"}],)"
           R"("serial_out_path":"o","working_set":"Record","working_set_ms":7)"));
  ASSERT_TRUE(request.ok()) << request.status();
  ASSERT_EQ(request->network_overrides.size(), 1u);
  const NetworkOverride& network = request->network_overrides[0];
  EXPECT_EQ(network.host_dev_name, std::nullopt);
  EXPECT_EQ(network.guest_mac, (MacAddress{0x06, 0x00, 0xac, 0x10, 0x00, 0x02}));
  EXPECT_EQ(network.rx_rate_limiter->ops->refill_time_ms, 2u);
  EXPECT_EQ(network.tx_rate_limiter->bandwidth->refill_time_ms, 4u);
  ASSERT_EQ(request->drive_overrides.size(), 2u);
  EXPECT_EQ(request->drive_overrides[0].drive_id, "d");
  EXPECT_EQ(request->drive_overrides[0].path_on_host, "p");
  EXPECT_EQ(request->drive_overrides[0].rate_limiter->ops->refill_time_ms, 6u);
  EXPECT_EQ(request->drive_overrides[1].path_on_host, std::nullopt);
  EXPECT_EQ(request->serial_out_path, "o");
  EXPECT_EQ(request->working_set, WorkingSetMode::kRecord);
  EXPECT_EQ(request->working_set_ms, 7u);
  EXPECT_EQ(ParseSnapshotLoad(Load(R"("working_set":"Ignore")"))->working_set,
            WorkingSetMode::kIgnore);
  EXPECT_EQ(ParseSnapshotLoad(Load(R"("working_set":"Use")"))->working_set, WorkingSetMode::kUse);
}

TEST(SnapshotLoadRequestTest, KnowsEveryKindOfPages) {
  EXPECT_EQ(ParseSnapshotLoad(Load(R"("huge_pages":"Snapshot")"))->huge_pages,
            RestoredPages::kSnapshot);
  EXPECT_EQ(ParseSnapshotLoad(Load(R"("huge_pages":"Transparent")"))->huge_pages,
            RestoredPages::kTransparent);
  EXPECT_EQ(ParseSnapshotLoad(Load(R"("huge_pages":"2M")"))->huge_pages, RestoredPages::k2M);
}

TEST(SnapshotLoadRequestTest, DeprecatedFieldsMeanTheNewOnes) {
  const auto file = ParseSnapshotLoad(R"({"snapshot_path":"s","mem_file_path":"m"})");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->mem_backend->path, "m");
  EXPECT_EQ(file->mem_backend->type, MemoryBackendType::kFile);
  EXPECT_TRUE(IsDeprecated(*file));
  const auto diff = ParseSnapshotLoad(Load(R"("enable_diff_snapshots":true)"));
  ASSERT_TRUE(diff.ok()) << diff.status();
  EXPECT_TRUE(diff->track_dirty_pages);
  EXPECT_TRUE(IsDeprecated(*diff));
  const auto off =
      ParseSnapshotLoad(Load(R"("enable_diff_snapshots":false,"track_dirty_pages":true)"));
  ASSERT_TRUE(off.ok()) << off.status();
  EXPECT_TRUE(off->track_dirty_pages);
  EXPECT_FALSE(IsDeprecated(*off));
}

TEST(SnapshotLoadRequestTest, TheMemoryIsInOnePlace) {
  EXPECT_EQ(LoadError(Load(R"("mem_file_path":"m")")),
            "too many fields: either `mem_backend` or `mem_file_path` exclusively is required.");
  EXPECT_EQ(LoadError(R"({"snapshot_path":"s"})"),
            "missing field: either `mem_backend` or `mem_file_path` is required.");
  EXPECT_EQ(LoadError(R"({"snapshot_path":"s","mem_backend":null})"),
            "missing field: either `mem_backend` or `mem_file_path` is required.");
}

TEST(SnapshotLoadRequestTest, MetadataIsTakenAsItIsWritten) {
  const auto request = ParseSnapshotLoad(
      "  {\"mmds\" : { \"a\":[1, {\"b\" : null}],\n\"\\u00e9\": \"}\" } ,"
      "\"snapshot_path\":\"s\",\"mem_file_path\":\"m\"}");
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->mmds_text, "{ \"a\":[1, {\"b\" : null}],\n\"\\u00e9\": \"}\" }");
}

TEST(SnapshotLoadRequestTest, SaysWhatIsWrong) {
  struct Case {
    std::string json;
    const char* error;
  };
  const Case cases[] = {
      {"{}", "missing field `snapshot_path` at line 1 column 2"},
      {"1", "invalid type: integer `1`, expected struct LoadSnapshotConfig at line 1 column 1"},
      {R"({"resume_vm":1})", "invalid type: integer `1`, expected a boolean at line 1 column 14"},
      {R"({"resume":true})",
       "unknown field `resume`, expected one of `snapshot_path`, `mem_file_path`, `mem_backend`, "
       "`enable_diff_snapshots`, `track_dirty_pages`, `resume_vm`, `network_overrides`, "
       "`vsock_override`, `clock_realtime`, `huge_pages`, `drive_overrides`, `serial_out_path`, "
       "`mmds`, `working_set`, `working_set_ms` at line 1 column 9"},
      {R"({"mem_backend":{"backend_path":"m"}})",
       "missing field `backend_type` at line 1 column 35"},
      {R"({"mem_backend":{"backend_type":"Uffs"}})",
       "unknown variant `Uffs`, expected `File` or `Uffd` at line 1 column 37"},
      {R"({"mem_backend":{"path":"m"}})",
       "unknown field `path`, expected `backend_path` or `backend_type` at line 1 column 22"},
      {R"({"huge_pages":"1G"})",
       "unknown variant `1G`, expected one of `Snapshot`, `None`, `Transparent`, `2M` at line 1 "
       "column 18"},
      {R"({"network_overrides":[{}]})", "missing field `iface_id` at line 1 column 24"},
      {R"({"network_overrides":{}})", "invalid type: map, expected a sequence at line 1 column 21"},
      {R"({"network_overrides":[{"iface_id":"a","guest_mac":"x"}]})",
       "The provided MAC address is invalid. at line 1 column 54"},
      {R"({"drive_overrides":[{"path_on_host":"p"}]})",
       "missing field `drive_id` at line 1 column 40"},
      {R"({"drive_overrides":[{"drive_id":"d","is_read_only":true}]})",
       "unknown field `is_read_only`, expected one of `drive_id`, `path_on_host`, `rate_limiter` "
       "at line 1 column 50"},
      {R"({"working_set":"Off"})",
       "unknown variant `Off`, expected one of `Use`, `Ignore`, `Record` at line 1 column 20"},
      {R"({"working_set_ms":-1})", "invalid value: integer `-1`, expected u64 at line 1 column 20"},
      {R"({"mmds":{"a":})", "expected value at line 1 column 14"},
  };
  for (const Case& one : cases) {
    EXPECT_EQ(LoadError(one.json), one.error) << one.json;
  }
}

TEST(SnapshotLoadRequestTest, MoreOfANetworkOverrideIsIgnored) {
  // As Firecracker does it.
  EXPECT_TRUE(ParseSnapshotLoad(Load(R"("network_overrides":[{"iface_id":"a","more":1}])")).ok());
}

}  // namespace
}  // namespace mayfly
