// Rules to libseccomp, and its program out of a memfd.

#include "jailer/policy_compiler.h"

#include <linux/memfd.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/owned_fd.h"
#include "base/status.h"
#include "jailer/dword_ranges.h"

namespace mayfly {
namespace {

struct ReleaseContext {
  void operator()(void* context) const { seccomp_release(context); }
};
using Context = std::unique_ptr<void, ReleaseContext>;

uint32_t ActionOf(const FilterActionOptions& options) {
  switch (options.action) {
    case FilterAction::kAllow:
      return SCMP_ACT_ALLOW;
    case FilterAction::kTrap:
      return SCMP_ACT_TRAP;
    case FilterAction::kKillProcess:
      return SCMP_ACT_KILL_PROCESS;
    case FilterAction::kKillThread:
      return SCMP_ACT_KILL_THREAD;
    case FilterAction::kLog:
      return SCMP_ACT_LOG;
    case FilterAction::kErrno:
      return SCMP_ACT_ERRNO(options.data);
    case FilterAction::kTrace:
      return SCMP_ACT_TRACE(options.data);
  }
  return SCMP_ACT_KILL_PROCESS;
}

// libseccomp answers with negative errnos.
absl::Status CompilerError(absl::string_view what, int result) { return ErrnoError(what, -result); }

absl::Status TooLong(absl::string_view count) {
  return absl::InvalidArgumentError(
      absl::StrCat("the filter has ", count, " instructions; the kernel takes ", BPF_MAXINSNS));
}

scmp_compare OperatorOf(CheckOperator op) {
  switch (op) {
    case CheckOperator::kEqual:
      return SCMP_CMP_MASKED_EQ;
    case CheckOperator::kNotEqual:
      return SCMP_CMP_NE;
    case CheckOperator::kLess:
      return SCMP_CMP_LT;
    case CheckOperator::kLessOrEqual:
      return SCMP_CMP_LE;
    case CheckOperator::kGreater:
      return SCMP_CMP_GT;
    case CheckOperator::kGreaterOrEqual:
      return SCMP_CMP_GE;
  }
  return SCMP_CMP_MASKED_EQ;
}

// libseccomp's form of one check: it holds when one of the returned ones does.
std::vector<scmp_arg_cmp> Alternatives(const ArgumentCheck& check) {
  std::vector<scmp_arg_cmp> alternatives;
  if (check.op == CheckOperator::kEqual) {
    alternatives.push_back({.arg = check.index,
                            .op = SCMP_CMP_MASKED_EQ,
                            .datum_a = check.mask,
                            .datum_b = check.value});
  } else if (check.mask == UINT64_MAX) {
    alternatives.push_back(
        {.arg = check.index, .op = OperatorOf(check.op), .datum_a = check.value});
  } else {
    for (const MaskedValue& range : DwordRanges(check.op, static_cast<uint32_t>(check.value))) {
      alternatives.push_back({.arg = check.index,
                              .op = SCMP_CMP_MASKED_EQ,
                              .datum_a = range.mask,
                              .datum_b = range.value});
    }
  }
  return alternatives;
}

// Every choice of one alternative for each check. Each takes an instruction at least.
absl::StatusOr<std::vector<std::vector<scmp_arg_cmp>>> Expand(
    const std::vector<ArgumentCheck>& checks) {
  std::vector<std::vector<scmp_arg_cmp>> all(1);
  for (const ArgumentCheck& check : checks) {
    const std::vector<scmp_arg_cmp> alternatives = Alternatives(check);
    if (all.size() * alternatives.size() > BPF_MAXINSNS) {
      return TooLong(absl::StrCat("more than ", BPF_MAXINSNS));
    }
    std::vector<std::vector<scmp_arg_cmp>> longer;
    for (const scmp_arg_cmp& alternative : alternatives) {
      for (const std::vector<scmp_arg_cmp>& one : all) {
        longer.push_back(one);
        longer.back().push_back(alternative);
      }
    }
    all = std::move(longer);
  }
  return all;
}

absl::Status AddRule(scmp_filter_ctx context, const SyscallRule& rule, uint32_t action) {
  ASSIGN_OR_RETURN(const auto choices, Expand(rule.checks));
  for (const std::vector<scmp_arg_cmp>& checks : choices) {
    const int result = seccomp_rule_add_exact_array(
        context, action, rule.number, static_cast<unsigned>(checks.size()), checks.data());
    if (result != 0) {
      return CompilerError(absl::StrCat("seccomp_rule_add of ", SyscallName(rule.number)), result);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<sock_filter>> ExportProgram(scmp_filter_ctx context) {
  const OwnedFd file(memfd_create("filter", MFD_CLOEXEC));
  if (!file.is_open()) {
    return ErrnoError("memfd_create");
  }
  if (const int result = seccomp_export_bpf(context, file.get()); result != 0) {
    return CompilerError("seccomp_export_bpf", result);
  }
  const off_t size_bytes = lseek(file.get(), 0, SEEK_END);
  std::vector<sock_filter> program(static_cast<size_t>(size_bytes) / sizeof(sock_filter));
  if (pread(file.get(), program.data(), static_cast<size_t>(size_bytes), 0) != size_bytes) {
    return ErrnoError("pread of the program");
  }
  if (program.size() > BPF_MAXINSNS) {
    return TooLong(absl::StrCat(program.size()));
  }
  return program;
}

}  // namespace

absl::StatusOr<std::vector<sock_filter>> CompilePolicy(std::span<const SyscallRule> rules,
                                                       const CompilerOptions& options) {
  const Context context(seccomp_init(ActionOf(options.on_other)));
  if (context == nullptr) {
    return absl::InternalError("seccomp_init");
  }
  // A tree of numbers instead of a list of them.
  constexpr uint32_t kBinaryTree = 2;
  int result = seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_OPTIMIZE, kBinaryTree);
  if (result == 0) {
    result = seccomp_attr_set(context.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
  }
  if (result != 0) {
    return CompilerError("seccomp_attr_set", result);
  }
  for (const SyscallRule& rule : rules) {
    const uint32_t action = rule.refusal_errno == 0
                                ? ActionOf(options.on_match)
                                : SCMP_ACT_ERRNO(static_cast<uint16_t>(rule.refusal_errno));
    RETURN_IF_ERROR(AddRule(context.get(), rule, action));
  }
  return ExportProgram(context.get());
}

std::string SyscallName(int number) {
  const std::unique_ptr<char, decltype(&std::free)> name(
      seccomp_syscall_resolve_num_arch(SCMP_ARCH_X86_64, number), &std::free);
  return name == nullptr ? "?" : name.get();
}

absl::StatusOr<int> SyscallNumber(const std::string& name) {
  const bool is_whole = name.find('\0') == name.npos;
  const int number = seccomp_syscall_resolve_name_arch(SCMP_ARCH_X86_64, name.c_str());
  if (!is_whole || number < 0) {
    return absl::InvalidArgumentError(absl::StrCat("x86-64 has no system call '", name, "'"));
  }
  return number;
}

}  // namespace mayfly
