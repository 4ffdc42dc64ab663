// Parses any text as filters: what is taken holds to its ranges, and small filters compile; what is
// not has an error of one line.

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/string_view.h"
#include "base/check.h"
#include "jailer/filter_file.h"
#include "jailer/filter_source.h"
#include "jailer/policy_compiler.h"

namespace mayfly {
namespace {

// Compiling more of them takes too long.
constexpr size_t kSmallRules = 4;
constexpr size_t kSmallChecks = 1;

void CheckRule(const SyscallRule& rule) {
  MAYFLY_CHECK(rule.number >= 0 && SyscallName(rule.number) != "?");
  unsigned seen = 0;
  for (const ArgumentCheck& check : rule.checks) {
    MAYFLY_CHECK(check.index < 6 && (seen & 1u << check.index) == 0);
    seen |= 1u << check.index;
    MAYFLY_CHECK((check.value & ~check.mask) == 0);
    MAYFLY_CHECK(check.op == CheckOperator::kEqual || check.mask == UINT64_MAX ||
                 check.mask == kIntMask);
  }
}

void CheckFilter(const ThreadFilter& filter) {
  std::for_each(filter.rules.begin(), filter.rules.end(), CheckRule);
  const bool is_small =
      filter.rules.size() <= kSmallRules &&
      std::all_of(filter.rules.begin(), filter.rules.end(),
                  [](const SyscallRule& rule) { return rule.checks.size() <= kSmallChecks; });
  if (is_small) {
    const auto program = CompilePolicy(filter.rules, filter.options);
    MAYFLY_CHECK(program.ok() && !program->empty());
  }
}

}  // namespace
}  // namespace mayfly

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto source =
      mayfly::ParseFilterSource(absl::string_view(reinterpret_cast<const char*>(data), size));
  if (!source.ok()) {
    const absl::string_view message = source.status().message();
    MAYFLY_CHECK(!message.empty());
    MAYFLY_CHECK(std::all_of(message.begin(), message.end(), [](char c) {
      return !absl::ascii_iscntrl(static_cast<unsigned char>(c));
    }));
    return 0;
  }
  for (const auto& [thread, filter] : *source) {
    MAYFLY_CHECK(mayfly::IsThreadName(thread));
    mayfly::CheckFilter(filter);
  }
  return 0;
}
