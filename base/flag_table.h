// FlagTable: command line flags as a table of names, help texts and targets.

#ifndef MAYFLY_BASE_FLAG_TABLE_H_
#define MAYFLY_BASE_FLAG_TABLE_H_

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace mayfly {

// One flag: "--name VALUE" or "--name=VALUE", or "--name" alone when `placeholder` is empty.
struct Flag {
  std::string name;         // with the leading "--"
  std::string placeholder;  // what stands for the value in the help
  std::string help;
  // Takes the value ("" for a flag without one). An error says what is wrong with the value; the
  // name is added.
  std::function<absl::Status(absl::string_view)> apply;
  // May be given several times; `apply` runs for each.
  bool is_repeatable = false;
};

// Built anew for each command line; `apply` writes into the caller's options.
class FlagTable {
 public:
  explicit FlagTable(std::vector<Flag> flags) : flags_(std::move(flags)) {}

  // Applies every argument in order. InvalidArgument for an unknown flag, one given twice, a
  // missing or unexpected value, an argument that is no flag, and what `apply` answers.
  absl::Status Parse(std::span<const char* const> arguments) const;

  // The same for programs with Firecracker's command line, in its words: "--name VALUE" only, where
  // no value begins with "--", and "-h" for "--help". `apply` is called by way of `take`, which
  // says what its error looks like. Returns what follows a "--".
  using Take = absl::FunctionRef<absl::Status(const Flag& flag, absl::string_view value)>;
  absl::StatusOr<std::span<const char* const>> ParseLikeFirecracker(
      std::span<const char* const> arguments, Take take) const;

  // One entry per flag, indented, wrapped to 80 columns.
  std::string Help() const;

 private:
  const Flag* Find(absl::string_view name) const;

  std::vector<Flag> flags_;
};

// A decimal number from `min` to `max`. InvalidArgument that says so.
absl::StatusOr<uint64_t> ParseNumber(absl::string_view text, uint64_t min, uint64_t max);

}  // namespace mayfly

#endif  // MAYFLY_BASE_FLAG_TABLE_H_
