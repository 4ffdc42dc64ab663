// CpuConfig: custom CPU templates from JSON, to JSON and to what the monitor applies.

#include "api/cpu_config.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly {
namespace {

using testing::HasSubstr;

constexpr char kTemplate[] = R"({"kvm_capabilities":["121","!171"],)"
                             R"("cpuid_modifiers":[{"leaf":"0x7","subleaf":"0b10","flags":1,)"
                             R"("modifiers":[{"register":"ebx","bitmap":"0bx1_0"}]}],)"
                             R"("msr_modifiers":[{"addr":"0x10a","bitmap":"0b01xx"}]})";

TEST(CpuConfigTest, BecomesATemplate) {
  const auto config = DecodeJson(kTemplate, CpuConfigSchema());
  ASSERT_TRUE(config.ok()) << config.status();
  const auto cpu_template = CpuTemplateOf(*config);
  ASSERT_TRUE(cpu_template.ok()) << cpu_template.status();
  ASSERT_EQ(cpu_template->capabilities.size(), 2u);
  EXPECT_EQ(cpu_template->capabilities[0].number, 121u);
  EXPECT_TRUE(cpu_template->capabilities[0].is_required);
  EXPECT_EQ(cpu_template->capabilities[1].number, 171u);
  EXPECT_FALSE(cpu_template->capabilities[1].is_required);
  ASSERT_EQ(cpu_template->cpuid.size(), 1u);
  const CpuidModifier& cpuid = cpu_template->cpuid[0];
  EXPECT_EQ(cpuid.leaf, 7u);
  EXPECT_EQ(cpuid.subleaf, 2u);
  EXPECT_EQ(cpuid.flags, 1u);
  ASSERT_EQ(cpuid.registers.size(), 1u);
  EXPECT_EQ(cpuid.registers[0].name, CpuidRegister::kEbx);
  EXPECT_EQ(cpuid.registers[0].bits.mask, 3u);
  EXPECT_EQ(cpuid.registers[0].bits.value, 2u);
  ASSERT_EQ(cpu_template->msrs.size(), 1u);
  EXPECT_EQ(cpu_template->msrs[0].address, 0x10au);
  EXPECT_EQ(cpu_template->msrs[0].bits.mask, 12u);
  EXPECT_EQ(cpu_template->msrs[0].bits.value, 4u);
}

TEST(CpuConfigTest, IsShownAsItWasGiven) {
  const auto config = DecodeJson(kTemplate, CpuConfigSchema());
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(CpuConfigToJson(*config).dump(), kTemplate);
}

TEST(CpuConfigTest, MayBeEmpty) {
  const auto config = DecodeJson("{}", CpuConfigSchema());
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_TRUE(CpuTemplateOf(*config)->cpuid.empty());
  EXPECT_EQ(CpuConfigToJson(*config).dump(),
            R"({"kvm_capabilities":[],"cpuid_modifiers":[],"msr_modifiers":[]})");
}

TEST(CpuConfigTest, ModifiersMayHaveFieldsThatNobodyKnows) {
  EXPECT_TRUE(DecodeJson(R"({"msr_modifiers":[{"addr":"0x1","bitmap":"1","why":"because"}]})",
                         CpuConfigSchema())
                  .ok());
  EXPECT_EQ(DecodeJson(R"({"why":1})", CpuConfigSchema()).status().message(),
            "unknown field `why`, expected one of `kvm_capabilities`, `cpuid_modifiers`, "
            "`msr_modifiers` at line 1 column 6");
}

TEST(CpuConfigTest, TextsAreCheckedWhenTheyAreDecoded) {
  const char* const texts[] = {
      R"({"kvm_capabilities":["x"]})",
      R"({"cpuid_modifiers":[{"leaf":"7","subleaf":"0x0","flags":0,"modifiers":[]}]})",
      R"({"cpuid_modifiers":[{"leaf":"0x7","subleaf":"0y0","flags":0,"modifiers":[]}]})",
      R"({"cpuid_modifiers":[{"leaf":"0x7","subleaf":"0x0","flags":0,)"
      R"("modifiers":[{"register":"efx","bitmap":"1"}]}]})",
      R"({"cpuid_modifiers":[{"leaf":"0x7","subleaf":"0x0","flags":0,)"
      R"("modifiers":[{"register":"eax","bitmap":"2"}]}]})",
      R"({"msr_modifiers":[{"addr":"10","bitmap":"1"}]})",
      R"({"msr_modifiers":[{"addr":"0x10","bitmap":""}]})",
  };
  for (const char* text : texts) {
    const auto config = DecodeJson(text, CpuConfigSchema());
    EXPECT_FALSE(config.ok()) << text;
    EXPECT_THAT(config.status().message(), HasSubstr(" at line 1 column ")) << text;
  }
}

TEST(CpuConfigTest, ARegisterHas32BitsAndAnMsr64) {
  const std::string wide(33, '1');
  EXPECT_TRUE(DecodeJson(R"({"msr_modifiers":[{"addr":"0x1","bitmap":")" + wide + R"("}]})",
                         CpuConfigSchema())
                  .ok());
  EXPECT_FALSE(DecodeJson(R"({"cpuid_modifiers":[{"leaf":"0x7","subleaf":"0x0","flags":0,)"
                          R"("modifiers":[{"register":"eax","bitmap":")" +
                              wide + R"("}]}]})",
                          CpuConfigSchema())
                   .ok());
}

}  // namespace
}  // namespace mayfly
