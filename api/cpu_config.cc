// /cpu-config from and to JSON.

#include "api/cpu_config.h"

#include "base/status.h"

namespace mayfly {
namespace {

using Register = CpuConfig::Register;
using Cpuid = CpuConfig::Cpuid;
using Msr = CpuConfig::Msr;

// A text that is kept as it is once `parse` has taken it.
template <typename T, typename P>
JsonField<T> ParsedText(absl::string_view name, std::string T::*member, P parse) {
  return {std::string(name), true,
          [member, parse](const JsonCursor& cursor, T& out) -> absl::Status {
            RETURN_IF_ERROR(DecodeValue(cursor, out.*member));
            const auto parsed = parse(out.*member);
            return parsed.ok() ? absl::OkStatus() : cursor.CustomError(parsed.status().message());
          }};
}

absl::Status DecodeRegisterName(const JsonCursor& cursor, Register& out) {
  if (!cursor.value.is_string() || !ParseCpuidRegister(cursor.value.text).ok()) {
    return UnknownVariant(cursor, {"eax", "ebx", "ecx", "edx"});
  }
  out.name = cursor.value.text;
  return absl::OkStatus();
}

absl::Status DecodeCapabilities(const JsonCursor& cursor, CpuConfig& out) {
  RETURN_IF_ERROR(DecodeValue(cursor, out.kvm_capabilities));
  for (const JsonMember& element : cursor.value.members) {
    const auto parsed = ParseCapabilityModifier(element.value.text);
    if (!parsed.ok()) {
      return cursor.At(element.value).CustomError(parsed.status().message());
    }
  }
  return absl::OkStatus();
}

template <int Width>
absl::StatusOr<BitChange> ParseBits(absl::string_view text) {
  return ParseBitmap(text, Width);
}

const JsonObject<Register>& RegisterSchema() {
  static const JsonObject<Register> kSchema(
      "struct CpuidRegisterModifier", UnknownFields::kIgnored,
      {
          {"register", true, DecodeRegisterName},
          ParsedText("bitmap", &Register::bitmap, ParseBits<32>),
      });
  return kSchema;
}

const JsonObject<Cpuid>& CpuidSchema() {
  static const JsonObject<Cpuid> kSchema(
      "struct CpuidLeafModifier", UnknownFields::kIgnored,
      {
          ParsedText("leaf", &Cpuid::leaf, ParseTemplateNumber),
          ParsedText("subleaf", &Cpuid::subleaf, ParseTemplateNumber),
          Required("flags", &Cpuid::flags),
          RequiredList("modifiers", &Cpuid::modifiers, RegisterSchema()),
      });
  return kSchema;
}

const JsonObject<Msr>& MsrSchema() {
  static const JsonObject<Msr> kSchema("struct RegisterModifier", UnknownFields::kIgnored,
                                       {
                                           ParsedText("addr", &Msr::address, ParseTemplateNumber),
                                           ParsedText("bitmap", &Msr::bitmap, ParseBits<64>),
                                       });
  return kSchema;
}

absl::StatusOr<CpuidModifier> CpuidModifierOf(const Cpuid& cpuid) {
  CpuidModifier modifier = {.flags = cpuid.flags};
  ASSIGN_OR_RETURN(modifier.leaf, ParseTemplateNumber(cpuid.leaf));
  ASSIGN_OR_RETURN(modifier.subleaf, ParseTemplateNumber(cpuid.subleaf));
  for (const Register& one : cpuid.modifiers) {
    ASSIGN_OR_RETURN(const CpuidRegister name, ParseCpuidRegister(one.name));
    ASSIGN_OR_RETURN(modifier.registers.emplace_back().bits, ParseBitmap(one.bitmap, 32));
    modifier.registers.back().name = name;
  }
  return modifier;
}

}  // namespace

const JsonObject<CpuConfig>& CpuConfigSchema() {
  static const JsonObject<CpuConfig> kSchema(
      "struct CustomCpuTemplate", UnknownFields::kDenied,
      {
          MakeOptional(JsonField<CpuConfig>{"kvm_capabilities", false, DecodeCapabilities}),
          OptionalList("cpuid_modifiers", &CpuConfig::cpuid_modifiers, CpuidSchema()),
          OptionalList("msr_modifiers", &CpuConfig::msr_modifiers, MsrSchema()),
      });
  return kSchema;
}

absl::StatusOr<CpuTemplate> CpuTemplateOf(const CpuConfig& config) {
  CpuTemplate cpu_template;
  for (const std::string& capability : config.kvm_capabilities) {
    ASSIGN_OR_RETURN(cpu_template.capabilities.emplace_back(), ParseCapabilityModifier(capability));
  }
  for (const Cpuid& cpuid : config.cpuid_modifiers) {
    ASSIGN_OR_RETURN(cpu_template.cpuid.emplace_back(), CpuidModifierOf(cpuid));
  }
  for (const Msr& msr : config.msr_modifiers) {
    MsrModifier& modifier = cpu_template.msrs.emplace_back();
    ASSIGN_OR_RETURN(modifier.address, ParseTemplateNumber(msr.address));
    ASSIGN_OR_RETURN(modifier.bits, ParseBitmap(msr.bitmap, 64));
  }
  return cpu_template;
}

nlohmann::ordered_json CpuConfigToJson(const CpuConfig& config) {
  nlohmann::ordered_json json;
  json["kvm_capabilities"] = config.kvm_capabilities;
  json["cpuid_modifiers"] = nlohmann::ordered_json::array();
  for (const Cpuid& cpuid : config.cpuid_modifiers) {
    nlohmann::ordered_json registers = nlohmann::ordered_json::array();
    for (const Register& one : cpuid.modifiers) {
      registers.push_back({{"register", one.name}, {"bitmap", one.bitmap}});
    }
    json["cpuid_modifiers"].push_back({{"leaf", cpuid.leaf},
                                       {"subleaf", cpuid.subleaf},
                                       {"flags", cpuid.flags},
                                       {"modifiers", std::move(registers)}});
  }
  json["msr_modifiers"] = nlohmann::ordered_json::array();
  for (const Msr& msr : config.msr_modifiers) {
    json["msr_modifiers"].push_back({{"addr", msr.address}, {"bitmap", msr.bitmap}});
  }
  return json;
}

}  // namespace mayfly
