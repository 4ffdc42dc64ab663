// BootSourceConfig: its fields from and to JSON.

#include "api/boot_source_config.h"

#include <optional>
#include <string>

#include "gtest/gtest.h"

namespace mayfly {
namespace {

TEST(BootSourceConfigTest, TakesEveryField) {
  const auto config =
      DecodeJson(R"({"kernel_image_path": "k", "initrd_path": "i", "boot_args": "quiet"})",
                 BootSourceSchema());
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->kernel_image_path, "k");
  EXPECT_EQ(config->initrd_path, "i");
  EXPECT_EQ(config->boot_args, "quiet");
  EXPECT_EQ(BootSourceToJson(*config).dump(),
            R"({"kernel_image_path":"k","initrd_path":"i","boot_args":"quiet"})");
}

TEST(BootSourceConfigTest, OptionalFieldsMayBeNullOrMissing) {
  for (const char* text : {R"({"kernel_image_path":"k"})",
                           R"({"kernel_image_path":"k","initrd_path":null,"boot_args":null})"}) {
    const auto config = DecodeJson(text, BootSourceSchema());
    ASSERT_TRUE(config.ok()) << config.status();
    EXPECT_EQ(config->initrd_path, std::nullopt);
    EXPECT_EQ(BootSourceToJson(*config).dump(),
              R"({"kernel_image_path":"k","initrd_path":null,"boot_args":null})");
  }
}

TEST(BootSourceConfigTest, SaysWhatIsWrong) {
  EXPECT_EQ(DecodeJson("{}", BootSourceSchema()).status().message(),
            "missing field `kernel_image_path` at line 1 column 2");
  EXPECT_EQ(DecodeJson(R"({"kernel":1})", BootSourceSchema()).status().message(),
            "unknown field `kernel`, expected one of `kernel_image_path`, `initrd_path`, "
            "`boot_args` at line 1 column 9");
  EXPECT_EQ(DecodeJson(R"({"kernel_image_path":null})", BootSourceSchema()).status().message(),
            "invalid type: null, expected a string at line 1 column 25");
}

}  // namespace
}  // namespace mayfly
