// Parses flags.

#include "base/flag_table.h"

#include <algorithm>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/status.h"

namespace mayfly {
namespace {

constexpr size_t kHelpColumn = 28;
constexpr size_t kHelpWidth = 80;

absl::Status FlagError(absl::string_view name, absl::string_view problem) {
  return absl::InvalidArgumentError(absl::StrCat(name, " ", problem));
}

// Appends `text`, broken at spaces, from kHelpColumn on; the cursor stands there already.
void AppendWrapped(absl::string_view text, std::string& out) {
  size_t column = kHelpColumn;
  for (const absl::string_view word : absl::StrSplit(text, ' ')) {
    if (column > kHelpColumn && column + 1 + word.size() > kHelpWidth) {
      absl::StrAppend(&out, "\n", std::string(kHelpColumn, ' '));
      column = kHelpColumn;
    } else if (column > kHelpColumn) {
      absl::StrAppend(&out, " ");
      ++column;
    }
    absl::StrAppend(&out, word);
    column += word.size();
  }
  absl::StrAppend(&out, "\n");
}

}  // namespace

const Flag* FlagTable::Find(absl::string_view name) const {
  const auto found = std::find_if(flags_.begin(), flags_.end(),
                                  [&](const Flag& flag) { return flag.name == name; });
  return found == flags_.end() ? nullptr : &*found;
}

absl::Status FlagTable::Parse(std::span<const char* const> arguments) const {
  std::set<absl::string_view> seen;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const absl::string_view argument = arguments[i];
    if (!absl::StartsWith(argument, "-")) {
      return FlagError(absl::StrCat("'", argument, "'"), "is not an option");
    }
    const size_t equals = argument.find('=');
    const absl::string_view name = argument.substr(0, equals);
    const Flag* flag = Find(name);
    if (flag == nullptr) {
      return FlagError(name, "is not an option of this command");
    }
    if (!seen.insert(flag->name).second && !flag->is_repeatable) {
      return FlagError(name, "is given twice");
    }
    absl::string_view value;
    if (flag->placeholder.empty()) {
      if (equals != absl::string_view::npos) {
        return FlagError(name, "takes no value");
      }
    } else if (equals != absl::string_view::npos) {
      value = argument.substr(equals + 1);
    } else if (++i < arguments.size()) {
      value = arguments[i];
    } else {
      return FlagError(name, absl::StrCat("needs a value: ", flag->placeholder));
    }
    RETURN_IF_ERROR(Annotate(flag->apply(value), name));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::span<const char* const>> FlagTable::ParseLikeFirecracker(
    std::span<const char* const> arguments, Take take) const {
  const auto fault = [](const auto&... words) {
    return absl::InvalidArgumentError(absl::StrCat(words...));
  };
  std::set<absl::string_view> seen;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const absl::string_view argument = arguments[i];
    if (argument == "--") {
      return arguments.subspan(i + 1);
    }
    const Flag* flag = Find(argument == "-h" ? "--help" : argument);
    const absl::string_view bare = absl::StripPrefix(argument, "--");
    if (flag == nullptr) {
      return fault("Found argument '", bare,
                   "' which wasn't expected, or isn't valid in this context.");
    }
    if (!seen.insert(flag->name).second && !flag->is_repeatable) {
      return fault("The argument '", bare, "' was provided more than once.");
    }
    absl::string_view value;
    if (!flag->placeholder.empty()) {
      if (i + 1 == arguments.size() || absl::StartsWith(arguments[i + 1], "--")) {
        return fault("The argument '", bare, "' requires a value, but none was supplied.");
      }
      value = arguments[++i];
    }
    RETURN_IF_ERROR(take(*flag, value));
  }
  return std::span<const char* const>();
}

std::string FlagTable::Help() const {
  std::string help;
  for (const Flag& flag : flags_) {
    std::string entry =
        absl::StrCat("  ", flag.name, flag.placeholder.empty() ? "" : " ", flag.placeholder);
    if (entry.size() + 1 > kHelpColumn) {
      absl::StrAppend(&entry, "\n", std::string(kHelpColumn, ' '));
    } else {
      entry.resize(kHelpColumn, ' ');
    }
    absl::StrAppend(&help, entry);
    AppendWrapped(flag.help, help);
  }
  return help;
}

absl::StatusOr<uint64_t> ParseNumber(absl::string_view text, uint64_t min, uint64_t max) {
  uint64_t number = 0;
  // SimpleAtoi allows blanks and signs; a flag's value is digits.
  const bool is_digits = !text.empty() && text.find_first_not_of("0123456789") == text.npos;
  if (!is_digits || !absl::SimpleAtoi(text, &number) || number < min || number > max) {
    return absl::InvalidArgumentError(
        absl::StrCat("must be a number from ", min, " to ", max, ", not '", text, "'"));
  }
  return number;
}

}  // namespace mayfly
