// From the JSON tree to rules, checking each type.

#include "jailer/filter_source.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "jailer/filter_file.h"
#include "jailer/filter_json.h"
#include "nlohmann/json.hpp"

namespace mayfly {
namespace {

using Json = nlohmann::json;

// The kernel's MAX_ERRNO: it takes a larger one for this.
constexpr uint64_t kErrnoMax = 4095;
constexpr uint64_t kArgumentMax = 5;

template <typename... Parts>
absl::Status Fault(const Parts&... parts) {
  return absl::InvalidArgumentError(absl::StrCat(parts...));
}

// A text of the file's, for an error, on one line.
std::string Quoted(const std::string& text) {
  return absl::StrCat("'", absl::Utf8SafeCHexEscape(text), "'");
}

bool IsIn(std::initializer_list<const char*> names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// `value` is an object with all of `required`, and nothing else but `optional`.
absl::Status CheckMembers(const Json& value, std::initializer_list<const char*> required,
                          std::initializer_list<const char*> optional) {
  if (!value.is_object()) {
    return Fault("must be an object");
  }
  for (const auto& member : value.items()) {
    if (!IsIn(required, member.key()) && !IsIn(optional, member.key())) {
      return Fault("unknown key ", Quoted(member.key()));
    }
  }
  for (const char* name : required) {
    if (!value.contains(name)) {
      return Fault("'", name, "' is missing");
    }
  }
  if (const auto comment = value.find("comment"); comment != value.end() && !comment->is_string()) {
    return Fault("comment: must be a text");
  }
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> DecodeNumber(const Json& value, uint64_t max) {
  if (!value.is_number_unsigned() || value.get<uint64_t>() > max) {
    return Fault("must be a whole number from 0 to ", max);
  }
  return value.get<uint64_t>();
}

absl::StatusOr<std::string> DecodeText(const Json& value) {
  if (!value.is_string()) {
    return Fault("must be a text");
  }
  return value.get<std::string>();
}

// The number of an object that has the one key `name`.
absl::StatusOr<uint64_t> DecodeTagged(const Json& value, const char* name, uint64_t max) {
  RETURN_IF_ERROR(CheckMembers(value, {name}, {}));
  auto number = DecodeNumber(*value.find(name), max);
  return number.ok() ? number : Annotate(number.status(), name);
}

absl::StatusOr<FilterActionOptions> DecodeAction(const Json& value) {
  constexpr std::array<std::pair<const char*, FilterAction>, 5> kNames = {
      {{"allow", FilterAction::kAllow},
       {"kill_process", FilterAction::kKillProcess},
       {"kill_thread", FilterAction::kKillThread},
       {"log", FilterAction::kLog},
       {"trap", FilterAction::kTrap}}};
  if (value.is_object() && value.contains("trace")) {
    ASSIGN_OR_RETURN(const uint64_t message, DecodeTagged(value, "trace", UINT16_MAX));
    return FilterActionOptions{FilterAction::kTrace, static_cast<uint16_t>(message)};
  }
  if (value.is_object()) {
    ASSIGN_OR_RETURN(const uint64_t error, DecodeTagged(value, "errno", kErrnoMax));
    return FilterActionOptions{FilterAction::kErrno, static_cast<uint16_t>(error)};
  }
  ASSIGN_OR_RETURN(const std::string name, DecodeText(value));
  for (const auto& [known, action] : kNames) {
    if (name == known) {
      return FilterActionOptions{action};
    }
  }
  return Fault("unknown action ", Quoted(name));
}

// Sets operator and mask.
absl::Status DecodeOperator(const Json& value, ArgumentCheck& check) {
  constexpr std::array<std::pair<const char*, CheckOperator>, 6> kNames = {
      {{"eq", CheckOperator::kEqual},
       {"ne", CheckOperator::kNotEqual},
       {"lt", CheckOperator::kLess},
       {"le", CheckOperator::kLessOrEqual},
       {"gt", CheckOperator::kGreater},
       {"ge", CheckOperator::kGreaterOrEqual}}};
  if (value.is_object()) {
    ASSIGN_OR_RETURN(const uint64_t mask, DecodeTagged(value, "masked_eq", UINT64_MAX));
    check.mask &= mask;
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const std::string name, DecodeText(value));
  for (const auto& [known, op] : kNames) {
    if (name == known) {
      check.op = op;
      return absl::OkStatus();
    }
  }
  return Fault("unknown operator ", Quoted(name));
}

absl::StatusOr<ArgumentCheck> DecodeCheck(const Json& value) {
  RETURN_IF_ERROR(CheckMembers(value, {"index", "type", "op", "val"}, {"comment"}));
  const auto index = DecodeNumber(*value.find("index"), kArgumentMax);
  RETURN_IF_ERROR(Annotate(index.status(), "index"));
  const auto type = DecodeText(*value.find("type"));
  RETURN_IF_ERROR(Annotate(type.status(), "type"));
  if (*type != "dword" && *type != "qword") {
    return Fault("type: must be 'dword' or 'qword', not ", Quoted(*type));
  }
  ArgumentCheck check = {.index = static_cast<unsigned>(*index),
                         .mask = *type == "dword" ? kIntMask : UINT64_MAX};
  const auto number = DecodeNumber(*value.find("val"), check.mask);
  RETURN_IF_ERROR(Annotate(number.status(), "val"));
  RETURN_IF_ERROR(Annotate(DecodeOperator(*value.find("op"), check), "op"));
  check.value = *number & check.mask;
  return check;
}

absl::Status DecodeChecks(const Json& value, std::vector<ArgumentCheck>& checks) {
  if (!value.is_array()) {
    return Fault("args: must be an array");
  }
  for (const Json& one : value) {
    auto check = DecodeCheck(one);
    RETURN_IF_ERROR(Annotate(check.status(), absl::StrCat("args[", checks.size(), "]")));
    if (std::any_of(checks.begin(), checks.end(),
                    [&](const ArgumentCheck& other) { return other.index == check->index; })) {
      return Fault("args[", checks.size(), "]: argument ", check->index,
                   " has a check already; libseccomp takes one");
    }
    checks.push_back(*check);
  }
  return absl::OkStatus();
}

absl::StatusOr<SyscallRule> DecodeRule(const Json& value) {
  RETURN_IF_ERROR(CheckMembers(value, {"syscall"}, {"comment", "args"}));
  const auto name = DecodeText(*value.find("syscall"));
  RETURN_IF_ERROR(Annotate(name.status(), "syscall"));
  const auto number = SyscallNumber(*name);
  if (!number.ok()) {
    return Fault("syscall: x86-64 has no ", Quoted(*name));
  }
  SyscallRule rule = {.number = *number};
  if (const auto checks = value.find("args"); checks != value.end()) {
    RETURN_IF_ERROR(DecodeChecks(*checks, rule.checks));
  }
  return rule;
}

absl::StatusOr<ThreadFilter> DecodeThread(const Json& value) {
  RETURN_IF_ERROR(CheckMembers(value, {"default_action", "filter_action", "filter"}, {}));
  const auto on_other = DecodeAction(*value.find("default_action"));
  RETURN_IF_ERROR(Annotate(on_other.status(), "default_action"));
  const auto on_match = DecodeAction(*value.find("filter_action"));
  RETURN_IF_ERROR(Annotate(on_match.status(), "filter_action"));
  const Json& rules = *value.find("filter");
  if (!rules.is_array()) {
    return Fault("filter: must be an array");
  }
  if (!rules.empty() && *on_other == *on_match) {
    return Fault("filter_action: is the default_action, so that the filter would do nothing");
  }
  ThreadFilter filter = {.options = {.on_other = *on_other, .on_match = *on_match}};
  for (const Json& one : rules) {
    auto rule = DecodeRule(one);
    RETURN_IF_ERROR(Annotate(rule.status(), absl::StrCat("filter[", filter.rules.size(), "]")));
    filter.rules.push_back(*std::move(rule));
  }
  return filter;
}

}  // namespace

absl::StatusOr<FilterSource> ParseFilterSource(absl::string_view text) {
  ASSIGN_OR_RETURN(const Json root, ParseFilterJson(text));
  if (!root.is_object()) {
    return Fault("must be an object of threads");
  }
  FilterSource source;
  for (const auto& member : root.items()) {
    const std::string name = absl::AsciiStrToLower(member.key());
    if (!IsThreadName(name)) {
      return Fault(Quoted(member.key()), ": a thread's name has 1 to 32 letters or '_'");
    }
    auto filter = DecodeThread(member.value());
    RETURN_IF_ERROR(Annotate(filter.status(), name));
    if (!source.emplace(name, *std::move(filter)).second) {
      return Fault(name, ": a thread with that name, in other letters, was there before");
    }
  }
  return source;
}

}  // namespace mayfly
