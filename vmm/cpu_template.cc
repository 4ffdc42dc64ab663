// Reads and applies CPU templates.

#include "vmm/cpu_template.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"

namespace mayfly {
namespace {

__u32& RegisterOf(kvm_cpuid_entry2& entry, CpuidRegister name) {
  switch (name) {
    case CpuidRegister::kEax:
      return entry.eax;
    case CpuidRegister::kEbx:
      return entry.ebx;
    case CpuidRegister::kEcx:
      return entry.ecx;
    case CpuidRegister::kEdx:
      break;
  }
  return entry.edx;
}

absl::Status WrongText(absl::string_view text, absl::string_view wanted) {
  return absl::InvalidArgumentError(absl::StrCat("'", text, "' is not ", wanted));
}

// At most 32 digits of base 2.
absl::StatusOr<uint32_t> ParseBinary(absl::string_view text, absl::string_view digits) {
  uint32_t number = 0;
  for (const char digit : digits) {
    if (digit != '0' && digit != '1') {
      return WrongText(text, "a binary number");
    }
    number = number << 1 | static_cast<uint32_t>(digit - '0');
  }
  return number;
}

}  // namespace

absl::Status ApplyCpuidModifiers(const CpuTemplate& cpu_template,
                                 std::vector<kvm_cpuid_entry2>& entries) {
  for (const CpuidModifier& modifier : cpu_template.cpuid) {
    const auto entry =
        std::find_if(entries.begin(), entries.end(), [&](const kvm_cpuid_entry2& one) {
          return one.function == modifier.leaf && one.index == modifier.subleaf;
        });
    if (entry == entries.end()) {
      return absl::InvalidArgumentError(
          absl::StrFormat("Template changes a CPUID entry not supported by KVM: Leaf: %x, "
                          "Subleaf: %x",
                          modifier.leaf, modifier.subleaf));
    }
    entry->flags = modifier.flags;
    for (const CpuidModifier::Change& change : modifier.registers) {
      __u32& value = RegisterOf(*entry, change.name);
      value = static_cast<uint32_t>(change.bits.Apply(value));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<uint32_t> ParseTemplateNumber(absl::string_view text) {
  constexpr size_t kMaxBits = 32;
  absl::string_view digits = text;
  if (absl::ConsumePrefix(&digits, "0b") && !digits.empty() && digits.size() <= kMaxBits) {
    return ParseBinary(text, digits);
  }
  uint32_t number = 0;
  if (absl::StartsWith(text, "0x") && text.size() > 2 &&
      absl::ascii_isxdigit(static_cast<unsigned char>(text[2])) &&
      absl::SimpleHexAtoi(text, &number)) {
    return number;
  }
  return WrongText(text, "a number of at most 32 bits with 0x or 0b in front");
}

absl::StatusOr<BitChange> ParseBitmap(absl::string_view text, int width) {
  const absl::string_view digits = absl::StripPrefix(text, "0b");
  BitChange change;
  int count = 0;
  for (const char digit : digits) {
    if (digit == '_') {
      continue;
    }
    if ((digit != '0' && digit != '1' && digit != 'x') || ++count > width) {
      return WrongText(text, absl::StrCat("a bitmap of 0, 1 and x with at most ", width, " bits"));
    }
    change.mask = change.mask << 1 | (digit != 'x' ? 1 : 0);
    change.value = change.value << 1 | (digit == '1' ? 1 : 0);
  }
  if (count == 0) {
    return WrongText(text, "a bitmap: it has no bits");
  }
  return change;
}

absl::StatusOr<CpuidRegister> ParseCpuidRegister(absl::string_view text) {
  if (text == "eax") {
    return CpuidRegister::kEax;
  }
  if (text == "ebx") {
    return CpuidRegister::kEbx;
  }
  if (text == "ecx") {
    return CpuidRegister::kEcx;
  }
  if (text == "edx") {
    return CpuidRegister::kEdx;
  }
  return WrongText(text, "one of eax, ebx, ecx and edx");
}

absl::StatusOr<CapabilityModifier> ParseCapabilityModifier(absl::string_view text) {
  absl::string_view digits = text;
  CapabilityModifier modifier = {.is_required = !absl::ConsumePrefix(&digits, "!")};
  const bool has_digits =
      !digits.empty() && digits.find_first_not_of("0123456789") == absl::string_view::npos;
  if (!has_digits || !absl::SimpleAtoi(digits, &modifier.number)) {
    return WrongText(text, "the number of a KVM capability, with or without ! in front");
  }
  return modifier;
}

}  // namespace mayfly
