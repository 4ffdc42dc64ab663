// DriveConfig and DriveUpdate: disks from and to JSON.

#include "api/drive_config.h"

#include <optional>
#include <string>

#include "gtest/gtest.h"

namespace mayfly {
namespace {

TEST(DriveConfigTest, DefaultsAreFirecrackers) {
  const auto drive = DecodeJson(R"({"drive_id":"d","is_root_device":false})", DriveSchema());
  ASSERT_TRUE(drive.ok()) << drive.status();
  EXPECT_EQ(drive->drive_id, "d");
  EXPECT_FALSE(drive->is_root_device);
  EXPECT_EQ(drive->cache_type, CacheType::kUnsafe);
  EXPECT_EQ(drive->io_engine, IoEngine::kSync);
  EXPECT_FALSE(drive->is_read_only);
  EXPECT_FALSE(drive->discard);
  EXPECT_EQ(drive->num_queues, 1u);
  EXPECT_FALSE(drive->direct);
  EXPECT_EQ(DriveToJson(*drive).dump(),
            R"({"drive_id":"d","partuuid":null,"is_root_device":false,"cache_type":"Unsafe",)"
            R"("is_read_only":false,"path_on_host":null,"rate_limiter":null,"io_engine":"Sync",)"
            R"("socket":null})");
}

TEST(DriveConfigTest, ShowsEveryFieldThatWasSet) {
  const std::string text =
      R"({"drive_id":"d","partuuid":"0eaa91a0-01","is_root_device":true,)"
      R"("cache_type":"Writeback","is_read_only":true,"path_on_host":"/d.img",)"
      R"("rate_limiter":{"bandwidth":{"size":1,"one_time_burst":2,"refill_time":3},"ops":null},)"
      R"("io_engine":"Async","socket":"s","discard":true,"blk_size":4096,)"
      R"("topology":{"physical_block_exp":3,"alignment_offset":1,"min_io_size":8,)"
      R"("opt_io_size":16},"num_queues":2,"direct":true,"serial":"S"})";
  const auto drive = DecodeJson(text, DriveSchema());
  ASSERT_TRUE(drive.ok()) << drive.status();
  EXPECT_EQ(drive->path_on_host, "/d.img");
  EXPECT_EQ(drive->blk_size, 4096u);
  EXPECT_EQ(drive->topology->opt_io_size, 16u);
  EXPECT_EQ(DriveToJson(*drive).dump(), text);
}

TEST(DriveConfigTest, SaysWhatIsWrong) {
  struct Case {
    const char* text;
    const char* error;
  };
  const Case cases[] = {
      {R"({"is_root_device":true})", "missing field `drive_id` at line 1 column 23"},
      {R"({"drive_id":"d"})", "missing field `is_root_device` at line 1 column 16"},
      {R"({"drive_id":"d","is_root_device":null})",
       "invalid type: null, expected a boolean at line 1 column 37"},
      {R"({"cache_type":"Safe"})",
       "unknown variant `Safe`, expected `Unsafe` or `Writeback` at line 1 column 20"},
      {R"({"io_engine":"sync"})",
       "unknown variant `sync`, expected `Sync` or `Async` at line 1 column 19"},
      {R"({"num_queues":65536})",
       "invalid value: integer `65536`, expected u16 at line 1 column 19"},
      {R"({"rate_limiter":{"band":1}})",
       "unknown field `band`, expected `bandwidth` or `ops` at line 1 column 23"},
      {R"({"topology":{"physical_block_exp":256}})",
       "invalid value: integer `256`, expected u8 at line 1 column 37"},
  };
  for (const Case& one : cases) {
    EXPECT_EQ(DecodeJson(one.text, DriveSchema()).status().message(), one.error) << one.text;
  }
}

TEST(DriveUpdateTest, HasAPathARateOrBoth) {
  const auto update = DecodeJson(
      R"({"drive_id":"d","path_on_host":"p","rate_limiter":{"ops":{"size":1,"refill_time":2}}})",
      DriveUpdateSchema());
  ASSERT_TRUE(update.ok()) << update.status();
  EXPECT_EQ(update->drive_id, "d");
  EXPECT_EQ(update->path_on_host, "p");
  EXPECT_EQ(update->rate_limiter->ops->refill_time_ms, 2u);
  EXPECT_FALSE(update->rate_limiter->bandwidth.has_value());
  EXPECT_TRUE(DecodeJson(R"({"drive_id":"d"})", DriveUpdateSchema()).ok());
  EXPECT_EQ(DecodeJson("{}", DriveUpdateSchema()).status().message(),
            "missing field `drive_id` at line 1 column 2");
  EXPECT_EQ(DecodeJson(R"({"is_read_only":true})", DriveUpdateSchema()).status().message(),
            "unknown field `is_read_only`, expected one of `drive_id`, `path_on_host`, "
            "`rate_limiter` at line 1 column 15");
}

}  // namespace
}  // namespace mayfly
