// MachineConfig: what PUT and PATCH take, which machines there are, and how they are shown.

#include "api/machine_config.h"

#include <optional>

#include "gtest/gtest.h"

namespace mayfly {
namespace {

constexpr char kVcpuError[] =
    "The number of vCPUs must be greater than 0, less than 32 and must be 1 or an even number if "
    "SMT is enabled.";
constexpr char kMemoryError[] =
    "The memory size (MiB) is either 0, or not a multiple of the configured page size.";

TEST(MachineConfigTest, PutNeedsBothSizes) {
  const auto put =
      DecodeJson(R"({"vcpu_count":2,"mem_size_mib":512,"smt":true,"cpu_template":"T2A",)"
                 R"("track_dirty_pages":true,"huge_pages":"2M"})",
                 PutMachineConfigSchema());
  ASSERT_TRUE(put.ok()) << put.status();
  EXPECT_EQ(put->vcpu_count, 2);
  EXPECT_EQ(put->mem_size_mib, 512u);
  EXPECT_EQ(put->smt, true);
  EXPECT_EQ(put->cpu_template, StaticCpuTemplate::kT2A);
  EXPECT_EQ(put->track_dirty_pages, true);
  EXPECT_EQ(put->huge_pages, HugePages::k2M);
  EXPECT_EQ(DecodeJson(R"({"mem_size_mib": 128 })", PutMachineConfigSchema()).status().message(),
            "missing field `vcpu_count` at line 1 column 22");
  EXPECT_EQ(DecodeJson(R"({"vcpu_count":1})", PutMachineConfigSchema()).status().message(),
            "missing field `mem_size_mib` at line 1 column 16");
}

TEST(MachineConfigTest, PatchNeedsNothing) {
  const auto nothing = DecodeJson("{}", PatchMachineConfigSchema());
  ASSERT_TRUE(nothing.ok()) << nothing.status();
  EXPECT_TRUE(nothing->is_empty());
  const auto null = DecodeJson(R"({"smt":null})", PatchMachineConfigSchema());
  ASSERT_TRUE(null.ok()) << null.status();
  EXPECT_TRUE(null->is_empty());
  const auto one = DecodeJson(R"({"huge_pages":"None"})", PatchMachineConfigSchema());
  ASSERT_TRUE(one.ok()) << one.status();
  EXPECT_FALSE(one->is_empty());
}

TEST(MachineConfigTest, SaysWhatIsWrong) {
  struct Case {
    const char* text;
    const char* error;
  };
  const Case cases[] = {
      {R"({"vcpu_count":"2"})", "invalid type: string \"2\", expected u8 at line 1 column 17"},
      {R"({"vcpu_count":-1})", "invalid value: integer `-1`, expected u8 at line 1 column 16"},
      {R"({"vcpu_count":256})", "invalid value: integer `256`, expected u8 at line 1 column 17"},
      {R"({"mem_size_mib":-5})", "invalid value: integer `-5`, expected usize at line 1 column 18"},
      {R"({"mem_size_mib":1.5})",
       "invalid type: floating point `1.5`, expected usize at line 1 column 19"},
      {R"({"cpu_template":"T3"})",
       "unknown variant `T3`, expected one of `C3`, `T2`, `T2S`, `T2CL`, `T2A`, `V1N1`, `None` at "
       "line 1 column 20"},
      {R"({"huge_pages":"1G"})",
       "unknown variant `1G`, expected one of `None`, `Transparent`, `2M` at line 1 column 18"},
      {R"({"cpus":1})",
       "unknown field `cpus`, expected one of `vcpu_count`, `mem_size_mib`, `smt`, "
       "`cpu_template`, `track_dirty_pages`, `huge_pages` at line 1 column 7"},
  };
  for (const Case& one : cases) {
    EXPECT_EQ(DecodeJson(one.text, PatchMachineConfigSchema()).status().message(), one.error);
    EXPECT_EQ(DecodeJson(one.text, PutMachineConfigSchema()).status().message(), one.error);
  }
}

TEST(MachineConfigTest, AnUpdateKeepsWhatItDoesNotName) {
  const MachineConfig base = {.vcpu_count = 4,
                              .mem_size_mib = 300,
                              .smt = true,
                              .cpu_template = StaticCpuTemplate::kC3,
                              .track_dirty_pages = true,
                              .huge_pages = HugePages::kTransparent};
  const auto changed = UpdateMachineConfig(base, {.vcpu_count = 2});
  ASSERT_TRUE(changed.ok()) << changed.status();
  EXPECT_EQ(changed->vcpu_count, 2);
  EXPECT_EQ(changed->mem_size_mib, 300u);
  EXPECT_TRUE(changed->smt);
  EXPECT_EQ(changed->cpu_template, StaticCpuTemplate::kC3);
  EXPECT_TRUE(changed->track_dirty_pages);
  EXPECT_EQ(changed->huge_pages, HugePages::kTransparent);
}

TEST(MachineConfigTest, RefusesWhatIsNoMachine) {
  struct Case {
    MachineConfigUpdate update;
    const char* error;
  };
  const Case cases[] = {
      {{.vcpu_count = 0}, kVcpuError},
      {{.vcpu_count = 32}, ""},
      {{.vcpu_count = 33}, kVcpuError},
      {{.vcpu_count = 1, .smt = true}, ""},
      {{.vcpu_count = 2, .smt = true}, ""},
      {{.vcpu_count = 3, .smt = true}, kVcpuError},
      {{.vcpu_count = 3}, ""},
      {{.mem_size_mib = 0}, kMemoryError},
      {{.mem_size_mib = 1}, ""},
      {{.mem_size_mib = UINT64_MAX}, ""},
      {{.mem_size_mib = 129, .huge_pages = HugePages::k2M}, kMemoryError},
      {{.mem_size_mib = 129, .huge_pages = HugePages::kTransparent}, kMemoryError},
      {{.mem_size_mib = 130, .huge_pages = HugePages::k2M}, ""},
  };
  for (const Case& one : cases) {
    EXPECT_EQ(UpdateMachineConfig({}, one.update).status().message(), one.error);
  }
}

TEST(MachineConfigTest, ShowsATemplateOnlyWhenThereIsOne) {
  EXPECT_EQ(MachineConfigToJson({}).dump(),
            R"({"vcpu_count":1,"mem_size_mib":128,"smt":false,"track_dirty_pages":false,)"
            R"("huge_pages":"None"})");
  EXPECT_EQ(MachineConfigToJson({.vcpu_count = 2,
                                 .mem_size_mib = 256,
                                 .smt = true,
                                 .cpu_template = StaticCpuTemplate::kT2CL,
                                 .track_dirty_pages = true,
                                 .huge_pages = HugePages::k2M})
                .dump(),
            R"({"vcpu_count":2,"mem_size_mib":256,"smt":true,"cpu_template":"T2CL",)"
            R"("track_dirty_pages":true,"huge_pages":"2M"})");
}

}  // namespace
}  // namespace mayfly
