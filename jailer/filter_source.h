// FilterSource: the rules of filters as Firecracker's users write them, in JSON.

#ifndef MAYFLY_JAILER_FILTER_SOURCE_H_
#define MAYFLY_JAILER_FILTER_SOURCE_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "jailer/policy_compiler.h"
#include "jailer/syscall_rule.h"

namespace mayfly {

// Of one kind of thread.
struct ThreadFilter {
  CompilerOptions options;
  std::vector<SyscallRule> rules;
};

// By the thread's name, in small letters.
using FilterSource = std::map<std::string, ThreadFilter>;

// `text` may be anybody's. Its form is that of Firecracker's docs/seccompiler.md, as of its version
// 1.10: an object of threads' names to
//
//   {"default_action": ACTION, "filter_action": ACTION, "filter": [RULE, ...]}
//
// ACTION is "allow", "kill_process", "kill_thread", "log", "trap", {"errno": 0 to 4095} or
// {"trace": 0 to 65535}; RULE is {"syscall": NAME, "args": [CHECK, ...]}, and CHECK is {"index": 0
// to 5, "type": "dword" or "qword", "op": OP, "val": NUMBER} with "eq", "ne", "lt", "le", "gt",
// "ge" or {"masked_eq": MASK} for OP. Rules and checks may have a "comment". A dword is the lower
// half of the argument; what is in the upper one does not matter.
//
// InvalidArgument that says where, "vmm: filter[3]: args[0]: ", and what: a syntax error, a key
// that is unknown, missing or there twice, a wrong type, a number out of range, an unknown system
// call, two checks of one argument, or rules that come to the default action.
absl::StatusOr<FilterSource> ParseFilterSource(absl::string_view text);

}  // namespace mayfly

#endif  // MAYFLY_JAILER_FILTER_SOURCE_H_
